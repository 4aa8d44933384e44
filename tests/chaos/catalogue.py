"""Every fault that `make chaos` brings about, what must hold under it, how often, and which figures it takes.

The table of docs/reliability.md is written from here. A fault without a test fails the run.
"""

from dataclasses import dataclass
from typing import Literal

Of = Literal["worst", "p99", "least", "sum", "median"]

INVARIANTS = {
    "I1": "Every acknowledged completion is in the ledger exactly once.",
    "I2": "A score is the fold of the ledger, on every board.",
    "I3": "The ledger's numbers are dense, and its chain verifies.",
    "I4": "What was counted but not acknowledged comes back as the same result on a retry.",
    "I5": "After quiet, every leaderboard equals `ORDER BY` with the tie rule.",
    "I6": "What a watcher saw is a state of the published sequence; on a connection the sequence never goes back, "
    "and there is no gap without a snapshot.",
    "I7": "Held, hidden and banned points are in no public view.",
    "I8": "One action token counts at most once, also when it is sent many times at once.",
    "I9": "A revoked session has no effect after 1 s.",
    "I10": "The audit log verifies, and holds a row for each change of state that was made.",
    "I11": "A refused request changed no score, action, ledger or audit row.",
    "I12": "Every refusal is logged once.",
}
LEDGER = ("I1", "I2", "I3", "I4", "I5")
ALL = tuple(INVARIANTS)


