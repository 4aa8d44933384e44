"""Faults of networks, clients, clocks and load, and the attacks that the security tests make."""

from tests.chaos.catalogue import PROCESSES, STORES, Elsewhere, Fault, Figure

_GROWN = Figure("grown_mib", "memory that the process kept of it", "MiB", at_most=20.0)

NETWORKS = (
    Fault(
        "partition",
        "the API is cut off from Redis or Postgres, both ways or one way, for 60 s",
        "the table of fail-open and fail-closed holds all the time; what arrives late harms nothing; healed within 5 s",
        full=4,
        quick=4,
        counted="partitions",
        figures=(
            Figure("healed_s", "from its end until boards are fresh, the probe says ok, a score is taken", at_most=5.0),
            Figure("slowest_s", "the longest that anybody waited for an answer"),
            Figure("looks", "times that everything was asked for", "", of="sum"),
            Figure("refused", "requests that were refused and made again", "", of="sum"),
            Figure("answers", "completions acknowledged", "", of="sum"),
        ),
    ),
    Fault(
        "bad-network",
        "the API's ways to its stores: 200 ms slower; 1 % of pieces reset; all connections half-open",
        "no pile-up: few requests under way, memory flat; what is taken takes at most twice what it takes alone",
        full=3,
        quick=3,
        counted="networks",
        holds=("I1", "I2", "I3", "I5"),
        figures=(
            Figure("alone_s", "200 ms slower: 99 of 100 scores that come alone"),
            Figure("slow_p99_s", "200 ms slower: 99 of 100 scores that are taken while 20 come a second"),
            Figure("beyond_twice_s", "200 ms slower: that beyond twice what one takes alone", at_most=0.5),
            Figure("slow_taken", "200 ms slower: scores that were taken at the first try", "%", of="least"),
            Figure("broken", "connections that were reset", "", of="sum"),
            Figure("resets_taken", "resets: scores that were taken at the first try", "%", of="least"),
            Figure("half_open_back_s", "half-open: until scores are taken again", at_most=10.0),
            Figure("in_flight", "requests under way at once", ""),
            Figure("queued", "items in the longest queue", ""),
            _GROWN,
        ),
    ),
)

CLIENTS = (
    Fault(
        "lost-answer",
        "the answer is lost after the commit, between the API and its client",
        "asked again with the key the same answer comes, without one its result; it is in the ledger once",
        full=1000,
        quick=100,
        counted="answers",
        holds=("I1", "I2", "I3", "I4", "I5"),
        figures=(Figure("lost", "answers that were lost", "", of="sum"),),
    ),
    Fault(
        "parallel-completions",
        "100 completions of one action token at once: without a key, with one for all, with one for each",
        "one counts; all others are told its result, or to ask again in a moment",
        full=200,
        quick=6,
        holds=("I1", "I2", "I3", "I5", "I8"),
        figures=(
            Figure("tries", "completions that were sent", "", of="sum"),
            Figure("counted", "completions that counted", "", of="sum"),
        ),
    ),
    Fault(
        "client-clock",
        "a player's clock is 30 s or 90 s behind or ahead",
        "30 s behind is let in; else STALE_REQUEST with the server's time, after which our client succeeds",
        full=4,
        quick=4,
        counted="clocks",
        holds=("I1", "I2", "I3", "I5"),
        figures=(Figure("corrected", "clients that had to go by the server's clock", "", of="sum", at_least=2),),
    ),
)

CROWDS = (
    Fault(
        "reconnect-storm",
        "kill -9 of both realtime processes with 2,000 sockets, which come back at once",
        "all up to date within 15 s; a process reads the board once for all, and when it has joined the stream",
        full=5,
        quick=1,
        holds=("I2", "I3", "I6"),
        figures=(
            Figure("resynced_s", "from the processes being started until every socket is up to date", at_most=15.0),
            Figure("top_queries", "reads of the board by a process", ""),
            Figure("sockets_a_query", "sockets that one read was for", "", of="least", at_least=20),
            Figure("sockets", "sockets", ""),
        ),
    ),
    Fault(
        "never-reads",
        "50 sockets that subscribe and never read",
        "dropped; memory grows by less than 20 MiB; others wait less than a tenth longer",
        full=3,
        quick=1,
        holds=("I2", "I3"),
        figures=(
            Figure("dropped", "sockets that were dropped", "", of="sum", at_least=50),
            Figure("dropped_s", "until the last of them was dropped"),
            Figure("usual_ms", "commit to all 20 who read, without them (median)", "ms", of="median"),
            Figure("disturbed_ms", "commit to all 20 who read, beside them (median)", "ms", of="median"),
            Figure("beyond_tenth_s", "that beyond 1.1 times the usual", at_most=0.01),
            _GROWN,
        ),
    ),
    Fault(
        "malformed-sockets",
        "12 clients at once send garbage made at random: frames, depth, binary, floods, a megabyte",
        "at worst the socket ends that it came by; a watcher hears every score meanwhile",
        full=60,
        quick=5,
        counted="seconds",
        holds=("I2", "I3"),
        figures=(
            Figure("attacks", "connections that sent garbage", "", of="sum", at_least=20),
            Figure("heard", "scores that the watcher heard, each within 5 s", "", of="sum", at_least=2),
            _GROWN,
        ),
    ),
    Fault(
        "overload",
        "twice as many scores as one API process can take, for 3 minutes; a slow ledger sets how many",
        "at least 80 % of the peak is taken; the rest is 429 or 503 with Retry-After; memory flat",
        full=1,
        quick=1,
        counted="overloads",
        holds=("I1", "I2", "I3", "I5"),
        figures=(
            Figure("peak", "scores a second that are taken at the peak", "/s", of="least"),
            Figure("goodput_share", "of that taken under twice the load", "%", of="least", at_least=80.0),
            Figure("came", "scores that were sent", "", of="sum"),
            Figure("refused", "of them refused with Retry-After", "", of="sum", at_least=1),
            Figure("slowest_s", "the longest of those that were taken"),
            Figure("queued", "items in the longest queue", ""),
            _GROWN,
        ),
    ),
)

OUTSIDE: tuple[Fault, ...] = (*NETWORKS, *CLIENTS, *CROWDS)

ELSEWHERE = (
    Elsewhere(
        "attacks on access tokens: none, another algorithm, kid tricks, changed bits",
        "the exact code for each",
        ("tests/security/test_tokens.py",),
        ("mutated access tokens", "wrong tokens over HTTP"),
    ),
    Elsewhere(
        "attacks on signed requests, and replays",
        "the exact code for each; a replay has no effect",
        ("tests/security/test_signing.py",),
        ("signed requests against the oracle", "parallel replays"),
    ),
    Elsewhere(
        "every role at every route",
        "what the matrix says, in each cell",
        ("tests/security/test_role_matrix.py",),
        ("cells of the role matrix",),
    ),
    Elsewhere(
        "schemathesis over the whole API, with tokens",
        "no 5xx, every status documented",
        ("tests/security/test_fuzz.py",),
        ("schemathesis cases",),
    ),
    Elsewhere(
        "malformed messages, frames and handshakes at both kinds of sockets, one by one",
        "the close code for each; a watcher notices nothing",
        ("tests/security/test_sockets.py", "tests/security/test_sockets_refused.py"),
        ("attacks on sockets",),
    ),
)

FAULTS: dict[str, Fault] = {fault.name: fault for fault in (*PROCESSES, *STORES, *OUTSIDE)}
"""Every fault by its name."""
