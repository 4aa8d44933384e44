"""The naive baseline: what a competent team writes first with FastAPI and the SQLAlchemy ORM.

``python -m benchmarks.naive_app`` reads the same environment as ``python -m scoreboard_api``. It is one file on
purpose, longer than any of ours may be: a peer is to be read, and doubted, in one go.

The same as ours: the schema (our migrations) and durability; the checks and their order (token with the same cache of
verified ones, address, player limit, revocation, action token, idempotency where a key is given, account, ownership,
state, expiry, cooldown, attempts, bounds, duration, season); our pure rules that decide them, and the cached catalogue
of boards and kinds; rows locked FOR UPDATE, the season shared; score, usage, action, ledger row with hash chain and
head, ledger key, outbox row, in one transaction; rank before and after, the event in a stream; the reply; uvicorn with
uvloop and httptools and one worker; pool, connection settings, garbage collector, metrics and access line.

What differs: FastAPI's own routing, dependencies and models; the ORM; each request is its own transaction; each step
in Redis is its own call.

Where there was a choice, the baseline got the better one: the head of the ledger is locked last and everything is
flushed once; the clock comes with the season; outbox rows are deleted in the background a hundred milliseconds at a
time; the leaderboard is a plain sorted set without exact ties, epochs and versions; nothing is retried or swept.
"""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

import structlog
import uvicorn
from fastapi import Depends, FastAPI, Header, HTTPException, Request
from prometheus_fastapi_instrumentator import Instrumentator
from redis.asyncio import Redis
from sqlalchemy import delete, func, select, text
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.orm import DeclarativeBase
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from scoreboard import telemetry
from scoreboard.domain.action import Usage, award, count_completion, require_allowed, require_duration
from scoreboard.domain.errors import Refusal
from scoreboard.domain.events import EntryType, LedgerEntry, Verdict
from scoreboard.domain.player import Player, PlayerStatus, Role, require_playing
from scoreboard.domain.score import Total, advance
from scoreboard.domain.season import Season, SeasonStatus, counts_at
from scoreboard.live.gcra import Limit, LocalLimits
from scoreboard.security import action_token
from scoreboard.security.access_token import AccessTokens, Claims
from scoreboard.security.identifiers import new_id
from scoreboard.security.ledger_chain import entry_hash
from scoreboard.settings import Settings
from scoreboard.storage import tables
from scoreboard.storage.database import driver_url
from scoreboard.supervision import tune_garbage_collector
from scoreboard.usecases.platform import Platform, open_platform
from scoreboard_api.schemas.actions import CompleteAction, CompletedAction

_MARK_EVERY = 0.1
_log = structlog.get_logger("naive.access")


class _Row(DeclarativeBase):
    metadata = tables.metadata


class PlayerRow(_Row):
    """An account."""

    __table__ = tables.players


class SeasonRow(_Row):
    """A season of a board."""

    __table__ = tables.seasons


class ActionRow(_Row):
    """An attempt."""

    __table__ = tables.actions


class UsageRow(_Row):
    """What a player has done of a kind."""

    __table__ = tables.player_kinds


class ScoreRow(_Row):
    """A player's score in a season."""

    __table__ = tables.scores


class LedgerRow(_Row):
    """A score event."""

    __table__ = tables.ledger


class LedgerKeyRow(_Row):
    """Makes an action's entry unique."""

    __table__ = tables.ledger_keys


class HeadRow(_Row):
    """The end of the ledger."""

    __table__ = tables.ledger_head


class OutboxRow(_Row):
    """A fact to announce."""

    __table__ = tables.outbox


class KeyRow(_Row):
    """The reply of a request with an Idempotency-Key."""

    __table__ = tables.idempotency_keys


@dataclass
class Parts:
    """What requests use."""

    settings: Settings
    platform: Platform
    tokens: AccessTokens
    sessions: "async_sessionmaker[AsyncSession]"
    redis: Any
    limits: LocalLimits = field(default_factory=LocalLimits)
    announced: list[int] = field(default_factory=list)


async def _parts(request: Request) -> Parts:  # async: FastAPI sends plain functions through a thread
    parts: Parts = request.app.state.parts
    return parts


Wired = Annotated[Parts, Depends(_parts)]


