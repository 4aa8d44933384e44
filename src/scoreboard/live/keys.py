"""Every key and channel name in Redis. Nobody else writes one down.

Keys of one board season share a hash tag, so that they lie on one node. The platform runs on one Redis
(or Sentinel); a Cluster is refused at start, because one script call spans boards, limits and the stream.
"""

from uuid import UUID

STREAM = "sb:events"
"""Every score event, in the order it was announced; each realtime pod reads all of it."""

STREAM_META = "sb:events:meta"
"""Hash: ``epoch`` (new when Redis lost the stream) and ``n`` (number of the last item)."""

CONTROL_CHANNEL = "sb:control"
"""Pub/sub for facts that must be quick and may be lost: revoked sessions, changed configuration, finished jobs."""

LEADERBOARD_PREFIX = "sb:lb:"
REBUILD_LOCK_PREFIX = "sb:rebuild:"


def leaderboard(season_id: int, *, frozen: bool = False) -> str:
    """Prefix of a board season; the scripts append ``:meta``, ``:<epoch>:z`` (order), ``:<epoch>:p`` (players).

    ``frozen``: of what the public sees of it during a freeze, beside the real one.
    """
    return f"{LEADERBOARD_PREFIX}{{{season_id}}}{':frozen' if frozen else ''}"


def leaderboard_meta(season_id: int, *, frozen: bool = False) -> str:
    """Hash: epoch, building, seq, run_id."""
    return f"{leaderboard(season_id, frozen=frozen)}:meta"


def leaderboard_part(season_id: int, epoch: str, part: str, *, frozen: bool = False) -> str:
    """One of an epoch's keys: ``z`` order, ``p`` players, ``d`` and ``c`` distinct scores (dense ranks)."""
    return f"{leaderboard(season_id, frozen=frozen)}:{epoch}:{part}"


def leaderboard_top(season_id: int, size: int, *, frozen: bool = False) -> str:
    """Encoded top of a board season (blueprint 5's ``leaderboard:top:10``)."""
    return f"{leaderboard(season_id, frozen=frozen)}:leaderboard:top:{size}"


def rebuild_lock(season_id: int, *, frozen: bool = False) -> str:
    """Held by the process that rebuilds a board season, or what is frozen of it."""
    return f"{REBUILD_LOCK_PREFIX}{season_id}{':frozen' if frozen else ''}"


def limit(scope: str, subject: str) -> str:
    """The theoretical arrival time of one limit (GCRA)."""
    return f"sb:limit:{scope}:{subject}"


def revoked_session(session_id: UUID | str) -> str:
    """Exists while access tokens of a revoked session could still be alive."""
    return f"sb:revoked:{session_id}"


def nonce(session_id: UUID | str, value: bytes) -> str:
    """Exists as long as the signed request that brought this nonce would still be fresh."""
    return f"sb:nonce:{session_id}:{value.hex()}"


def failures(subject: str) -> str:
    """Hash: how often a subject failed to prove an identity, by kind, since the first time in the window."""
    return f"sb:failures:{subject}"


BLOCKS = "sb:blocks"
"""Sorted set: who is blocked for failing too often, scored by the microsecond at which that ends."""


AUTOMATIC_SUSPENSIONS = "sb:automatic-suspensions"
"""Set: the players whom the anti-cheat has suspended in this hour."""

REVOCATIONS = "sb:revocations"
"""The run id of the server that knows every revoked session; without it Postgres is asked."""

REVOCATIONS_RESTORING = "sb:revocations:restoring"
"""Who is telling this server about revoked sessions; lost together with everything else."""


LIVE_PROCESSES = "sb:connections:processes"
"""Sorted set: the processes that hold live connections, scored by when each counts as dead unless it says more."""


def connections(player_id: UUID | str) -> str:
    """Hash: a player's live connections (blueprint 2's connection pool), each with the process that has it."""
    return f"player:{player_id}:connections"


def address_connections(address: str) -> str:
    """Hash: how many live connections each process has of everyone behind one address."""
    return f"sb:address:{address}:connections"


VITALS_SEEN = "sb:vitals:seen"
"""Sorted set: the processes that told something lately, scored by when they did; the status page misses them."""


def vitals_process(name: str) -> str:
    """What a process says of itself; gone some seconds after it stops."""
    return f"sb:vitals:process:{name}"


def vitals_slot(slot: int) -> str:
    """Hash: what each process counted in one slot of time."""
    return f"sb:vitals:slot:{slot}"
