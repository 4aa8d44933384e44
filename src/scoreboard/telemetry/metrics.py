"""Every metric. The only module that names one.

Labels are bounded: never a player, an action, an address or a raw path.
"""

from collections.abc import Iterable
from itertools import product

from prometheus_client import Counter, Gauge, Histogram

from scoreboard.domain.errors import ErrorCode, layer_of
from scoreboard.domain.events import Verdict
from scoreboard.domain.model import Found, ModelStage
from scoreboard.domain.review import ReviewDecision
from scoreboard.domain.signals import Signal

_FAST = (0.001, 0.0025, 0.005, 0.01, 0.015, 0.025, 0.05, 0.1, 0.15, 0.3, 0.5, 1, 2.5, 5, 10)
_SIZES = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000)
_BRIEF = (0.00005, 0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 5)
_COARSE = (0.1, 0.5, 1)
_SHARES = (0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 1)
_PATIENT = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300)
_LAGS = (0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5)

BUILD_INFO = Gauge("scoreboard_build_info", "1 for the version that runs", ["service", "version"])
STORE_UP = Gauge("scoreboard_store_up", "1 while this process reaches the store", ["store"])
LOOP_LAG = Histogram("scoreboard_loop_lag_seconds", "How late the event loop comes back from a pause", buckets=_LAGS)
REJECTIONS = Counter("scoreboard_rejections", "Refused requests and messages", ["layer", "code"])
ACTIONS_CREATED = Counter("scoreboard_actions_created", "Actions begun", ["kind"])
ACTIONS_COMPLETED = Counter("scoreboard_actions_completed", "Completions saved", ["kind", "verdict"])
POINTS = Counter("scoreboard_points_magnitude", "Sum of the absolute points of saved completions", ["kind"])
BATCH_ITEMS = Histogram("scoreboard_batch_items", "Items that shared one flush", ["stage"], buckets=_SIZES)
STAGE_SECONDS = Histogram("scoreboard_stage_seconds", "Time a flush spends in one stage", ["stage"], buckets=_FAST)
STANDING_DELAY = Gauge(
    "scoreboard_standing_delay_seconds", "The least time that work waited for the process in the last half second"
)
SHED = Counter("scoreboard_requests_shed", "Requests refused before any work, by how late their kind is", ["rank"])
QUEUE_ITEMS = Gauge("scoreboard_queue_items", "Items waiting for the next flush", ["stage"])
REQUEST_SECONDS = Histogram(
    "scoreboard_request_seconds", "Requests by the template of their route", ["route", "status"], buckets=_FAST
)
# The names of prometheus-fastapi-instrumentator, so that dashboards made for it work; it sees none of the hot routes.
HTTP_REQUESTS = Counter("http_requests", "Requests by the template of their route", ["handler", "method", "status"])
HTTP_SECONDS = Histogram(
    "http_request_duration_seconds", "Requests by the template of their route", ["handler", "method"], buckets=_COARSE
)
REQUESTS_FAILED = Counter(
    "scoreboard_requests_failed", "Requests answered with 5xx; without probes and what is closed on purpose", ["status"]
)
DATABASE_POOL = Gauge("scoreboard_database_pool_connections", "Connections that this process may have at once")
DATABASE_IN_USE = Gauge("scoreboard_database_connections_in_use", "Connections that a transaction holds now")
DATABASE_WAIT = Histogram(
    "scoreboard_database_wait_seconds", "Until a transaction had its connection; the count is all tries", buckets=_FAST
)
TRANSACTION_FAILURES = Counter("scoreboard_transaction_failures", "Transactions given up", ["reason"])
TRANSACTION_RETRIES = Counter("scoreboard_transaction_retries", "Transactions run again", ["reason"])
REDIS_FAILURES = Counter("scoreboard_redis_failures", "Calls to Redis that failed", ["call"])
CACHE_READS = Counter("scoreboard_cache_reads", "Board reads by where the answer came from", ["level"])
SECURITY_INCIDENTS = Counter(
    "scoreboard_security_incidents", "Blocks for too many failures of signature, replay or authentication", ["subject"]
)
AUTH_EVENTS = Counter("scoreboard_auth_events", "Log-ins, refreshes, log-outs", ["event"])
PROVIDER_READS = Counter("scoreboard_provider_reads", "Looks for the provider's and the cluster's keys", ["outcome"])
SIGNALS = Counter("scoreboard_anticheat_signals", "Oddities that completions told of, refused ones too", ["signal"])
SUSPICION = Histogram(
    "scoreboard_anticheat_suspicion_ratio", "Suspicion of the player when a completion was judged", buckets=_SHARES
)
ANTICHEAT_SECONDS = Histogram(
    "scoreboard_anticheat_seconds", "Time in which an engine judged what came together", ["engine"], buckets=_BRIEF
)
AUTOMATIC_SUSPENSIONS = Counter("scoreboard_automatic_suspensions", "Players whom the anti-cheat suspended")
MODEL_WINDOWS = Counter(
    "scoreboard_model_windows", "Windows that a model scored, and what it found", ["stage", "found"]
)
MODEL_VERDICTS = Counter("scoreboard_model_verdicts", "What the model's findings led to", ["verdict"])
MODEL_EVENTS = Counter("scoreboard_model_events", "Completions that the model has taken in")
MODEL_VERDICT_SECONDS = Histogram(
    "scoreboard_model_verdict_seconds", "From the completion that ends a window to its stored verdict", buckets=_PATIENT
)
MODEL_BEHIND = Gauge("scoreboard_model_behind_entries", "Ledger entries that the model has not seen yet")
MODEL_AGE = Gauge("scoreboard_model_age_seconds", "Time since the model in use was allowed to do what it does")
MODEL_STAGE = Gauge("scoreboard_model_stage", "1 for the stage of the model in use; off where none is asked", ["stage"])
MODEL_PLAYERS = Gauge("scoreboard_model_players", "Players whose last completions are in memory")
MODEL_REFUSED = Counter("scoreboard_model_artefacts_refused", "Models that were not loaded", ["reason"])
MODEL_CANARIES = Gauge(
    "scoreboard_model_canaries_equal", "1 while windows with known scores come out to the bit as before"
)
MODEL_DRIFT = Gauge("scoreboard_model_drift_psi", "Population stability index against honest people", ["feature"])
MODEL_SCORE = Gauge("scoreboard_model_score", "Quantiles of the latest raw scores", ["quantile"])
MODEL_FLAG_RATE = Gauge("scoreboard_model_flag_rate", "Share of players of the last day whom the model would flag")
MODEL_PRECISION = Gauge("scoreboard_model_review_precision", "Share of the model's cases that reviewers confirmed")
MODEL_DISAGREEMENT = Gauge("scoreboard_model_disagreement", "Share of windows that only one of both models would flag")
REVIEW_OPEN = Gauge("scoreboard_review_cases", "Review cases that wait for a decision")
REVIEW_OVERDUE = Gauge("scoreboard_review_overdue_cases", "Review cases past their time")
REVIEW_OLDEST = Gauge("scoreboard_review_oldest_seconds", "Age of the oldest review case that is not decided")
REVIEW_HELD = Gauge("scoreboard_review_held_actions", "Actions whose points wait for a decision")
REVIEW_OPENED = Gauge("scoreboard_review_opened_cases", "Review cases of the last 24 hours", ["source", "verdict"])
REVIEW_DECISIONS = Counter("scoreboard_review_decisions", "Decided review cases", ["decision", "by"])
REVIEW_RELEASE_FAILURES = Counter("scoreboard_review_release_failures", "Tries to release an overdue case that failed")
REPORTS = Counter("scoreboard_player_reports", "Reports of players about others", ["reason"])
APPEALS = Counter("scoreboard_appeals", "Appeals against decisions")
OUTBOX_PENDING = Gauge("scoreboard_outbox_pending", "Saved facts that are not announced yet")
OUTBOX_AGE = Gauge("scoreboard_outbox_oldest_seconds", "Age of the oldest fact that is not announced yet")
EVENTS_PUBLISHED = Counter("scoreboard_events_published", "Items appended to the stream")
EVENT_DELIVERY = Histogram(
    "scoreboard_event_delivery_seconds", "From a batch's commit until a realtime process has read it", buckets=_PATIENT
)
STREAM_LAG = Gauge("scoreboard_stream_lag_items", "Items of the stream that this process has not read yet")
TRACE_SPANS = Counter("scoreboard_trace_spans", "Spans by what became of them", ["outcome"])
LOOP_FAILURES = Counter("scoreboard_loop_failures", "Supervised loops that failed and were restarted", ["loop"])
LOOP_LAST_SUCCESS = Gauge(
    "scoreboard_loop_last_success_seconds", "When a supervised loop last finished a round", ["loop"]
)
LEADERBOARD_DRIFT = Gauge(
    "scoreboard_leaderboard_drift_entries", "Sampled entries that differ from Postgres", ["board"]
)
LEADERBOARD_DRIFTED = Counter(
    "scoreboard_leaderboard_drifted_entries", "Entries that the self-audit found to differ from Postgres", ["board"]
)
LEADERBOARD_UPDATE = Histogram(
    "scoreboard_leaderboard_update_seconds", "Time to project one batch into Redis and publish it", buckets=_FAST
)
LEADERBOARD_REBUILDS = Counter("scoreboard_leaderboard_rebuilds", "Leaderboards rebuilt from Postgres", ["outcome"])
JOBS_FINISHED = Counter("scoreboard_jobs_finished", "Asynchronous actions by how they ended", ["status"])
JOBS_GIVEN_UP = Counter("scoreboard_jobs_given_up", "Asynchronous actions that no try could finish")
SEASONS_CLOSED = Counter("scoreboard_seasons_closed", "Seasons whose final standings were written")
CONNECTIONS = Gauge("scoreboard_realtime_connections", "Open live connections", ["transport"])
CONNECTS = Counter("scoreboard_realtime_connects", "Live connections accepted", ["transport"])
CONNECTS_REFUSED = Counter(
    "scoreboard_realtime_connects_refused", "Live connections that were not let in", ["transport", "code"]
)
DISCONNECTS = Counter("scoreboard_realtime_disconnects", "Live connections ended", ["reason"])
MESSAGES_SENT = Counter("scoreboard_realtime_messages", "Messages handed to connections", ["type"])
MESSAGES_DROPPED = Counter("scoreboard_realtime_dropped", "Messages not sent to a slow connection", ["reason"])
BACKLOG = Gauge("scoreboard_realtime_backlog_bytes", "Bytes that wait in the sockets of this process")
RESUMES = Counter("scoreboard_realtime_resumes", "How a reconnect was answered", ["result"])
COMMIT_TO_SOCKET = Histogram("scoreboard_commit_to_socket_seconds", "From the commit to the socket", buckets=_FAST)
FANOUT_SECONDS = Histogram("scoreboard_fanout_seconds", "Time to hand one frame to a whole room", buckets=_FAST)
DRAINING = Gauge("scoreboard_draining", "1 while the process is shutting down")
REQUESTS_IN_FLIGHT = Gauge("scoreboard_requests_in_flight", "HTTP requests that are being answered")
SCHEMA_INFO = Gauge(
    "scoreboard_schema_revision_info",
    "Always 1: the schema's revision, and the one this version needs at least",
    ["revision", "needed"],
)
SCHEMA_MISMATCH = Gauge("scoreboard_schema_mismatch", "1 while the schema is not there or too old for this version")
OPERATOR_RECONCILES = Counter(
    "scoreboard_operator_reconciles", "Rounds for a resource of the cluster", ["resource", "outcome"]
)
OPERATOR_OBJECTS = Gauge("scoreboard_operator_objects", "Resources by how they stand", ["resource", "condition"])
OPERATOR_DRIFT = Counter(
    "scoreboard_operator_drift_corrections", "Resources put right that were changed on the platform", ["resource"]
)
OPERATOR_ROUND_SECONDS = Histogram(
    "scoreboard_operator_round_seconds", "Time of a round, the API's answer included", ["resource"], buckets=_FAST
)
OPERATOR_WATCH_AGE = Gauge(
    "scoreboard_operator_watch_age_seconds", "Time since a kind was last listed or its watch begun anew", ["resource"]
)