async def _address_allowed(request: Request, parts: Wired) -> None:
    settings = parts.settings
    address = request.client.host if request.client else "unknown"
    wanted = [
        ("global", Limit(settings.global_rate, settings.global_burst)),
        (f"address:{address}", Limit(settings.address_rate, settings.address_burst)),
    ]
    if parts.limits.take(wanted, asyncio.get_running_loop().time()) is not None:
        raise HTTPException(429, "too many requests from this address")


async def _signed_in(parts: Wired, authorization: Annotated[str, Header()]) -> Claims:
    scheme, _, token = authorization.partition(" ")
    if scheme.lower() != "bearer":
        raise HTTPException(401, "not a bearer token")
    return parts.tokens.verify(token)


async def _admitted(parts: Wired, claims: Annotated[Claims, Depends(_signed_in)]) -> Claims:
    """The player's limit as a fixed window, then revocation."""
    settings = parts.settings
    window = max(1, round(settings.player_write_burst / settings.player_write_rate))
    key = f"naive:limit:{claims.player_id}:{int(time.monotonic()) // window}"
    count = await parts.redis.incr(key)
    if count == 1:
        await parts.redis.expire(key, window + 1)
    if count > settings.player_write_burst:
        raise HTTPException(429, "too many requests of this player")
    if await parts.redis.exists(f"sb:revoked:{claims.session_id}"):
        raise HTTPException(401, "the session was ended")
    return claims


Writer = Annotated[Claims, Depends(_admitted)]


@dataclass(slots=True)
class _Done:
    """A committed completion that still has to be announced."""

    username: str
    entry: LedgerEntry
    board: str
    seq: int
    outbox_id: int


async def complete(
    action_id: UUID,
    body: CompleteAction,
    parts: Wired,
    claims: Writer,
    idempotency_key: Annotated[str | None, Header()] = None,
) -> CompletedAction:
    """Complete an action that was begun."""
    token = action_token.read(parts.platform.action_token_key, body.action_token)
    if token.player_id != claims.player_id:
        raise HTTPException(403, "another player's action")
    if token.action_id != action_id:
        raise HTTPException(401, "another action's token")
    asked = json.dumps([action_id.hex, body.points, body.season]).encode()
    async with parts.sessions() as session, session.begin():
        if idempotency_key is not None:
            stored = await session.get(KeyRow, (claims.player_id, idempotency_key))
            if stored is not None:
                if stored.fingerprint != asked:
                    raise HTTPException(422, "this Idempotency-Key was used for something else")
                return CompletedAction.model_validate(stored.reply)
        done = await _score(parts, session, claims, action_id, body, asked)
        if idempotency_key is not None:
            reply = _reply(done, None, None).model_dump(mode="json")
            session.add(
                KeyRow(
                    player_id=claims.player_id,
                    key=idempotency_key,
                    fingerprint=asked,
                    status=200,
                    reply=reply,
                    created_at=done.entry.at,
                )
            )
    before, after = await _announce(parts, done)
    parts.announced.append(done.outbox_id)
    return _reply(done, before, after)


