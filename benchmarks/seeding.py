"""Players with tokens and scores, and actions that wait to be completed: written in bulk, as the API would have."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from uuid import UUID

import asyncpg
import msgspec

from benchmarks.load import Order, Plan
from scoreboard.domain.action import ActionKind
from scoreboard.domain.board import Board
from scoreboard.domain.player import Role
from scoreboard.security import action_token
from scoreboard.security.access_token import AccessTokens
from scoreboard.security.identifiers import new_id
from scoreboard.settings import Settings
from scoreboard.usecases.configure import configure
from scoreboard.usecases.platform import open_platform
from scoreboard.usecases.rebuild_leaderboard import Progress, rebuild_leaderboards
from scoreboard.usecases.revocation import restore_revocations

BOARD = Board("main", "All players")
# Every rule is switched on, and none refuses an honest player.
KIND = ActionKind(
    "match",
    "Play a match",
    min_points=0,
    max_points=100,
    cooldown_s=0.002,
    min_duration_s=0.5,
    max_duration_s=600,
    attempts=1_000_000,
    boards=(BOARD.key,),
)
_AGE = timedelta(seconds=2)
_SCORES = 100_003  # different opening scores; a prime, so that they spread
_SEED_TIMEOUT = 300.0
_CROWD = (
    "WITH made AS (INSERT INTO players (id, username, username_key) SELECT gen_random_uuid(), 'crowd-' || n,"
    " 'crowd-' || n FROM generate_series(1, $2::int) n RETURNING id, username)"
    " INSERT INTO scores (season_id, player_id, score, reached_at, version)"
    " SELECT $1::bigint, id, substr(username, 7)::bigint * 7919 % $4::bigint, $3::timestamptz, 1 FROM made"
)


@dataclass(frozen=True, slots=True)
class Person:
    """A player who is signed in. ``opening`` is the score before the benchmark."""

    id: UUID
    session_id: UUID
    username: str
    access_token: str
    opening: int


@dataclass(frozen=True, slots=True)
class Seeded:
    """A database ready to be measured on. ``crowd``: players who only stand on the board."""

    settings: Settings
    season_id: int
    people: list[Person]
    crowd: int = 0


def silent(done: int, total: int) -> None:
    """Progress for nobody."""


async def seed(settings: Settings, players: int, *, crowd: int = 0, on_progress: Progress = silent) -> Seeded:
    """Board, kind, players with opening scores, and a leaderboard that holds them.

    Args:
        settings: of a migrated and otherwise empty database.
        players: how many are signed in.
        crowd: how many more stand on the board, among them.
        on_progress: told of the leaderboard's (entries loaded, entries in all).
    """
    platform = open_platform(settings, application="benchmark-seed")
    try:
        await configure(platform, (BOARD,), (KIND,), managed_by="benchmark")
        season = (await platform.catalog.season(BOARD.key, None)).id
        people = _people(settings, players)
        await _insert_people(settings, season, people, crowd)
        await rebuild_leaderboards(platform, None, on_progress)  # as the worker does at its start
        await restore_revocations(platform)
        return Seeded(settings, season, people, crowd)
    finally:
        await platform.close()


def _people(settings: Settings, count: int) -> list[Person]:
    tokens = AccessTokens(settings)
    people = []
    for number in range(count):
        player, session, name = new_id(), new_id(), f"player-{number:06}"
        token, _ = tokens.issue(player, session, name, Role.PLAYER)
        people.append(Person(player, session, name, token, number * 7919 % _SCORES))
    return people


def renewed(seeded: Seeded) -> Seeded:
    """The same with fresh access tokens: they live ten minutes."""
    tokens = AccessTokens(seeded.settings)
    people = [
        replace(one, access_token=tokens.issue(one.id, one.session_id, one.username, Role.PLAYER)[0])
        for one in seeded.people
    ]
    return replace(seeded, people=people)


async def _connect(settings: Settings) -> "asyncpg.Connection[asyncpg.Record]":
    return await asyncpg.connect(settings.database_url.get_secret_value())


async def sign_in_more(settings: Settings, count: int) -> list[str]:
    """Access tokens of so many more players, who have a session and no score."""
    tokens, people = AccessTokens(settings), []
    for _ in range(count):
        player, session = new_id(), new_id()
        name = f"browser-{player.hex}"
        people.append(Person(player, session, name, tokens.issue(player, session, name, Role.PLAYER)[0], 0))
    connection = await _connect(settings)
    try:
        await _insert_accounts(connection, people)
    finally:
        await connection.close()
    return [person.access_token for person in people]


async def _insert_accounts(connection: "asyncpg.Connection[asyncpg.Record]", people: list[Person]) -> datetime:
    now: datetime = await connection.fetchval("SELECT clock_timestamp()")
    await connection.copy_records_to_table(
        "players",
        columns=["id", "username", "username_key"],
        records=[(person.id, person.username, person.username) for person in people],
    )
    await connection.copy_records_to_table(
        "sessions",
        columns=["id", "player_id", "expires_at"],
        records=[(person.session_id, person.id, now + timedelta(days=1)) for person in people],
    )
    return now


async def _insert_people(settings: Settings, season: int, people: list[Person], crowd: int) -> None:
    connection = await _connect(settings)
    try:
        now = await _insert_accounts(connection, people)
        await connection.copy_records_to_table(
            "player_kinds",
            columns=["player_id", "kind_key"],
            records=[(person.id, KIND.key) for person in people],
        )
        await connection.copy_records_to_table(
            "scores",
            columns=["season_id", "player_id", "score", "reached_at", "version"],
            records=[(season, person.id, person.opening, now, 1) for person in people],
        )
        if crowd:
            await connection.execute(_CROWD, season, crowd, now, _SCORES, timeout=_SEED_TIMEOUT)
        await connection.execute("VACUUM ANALYZE", timeout=_SEED_TIMEOUT)
    finally:
        await connection.close()


async def begin_actions(seeded: Seeded, count: int, *, with_keys: bool) -> Plan:
    """Begin ``count`` actions, players taking turns, and say how each is to be completed."""
    connection = await _connect(seeded.settings)
    platform = open_platform(seeded.settings, application="benchmark-seed")
    try:
        began: datetime = await connection.fetchval("SELECT clock_timestamp()") - _AGE
        orders, records = [], []
        for number in range(count):
            index = number % len(seeded.people)
            action, player = new_id(), seeded.people[index].id
            records.append((action, player, KIND.key, 1, began, began + timedelta(seconds=KIND.token_ttl_s)))
            token = action_token.issue(
                platform.action_token_key, action_token.ActionToken(action, player, KIND.version, began)
            )
            body = msgspec.json.encode({"action_token": token, "points": number % 101})
            key = f"Idempotency-Key: {action.hex}\r\n" if with_keys else ""
            orders.append(Order(index, f"POST /api/v1/actions/{action}/complete".encode(), key.encode(), body))
        columns = ["id", "player_id", "kind_key", "kind_version", "created_at", "expires_at"]
        await connection.copy_records_to_table("actions", columns=columns, records=records)
        await connection.execute("CHECKPOINT")  # so that no round pays for the writing of another one
    finally:
        await connection.close()
        await platform.close()
    return Plan([person.access_token for person in seeded.people], orders)


def write_plan(plan: Plan, path: Path) -> None:
    """Where the load process finds its requests."""
    path.write_bytes(msgspec.msgpack.encode(plan))
