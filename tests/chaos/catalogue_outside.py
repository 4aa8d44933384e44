"""Faults of networks, clients, clocks and load, and the attacks that the security tests make."""

from tests.chaos.catalogue import PROCESSES, STORES, Elsewhere, Fault

OUTSIDE: tuple[Fault, ...] = ()

ELSEWHERE = (
    Elsewhere(
        "attacks on access tokens: none, another algorithm, kid tricks, changed bits",
        "the exact code for each",
        "tests/security/test_tokens.py",
        ("mutated access tokens", "wrong tokens over HTTP"),
    ),
    Elsewhere(
        "attacks on signed requests, and replays",
        "the exact code for each; a replay has no effect",
        "tests/security/test_signing.py",
        ("signed requests against the oracle", "parallel replays"),
    ),
    Elsewhere(
        "every role at every route",
        "what the matrix says, in each cell",
        "tests/security/test_role_matrix.py",
        ("cells of the role matrix",),
    ),
    Elsewhere(
        "schemathesis over the whole API, with tokens",
        "no 5xx, every status documented",
        "tests/security/test_fuzz.py",
        ("schemathesis cases",),
    ),
)

FAULTS: dict[str, Fault] = {fault.name: fault for fault in (*PROCESSES, *STORES, *OUTSIDE)}
"""Every fault by its name."""