async def _score(
    parts: Parts, session: AsyncSession, claims: Claims, action_id: UUID, body: CompleteAction, asked: bytes
) -> _Done:
    action = await session.get(ActionRow, action_id, with_for_update=True)
    if action is None or action.player_id != claims.player_id:
        raise HTTPException(404, "no such action")
    if action.status != "created":
        raise HTTPException(409, "completed before")
    player = await session.get(PlayerRow, claims.player_id)
    kinds = await parts.platform.catalog.kinds()
    kind = kinds.get(action.kind_key)
    if player is None or kind is None or not kind.enabled or kind.version != action.kind_version:
        raise HTTPException(409, "this action is not possible at the moment")
    usage = await session.get(UsageRow, (player.id, kind.key), with_for_update=True)
    if usage is None:
        usage = UsageRow(player_id=player.id, kind_key=kind.key, completed=0, window_completed=0)
        session.add(usage)
    board = (await parts.platform.catalog.boards())[kind.boards[0]]
    season, now = await _season(session, board.key)
    if body.season is not None and body.season != season.id:
        raise HTTPException(409, "this season is not open")
    score = await session.get(ScoreRow, (season.id, player.id), with_for_update=True)

    require_playing(_player(player), now)
    if now > action.expires_at:
        raise HTTPException(401, "the action token has expired")
    used = Usage(usage.completed, usage.last_completed_at, usage.window_started_at, usage.window_completed)
    require_allowed(kind, used, now)
    points = award(kind, body.points)
    require_duration(kind, action, now)  # type: ignore[arg-type] # it only reads created_at
    known = None
    if score is not None:
        known = Total(player.id, season.id, score.score, score.reached_at, score.version, score.last_action_id)
    total = advance(board, season.id, player.id, known, points, now, action.id)
    counted = count_completion(kind, used, now)

    usage.completed, usage.last_completed_at = counted.completed, counted.last_completed_at
    usage.window_started_at, usage.window_completed = counted.window_started_at, counted.window_completed
    if score is None:
        score = ScoreRow(season_id=season.id, player_id=player.id, visible=player.status == "active", created_at=now)
        session.add(score)
    score.score, score.reached_at = total.score, total.reached_at
    score.version, score.last_action_id = total.version, total.last_action_id
    action.status, action.completed_at = "completed", now
    action.points, action.request_hash = points, asked
    entry = LedgerEntry(
        EntryType.APPLIED,
        now,
        action.id,
        player.id,
        kind.key,
        kind.version,
        points,
        (season.id,),
        (known.score if known else None,),
        (total.score,),
        Verdict.ALLOW,
    )
    seq, outbox_id = await _record(session, action, entry)
    return _Done(player.username, entry, board.key, seq, outbox_id)


async def _season(session: AsyncSession, board_key: str) -> tuple[Season, datetime]:
    statement = (
        select(SeasonRow, func.clock_timestamp())
        .where(SeasonRow.board_key == board_key, SeasonRow.status.in_(("scheduled", "open")))
        .with_for_update(read=True, key_share=True)
    )
    for row, now in (await session.execute(statement)).all():
        season = Season(row.id, row.board_key, row.name, row.starts_at, row.ends_at, SeasonStatus(row.status))
        if counts_at(season, now):
            return season, now
    raise HTTPException(409, "no season is open")


def _player(row: PlayerRow) -> Player:
    status = PlayerStatus(row.status)
    return Player(row.id, row.username, Role(row.role), status, row.suspended_until, row.created_at, row.updated_at)


async def _record(session: AsyncSession, action: ActionRow, entry: LedgerEntry) -> tuple[int, int]:
    """Append to the ledger and note the outbox row. The head is locked last: everybody else waits for it."""
    head = (await session.execute(select(HeadRow).where(HeadRow.shard == 0).with_for_update())).scalar_one()
    seq = head.seq + 1
    hash_ = entry_hash(head.hash, seq, entry)
    action.ledger_seq = seq
    session.add(
        LedgerRow(
            seq=seq,
            at=entry.at,
            entry_type=str(entry.entry_type),
            action_id=entry.action_id,
            player_id=entry.player_id,
            kind_key=entry.kind_key,
            kind_version=entry.kind_version,
            points=entry.points,
            season_ids=list(entry.season_ids),
            previous=list(entry.previous),
            current=list(entry.current),
            verdict=str(entry.verdict),
            prev_hash=head.hash,
            hash=hash_,
        )
    )
    session.add(LedgerKeyRow(action_id=entry.action_id, entry_type=str(entry.entry_type), turn=0, seq=seq))
    outbox = OutboxRow(kind="scores", first_seq=seq, last_seq=seq, created_at=entry.at)
    session.add(outbox)
    head.seq, head.hash = seq, hash_
    await session.flush()
    return seq, outbox.id


async def _announce(parts: Parts, done: _Done) -> tuple[int | None, int | None]:
    entry = done.entry
    board, player = f"naive:lb:{entry.season_ids[0]}", str(entry.player_id)
    before = await parts.redis.zrevrank(board, player)
    await parts.redis.zadd(board, {player: entry.current[0]})
    after = await parts.redis.zrevrank(board, player)
    event = {
        "seq": done.seq,
        "at": entry.at.isoformat(),
        "action_id": str(entry.action_id),
        "player_id": player,
        "username": done.username,
        "kind": entry.kind_key,
        "points": entry.points,
        "score": entry.current[0],
        "rank": after,
    }
    await parts.redis.xadd(
        "naive:events", {"event": json.dumps(event)}, maxlen=parts.settings.stream_length, approximate=True
    )
    return (None if before is None else before + 1), (None if after is None else after + 1)


