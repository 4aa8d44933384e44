"""A stage for the live protocol: real stores, real realtime processes, players who score."""

import itertools
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from uuid import UUID

import pytest
import pytest_asyncio
from sqlalchemy import text

from scoreboard.domain.action import ActionKind
from scoreboard.domain.board import Board
from scoreboard.domain.completion import CompletionRequest
from scoreboard.live.bus import CatalogChanged
from scoreboard.security.access_token import AccessTokens
from scoreboard.security.identifiers import new_id
from scoreboard.security.passwords import Passwords
from scoreboard.usecases.announce import OutboxMarker, announce_control
from scoreboard.usecases.complete_actions import complete_actions
from scoreboard.usecases.completion_answers import Completion
from scoreboard.usecases.configure import configure
from scoreboard.usecases.platform import Platform, open_platform
from scoreboard.usecases.rebuild_leaderboard import rebuild_season
from scoreboard.usecases.run_seasons import run_seasons
from scoreboard.usecases.sign_in import SignIn
from tests.stage import Service, Stores, patient

_numbers = itertools.count(1)


@dataclass(frozen=True)
class Contestant:
    id: UUID
    name: str
    token: str
    session_id: UUID


@dataclass
class Stage:
    """What happens outside the realtime service: boards are declared, players register, score, log out."""

    environment: dict[str, str]
    platform: Platform
    sign_in: SignIn
    marker: OutboxMarker
    played: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    async def board(self, **settings: object) -> str:
        """A fresh board, fed by the direct kind of the same name."""
        key = f"b{next(_numbers)}{secrets.token_hex(3)}"
        board = Board(key, f"Board {key}", **settings)  # type: ignore[arg-type]
        kind = ActionKind(key, "Points", min_points=-(10**6), max_points=10**6, direct=True, boards=(key,))
        await configure(self.platform, [board], [kind], managed_by="test")
        await self.rebuild(key)
        return key

    async def rebuild(self, key: str) -> None:
        season = await self.platform.catalog.season(key, None)
        assert await rebuild_season(self.platform, await self.platform.catalog.board(key), season)

    async def season_id(self, key: str) -> int:
        return (await self.platform.catalog.season(key, None)).id

    async def close_season(self, key: str) -> None:
        """End a board's season at this moment, and have its final standings written."""
        ended = text("UPDATE seasons SET ends_at = clock_timestamp() - interval '1 hour' WHERE id = :id")
        season = await self.season_id(key)
        await self.platform.database.transact(lambda tx: tx.execute(ended, {"id": season}))
        assert await run_seasons(self.platform)
        await announce_control(self.platform, CatalogChanged(key))

    async def player(self, name: str = "ada") -> Contestant:
        signed = await self.sign_in.register(f"{name}{next(_numbers)}{secrets.token_hex(3)}", "correct horse 9", None)
        claims = self.sign_in.tokens.verify(signed.access_token)
        return Contestant(signed.player.id, signed.player.username, signed.access_token, claims.session_id)

    async def score(self, contestant: Contestant, kind: str, points: int) -> Completion:
        client_id = f"c{next(self.played)}"
        request = CompletionRequest(
            contestant.id, new_id(), client_id.encode(), client_id=client_id, kind_key=kind, points=points
        )
        [answer] = await complete_actions(self.platform, [request], self.marker)
        assert isinstance(answer, Completion), answer
        return answer


@pytest_asyncio.fixture(scope="module")
async def stage(stores: Stores) -> AsyncIterator[Stage]:
    environment = await stores.environment(SCOREBOARD_SOCKETS_PER_ADDRESS="2000", SCOREBOARD_DRAIN_SECONDS="2")
    settings = patient(environment)
    platform = open_platform(settings, application="test-stage")
    passwords = Passwords(threads=1, queue=64)
    sign_in = SignIn(platform, AccessTokens(settings), passwords)
    stage = Stage(environment, platform, sign_in, OutboxMarker(platform))
    tap = ActionKind("tap", "Tap", points=1, direct=True, boards=("main",))
    await configure(platform, [Board("main", "All players")], [tap], managed_by="test")
    await stage.rebuild("main")
    yield stage
    await stage.marker.finish()
    passwords.close()
    await platform.close()


StartRealtime = Callable[..., Awaitable[Service]]


async def launch(stage: Stage, log: Path, **settings: object) -> Service:
    extra = {f"SCOREBOARD_{name.upper()}": str(value) for name, value in settings.items()}
    service = Service("realtime", {**stage.environment, **extra}, log)
    service.start()
    await service.ready()
    return service


@pytest_asyncio.fixture
async def start_realtime(stage: Stage, tmp_path: Path) -> AsyncIterator[StartRealtime]:
    """Start a realtime process with these settings on top of the usual; it is stopped after the test."""
    running: list[Service] = []

    async def start(**settings: object) -> Service:
        running.append(await launch(stage, tmp_path / f"realtime{len(running)}.log", **settings))
        return running[-1]

    yield start
    for each in running:
        each.stop()


@pytest_asyncio.fixture(scope="module")
async def realtime(stage: Stage, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Service]:
    """One process for the tests of a module that need no settings of their own."""
    service = await launch(stage, tmp_path_factory.mktemp("realtime") / "realtime.log")
    yield service
    assert service.stop() == 0
