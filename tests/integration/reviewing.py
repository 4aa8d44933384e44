"""What tests of reviews share: suspects, moderators, and players whose points are held."""

import secrets
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import httpx2 as httpx

from scoreboard.domain.events import Verdict
from scoreboard.domain.player import Role
from scoreboard.domain.review import CaseSource, Suspect, SuspicionEvent
from scoreboard.storage.database import Transaction
from scoreboard.usecases.raise_cases import raise_cases
from tests.conftest import Api
from tests.security.callers import Opened, open_caller
from tests.stage import Person, register

NOW = datetime(2026, 5, 4, 12, tzinfo=UTC)
CASES = "/api/v1/moderation/cases"


def suspect(
    player: str,
    verdict: Verdict,
    *signals: str,
    source: CaseSource = CaseSource.RULES,
    keep: bool = False,
    at: datetime = NOW,
    **more: Any,
) -> Suspect:
    """Why a player is brought up: one event for each signal."""
    events = tuple(
        SuspicionEvent(UUID(player), at, source, signal, 0.3, 0.6, verdict, 0.01, "0.3 to 0.9", **more)
        for signal in signals
    )
    return Suspect(UUID(player), verdict, source, events, auto_release=not keep)


async def raised(api: Api, *suspects: Suspect, now: datetime | None = None) -> dict[UUID, UUID]:
    """Open or extend cases; each player's case."""

    async def work(tx: Transaction) -> dict[UUID, UUID]:
        moment = now or (await tx.fetch("SELECT clock_timestamp()"))[0][0]
        return await raise_cases(tx, suspects, moment)

    return await api.platform.database.transact(work)


async def moderator(api: Api, role: Role = Role.MODERATOR) -> Person:
    """Somebody of the staff with a session."""
    opened: Opened = await open_caller(api.platform, api.wiring.tokens, role)
    return opened.person(api.client)


async def with_held_points(api: Api, times: int = 2) -> tuple[Person, str]:
    """A player with one counted quiz and some held ones, ten points each, and the id of the case."""
    player = await register(api.client)
    await player.score("quiz")
    case = (await raised(api, suspect(player.id, Verdict.HOLD, "regular_intervals")))[UUID(player.id)]
    for _ in range(times):
        reply = await player.complete(await player.begin("quiz"))
        assert reply.status_code == 202, reply.text
    return player, str(case)


async def send(person: Person, path: str, body: Any = None, key: str | None = None) -> httpx.Response:
    """A request with an Idempotency-Key, a fresh one unless it is given."""
    return await person.post(path, {} if body is None else body, Idempotency_Key=key or secrets.token_hex(8))


async def read(person: Person, case: str) -> dict[str, Any]:
    """A case with its evidence."""
    reply = await person.get(f"{CASES}/{case}")
    assert reply.status_code == 200, reply.text
    body: dict[str, Any] = reply.json()
    return body


def check_case(reply: httpx.Response) -> dict[str, Any]:
    """The case that a step answered with."""
    assert reply.status_code == 200, reply.text
    body: dict[str, Any] = reply.json()
    return body


async def decided(person: Person, case: str, decision: str, note: str = "seen") -> httpx.Response:
    """What deciding answers."""
    return await send(person, f"{CASES}/{case}/decide", {"decision": decision, "note": note})


async def is_holding(api: Api, player: str) -> bool:
    """Whether everything that the player completes is held."""
    rows = await api.sql("SELECT holding FROM player_suspicion WHERE player_id = CAST(:id AS uuid)", id=player)
    return bool(rows and rows[0][0])


async def total_of(api: Api, player: Person) -> tuple[int, bool] | None:
    """Score and visibility on the main board, as Postgres has it."""
    rows = await api.sql(
        "SELECT s.score, s.visible FROM scores s JOIN seasons e ON e.id = s.season_id"
        " WHERE e.board_key = 'main' AND s.player_id = CAST(:id AS uuid)",
        id=player.id,
    )
    return (rows[0][0], rows[0][1]) if rows else None


async def audited(api: Api, subject: str) -> list[str]:
    """The events that the audit log has about something, in order."""
    rows = await api.sql("SELECT event FROM audit_log WHERE subject = :subject ORDER BY id", subject=subject)
    return [row[0] for row in rows]
