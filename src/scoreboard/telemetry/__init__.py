"""What processes tell about themselves: metrics, logs, traces. Callers say ``telemetry.X``, wherever X is defined."""

from scoreboard.telemetry.background import start_nobodys_task as start_nobodys_task
from scoreboard.telemetry.clock import utc_now as utc_now
from scoreboard.telemetry.exposition import exposed as exposed
from scoreboard.telemetry.exposition import serve_metrics as serve_metrics
from scoreboard.telemetry.logs import configure_logs as configure_logs
from scoreboard.telemetry.logs import served_request as served_request
from scoreboard.telemetry.logs import serving as serving
from scoreboard.telemetry.logs import told_by as told_by
from scoreboard.telemetry.metrics import *  # noqa: F403 - one line for each of a hundred metrics would tell nothing
from scoreboard.telemetry.refusals import connect_refused as connect_refused
from scoreboard.telemetry.refusals import rejected as rejected
from scoreboard.telemetry.requests import answered as answered
from scoreboard.telemetry.requests import counted_by_handler as counted_by_handler
from scoreboard.telemetry.tracing import NO_SPAN as NO_SPAN
from scoreboard.telemetry.tracing import Block as Block
from scoreboard.telemetry.tracing import batch_span as batch_span
from scoreboard.telemetry.tracing import begin_tracing as begin_tracing
from scoreboard.telemetry.tracing import carried_span as carried_span
from scoreboard.telemetry.tracing import end_tracing as end_tracing
from scoreboard.telemetry.tracing import exemplar as exemplar
from scoreboard.telemetry.tracing import fail_span as fail_span
from scoreboard.telemetry.tracing import request_span as request_span
from scoreboard.telemetry.tracing import span as span
from scoreboard.telemetry.tracing import traceparent as traceparent