@dataclass(frozen=True, slots=True)
class Figure:
    """A number that a fault takes.

    ``of`` says which of its samples counts. With ``at_most`` or ``at_least`` the run fails beyond it. A quick run,
    which shares its machine with other tests, allows ``SLACK`` times as much where the unit is a time.
    """

    name: str
    words: str
    unit: str = "s"
    of: Of = "worst"
    at_most: float | None = None
    at_least: float | None = None


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault. ``full`` and ``quick`` say how many rounds (or ``counted`` things) a run of each kind makes."""

    name: str
    title: str
    expected: str
    full: int
    quick: int
    holds: tuple[str, ...] = LEDGER
    figures: tuple[Figure, ...] = ()
    counted: str = "rounds"
    minutes: float = 15.0
    """After how long a full run of it is given up."""


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """Attacks that the security tests make, with counts of their own that `make test-full` demands."""

    title: str
    expected: str
    tests: tuple[str, ...]
    counts: tuple[str, ...] = ()


SLACK = 5.0

_RETRY = Figure("answer_s", "until a client that insists has its answer, 99th percentile", of="p99", at_most=3.0)
_CAUGHT_UP = Figure("caught_up_s", "from its being ready again until nothing is left to do", at_most=2.0)
_ANSWERS = Figure("answers", "completions acknowledged during it", "", of="sum")
_STALE = Figure("stale_s", "the longest that a page lagged behind an answer", at_most=5.0)
_STALE_AFTER_STOP = Figure(
    "stale_s", "the longest that a page lagged behind an answer, the 5 s of the stop included", at_most=10.0
)
_READS = Figure("reads", "pages of the board that were checked", "", of="sum")
_REBUILT = Figure("rebuilt_s", "until a board of a few players is read from Redis again, Redis being there")

PROCESSES = (
    Fault(
        "kill-api",
        "kill -9 of an API process under load, two being there in turn",
        "nothing acknowledged is lost or counted twice; clients that retry have their answer within 3 s (p99)",
        full=20,
        quick=2,
        holds=ALL,
        figures=(_RETRY, _ANSWERS),
    ),
    Fault(
        "kill-worker",
        "kill -9 of the worker under load",
        "what it left is caught up within 2 s of its return",
        full=20,
        quick=1,
        figures=(_CAUGHT_UP, _ANSWERS),
    ),
    Fault(
        "kill-realtime",
        "kill -9 of the realtime service under load, sockets of both kinds connected",
        "sockets resume with no gap and are up to date within 2 s of its return",
        full=20,
        quick=2,
        holds=("I1", "I5", "I6", "I7"),
        figures=(_CAUGHT_UP, Figure("reconnections", "connections that were made again", "", of="sum"), _ANSWERS),
    ),
    Fault(
        "kill-ml",
        "kill -9 of the anti-cheat's model under load",
        "its place in the ledger is at the end within 2 s of its being ready; no entry is judged twice or left out",
        full=20,
        quick=1,
        figures=(_CAUGHT_UP, _ANSWERS),
    ),
    Fault(
        "stop-api",
        "SIGSTOP of an API process for 5 s, another takes over, then it wakes up",
        "fenced: what it writes late is refused by version",
        full=10,
        quick=1,
        holds=("I1", "I2", "I3", "I4", "I5", "I8"),
        figures=(
            Figure("answer_s", "until a client that insists has its answer, 99th percentile", of="p99"),
            _STALE,
            _ANSWERS,
        ),
    ),
    Fault(
        "stop-worker",
        "SIGSTOP of the worker for 5 s, another takes over, then it wakes up",
        "fenced: what it writes late is refused by version; its leases were taken over",
        full=10,
        quick=1,
        figures=(_CAUGHT_UP, _ANSWERS),
    ),
    Fault(
        "stop-realtime",
        "SIGSTOP of the realtime service for 5 s",
        "sockets stay or resume with no gap, and are up to date within 2 s of its waking up",
        full=10,
        quick=1,
        holds=("I1", "I5", "I6", "I7"),
        figures=(_CAUGHT_UP, _ANSWERS),
    ),
    Fault(
        "stop-ml",
        "SIGSTOP of the anti-cheat's model for 5 s",
        "it goes on where it was; no entry is judged twice or left out",
        full=10,
        quick=1,
        figures=(_CAUGHT_UP, _ANSWERS),
    ),
    Fault(
        "rolling-restart",
        "SIGTERM of each of two API processes and of two realtime ones in turn, under load",
        "no request fails, each being sent once; sockets get 1012 and resume",
        full=20,
        quick=1,
        holds=("I1", "I2", "I3", "I5", "I6"),
        figures=(
            Figure("failed", "requests that failed", "", of="sum", at_most=0),
            Figure("moved", "sockets that were closed with 1012 and resumed", "", of="sum", at_least=1),
            _ANSWERS,
        ),
    ),
)

STORES = (
    Fault(
        "redis-flush",
        "FLUSHALL of Redis under load",
        "writes never fail; no wrong rank meanwhile; rebuilt within 2 s at 100,000 players",
        full=10,
        quick=1,
        holds=(*LEDGER, "I7"),
        figures=(_REBUILT, _STALE, _READS, _ANSWERS),
    ),
    Fault(
        "redis-flush-large",
        "FLUSHALL of Redis with 100,000 players on the board, under load",
        "writes never fail; no wrong rank meanwhile; rebuilt within 2 s",
        full=3,
        quick=1,
        holds=("I1", "I5", "I7"),
        figures=(
            Figure(
                "rebuilt_s",
                "until the large board (a quick run's has 20,000 players) is read from Redis again",
                at_most=2.0,
            ),
            _ANSWERS,
        ),
    ),
    Fault(
        "redis-kill",
        "kill -9 of Redis under load, and an empty one in its place",
        "writes never fail; no wrong rank meanwhile; rebuilt after its return",
        full=10,
        quick=1,
        holds=(*LEDGER, "I7"),
        figures=(_REBUILT, _STALE, _READS, _ANSWERS),
    ),
    Fault(
        "stop-redis",
        "SIGSTOP of Redis for 5 s under load",
        "writes never fail; no wrong rank meanwhile; what it missed is in it within 5 s of its waking up",
        full=10,
        quick=1,
        holds=(*LEDGER, "I7"),
        figures=(_REBUILT, _STALE_AFTER_STOP, _READS, _ANSWERS),
    ),
    Fault(
        "postgres-restart",
        "immediate stop of Postgres under load, and its restart",
        "only 503 with Retry-After; nothing is lost; every loop is alive afterwards",
        full=8,
        quick=1,
        holds=(*LEDGER, "I12"),
        figures=(
            Figure("back_s", "from Postgres's taking connections until a completion is acknowledged"),
            Figure("refused", "requests that were refused with 503 and Retry-After", "", of="sum"),
            _ANSWERS,
        ),
    ),
    Fault(
        "terminated-backends",
        "all connections to Postgres terminated every 0.5 s under load",
        "only 503 with Retry-After; nothing is lost; every loop is alive afterwards",
        full=20,
        quick=4,
        figures=(Figure("terminated", "connections that were terminated", "", of="sum"), _ANSWERS),
    ),
    Fault(
        "read-only-postgres",
        "Postgres turns read-only under load",
        "503 with Retry-After, boards stay readable, no process ends; all goes on when it may write again",
        full=1,
        quick=1,
        holds=(*LEDGER, "I11"),
        figures=(Figure("refused", "requests that were refused with 503 and Retry-After", "", of="sum"), _ANSWERS),
    ),
    Fault(
        "disk-full",
        "the disk of Postgres is full",
        "503 with Retry-After, no process ends, Postgres needs no help; all goes on when there is room again",
        full=1,
        quick=1,
        holds=LEDGER,
        figures=(Figure("refused", "requests that were refused with 503 and Retry-After", "", of="sum"), _ANSWERS),
    ),
)