def _from_zero(metric: Counter | Gauge | Histogram, *values: Iterable[str]) -> None:
    """Make every series of bounded labels: an idle process tells 0 then, where an autoscaler would see nothing."""
    for combination in product(*values):
        metric.labels(*combination)


for _code in ErrorCode:
    REJECTIONS.labels(layer_of(_code), _code)
_from_zero(QUEUE_ITEMS, ("guard", "create", "complete", "own_place", "around"))
_from_zero(SHED, ("looks", "begins", "completes"))
_from_zero(BATCH_ITEMS, ("create", "complete"))
_from_zero(STAGE_SECONDS, ("commit",))
_from_zero(TRACE_SPANS, ("sent", "failed", "dropped"))
_from_zero(TRANSACTION_RETRIES, ("conflict", "lost"))
_from_zero(CACHE_READS, ("l1", "l2", "leaderboard", "postgres"))
_from_zero(SECURITY_INCIDENTS, ("address", "player"))
_from_zero(AUTH_EVENTS, ("registered", "logged_in", "exchanged", "refreshed", "logged_out", "password_changed"))
_from_zero(AUTH_EVENTS, ("failed", "refresh_reused"))
_from_zero(PROVIDER_READS, ("read", "failed"))
_from_zero(SIGNALS, Signal)
_from_zero(ANTICHEAT_SECONDS, ("inline", "model"))
_from_zero(MODEL_WINDOWS, ModelStage, Found)
_from_zero(MODEL_VERDICTS, Verdict)
_from_zero(MODEL_STAGE, ("off", "none", "shadow", "canary", "hold", "suspend"))
_from_zero(REVIEW_DECISIONS, ReviewDecision, ("person", "deadline"))
_from_zero(REPORTS, ("cheating", "name", "other"))
_from_zero(LEADERBOARD_REBUILDS, ("done", "lost"))
_from_zero(JOBS_FINISHED, ("succeeded", "failed"))
_from_zero(CONNECTIONS, ("socketio", "websocket", "sse"))
_from_zero(CONNECTS, ("socketio", "websocket", "sse"))
_from_zero(MESSAGES_DROPPED, ("slow", "news_overflow"))
_from_zero(RESUMES, ("current", "replayed", "snapshot"))
# Beside them what only alerts ask for; a counter that begins with its first event hides that event from rate().
_from_zero(REQUESTS_FAILED, ("500", "503", "504"))
_from_zero(TRANSACTION_FAILURES, ("timeout", "contended", "unavailable", "pool"))
_from_zero(
    CONNECTS_REFUSED,
    ("socketio", "websocket", "sse"),
    (ErrorCode.OVERLOADED, ErrorCode.DRAINING, ErrorCode.DEPENDENCY_UNAVAILABLE, ErrorCode.INTERNAL_ERROR),
)


def operator_begins(resources: Iterable[str], conditions: Iterable[str], outcomes: Iterable[str]) -> None:
    """Make the operator's series, in its own process only: what a resource is called elsewhere nobody knows here."""
    _from_zero(OPERATOR_RECONCILES, resources, outcomes)
    _from_zero(OPERATOR_OBJECTS, resources, conditions)
    for metric in (OPERATOR_DRIFT, OPERATOR_ROUND_SECONDS, OPERATOR_WATCH_AGE):
        _from_zero(metric, resources)