def _reply(done: _Done, before: int | None, after: int | None) -> CompletedAction:
    entry = done.entry
    action = f"/api/v1/actions/{entry.action_id}"
    return CompletedAction.model_validate(
        {
            "action_id": entry.action_id,
            "verdict": str(entry.verdict),
            "points": entry.points,
            "score": {"previous": entry.previous[0], "current": entry.current[0]},
            "rank": None if after is None else {"previous": before, "current": after},
            "standings": [
                {
                    "board": done.board,
                    "season": entry.season_ids[0],
                    "score": entry.current[0],
                    "rank": after,
                    "provisional": None,
                }
            ],
            "links": {"self": action, "leaderboard": f"/api/v1/boards/{done.board}/top"},
        }
    )


class AccessLine:
    """Gives each request an id and writes one line about it, as our outermost layer does."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began, request_id, status = time.perf_counter(), str(new_id()), 0

        async def note(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message["headers"], (b"x-request-id", request_id.encode())]
            await send(message)

        await self._app(scope, receive, note)
        took = round((time.perf_counter() - began) * 1000, 2)
        _log.info("request", method=scope["method"], status=status, duration_ms=took, request_id=request_id)


def _open(settings: Settings) -> Parts:
    engine = create_async_engine(
        driver_url(settings.database_url.get_secret_value()),
        pool_size=settings.database_pool_size,
        max_overflow=0,
        pool_use_lifo=True,
        connect_args={"server_settings": {"application_name": "naive", "timezone": "UTC", "jit": "off"}},
    )
    return Parts(
        settings,
        open_platform(settings, application="naive-catalogue"),
        AccessTokens(settings),
        async_sessionmaker(engine, expire_on_commit=False, autoflush=False),
        Redis.from_url(settings.redis_url.get_secret_value()),
    )


async def _fill_leaderboard(parts: Parts) -> None:
    async with parts.sessions() as session:
        rows = (await session.execute(select(ScoreRow.season_id, ScoreRow.player_id, ScoreRow.score))).all()
    for season, player, score in rows:
        await parts.redis.zadd(f"naive:lb:{season}", {str(player): score})


async def _mark(parts: Parts) -> None:
    while parts.announced:
        rows, parts.announced = parts.announced, []
        async with parts.sessions() as session, session.begin():
            await session.execute(text("SET LOCAL synchronous_commit = off"))
            await session.execute(delete(OutboxRow).where(OutboxRow.id.in_(rows)))


async def _mark_now_and_then(parts: Parts) -> None:
    while True:
        await asyncio.sleep(_MARK_EVERY)
        await _mark(parts)


def create_app(settings: Settings) -> FastAPI:
    """The application."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        parts = app.state.parts = _open(settings)
        await _fill_leaderboard(parts)
        marking = asyncio.create_task(_mark_now_and_then(parts))
        tune_garbage_collector()
        yield
        marking.cancel()
        with suppress(asyncio.CancelledError):
            await marking
        await _mark(parts)

    quiet = {"tracing": False, "operation_spans": False, "logs": False, "metrics": False}
    app = FastAPI(lifespan=lifespan, dependencies=[Depends(_address_allowed)], telemetry=quiet)
    app.post("/api/v1/actions/{action_id}/complete")(complete)

    @app.get("/health/ready")
    async def ready() -> dict[str, str]:
        return {"status": "ok"}

    @app.exception_handler(Refusal)
    async def refused(_: Request, refusal: Any) -> Any:
        raise HTTPException(400, refusal.detail)

    app.add_middleware(AccessLine)
    Instrumentator(excluded_handlers=["/health/.*"], should_group_status_codes=False).instrument(app)
    return app


def main() -> None:
    """Serve as ours is served."""
    settings = Settings()  # type: ignore[call-arg]
    telemetry.configure_logs("naive", form=settings.log_format, level=settings.log_level)
    uvicorn.run(
        create_app(settings),
        host=settings.api_host,
        port=settings.api_port,
        loop="uvloop",
        http="httptools",
        ws="none",
        access_log=False,
        log_config=None,
        server_header=False,
        proxy_headers=False,
        backlog=4096,
    )


if __name__ == "__main__":
    main()
