"""The keeper against an API that answers as a test wants it: what is told, what is passed over, when it asks again."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from scoreboard_operator.keeper import Keeper, Told
from scoreboard_operator.platform_api import PlatformApi
from scoreboard_operator.resources import ACTION_KIND, BOARD, Kind, Resource
from scoreboard_operator.settings import OperatorSettings
from tests.stage import until

UID = "u-1"
VIEW = {"key": "main", "version": 1, "managed_by": {"uid": UID, "name": "a/b", "generation": 1}, "status": {}}
Answer = tuple[int, dict[str, Any], dict[str, str]]


def view(**changes: Any) -> Answer:
    return 200, {**VIEW, **changes}, {}


def refusal(status: int, retry_after: str = "", **members: Any) -> Answer:
    return status, {"code": "X", "detail": "No.", **members}, {"Retry-After": retry_after} if retry_after else {}


class StandIn:
    """Answers each method with what is next in its list; the last one again and again."""

    def __init__(self) -> None:
        self.answers: dict[str, list[Answer]] = {}
        self.asked: list[tuple[str, str]] = []
        self.tokens: list[str] = []
        self.holds: asyncio.Event | None = None

    async def handle(self, request: web.Request) -> web.Response:
        self.asked.append((request.method, request.path_qs))
        self.tokens.append(request.headers["Authorization"])
        if self.holds is not None:
            await self.holds.wait()
        answers = self.answers[request.method]
        status, body, headers = answers.pop(0) if len(answers) > 1 else answers[0]
        return web.json_response(body, status=status, headers=headers)

    def methods(self) -> list[str]:
        return [method for method, _ in self.asked]


class Desk:
    """A keeper with its API, and the resource's status as the API server would hold it."""

    def __init__(self, keeper: Keeper, api: StandIn, token: Path) -> None:
        self.keeper, self.api, self.token = keeper, api, token
        self.status: dict[str, Any] = {}

    def resource(
        self, kind: Kind = BOARD, *, uid: str = UID, key: str = "main", generation: int = 1, **spec: Any
    ) -> Resource:
        meta = {"uid": uid, "namespace": "a", "name": key, "generation": generation}
        return Resource.read(kind, {"metadata": meta, "spec": {"key": key, **spec}, "status": self.status})

    def kept(self, told: Told) -> Told:
        for name, value in told.patch.items():
            self.status[name] = value
        self.status = {name: value for name, value in self.status.items() if value is not None}
        return told

    async def changed(self, **more: Any) -> Told:
        return self.kept(await self.keeper.changed(self.resource(**more)))

    async def look(self, **more: Any) -> Told:
        """Wait until the next round is due, and do it."""
        before = len(self.api.asked)

        async def round_() -> list[Told]:
            told = self.kept(await self.keeper.tick(self.resource(**more)))
            return [told] if len(self.api.asked) > before else []

        found: list[Told] = await until(round_, within=20, every=0.01, what="a round")
        return found[0]

    def says(self, condition: str) -> str:
        return next(str(each["status"]) for each in self.status["conditions"] if each["type"] == condition)


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    api, token = StandIn(), tmp_path / "token"
    token.write_text("one\n", "ascii")
    application = web.Application()
    application.router.add_route("*", "/{path:.*}", api.handle)
    async with TestServer(application) as server:
        settings = OperatorSettings(
            api_url=str(server.make_url("")),
            operator_token_file=token,
            operator_drift_every=0.05,
            operator_conflict_every=0.05,
            operator_waiting_every=3600,
            operator_retry_first=0.01,
            operator_retry_longest=0.05,
        )
        async with PlatformApi(settings) as platform:
            yield Desk(Keeper(platform, settings), api, token)


async def test_a_failed_look_or_two_is_not_told(desk: Desk) -> None:
    desk.api.answers = {"PUT": [view(outcome="created"), refusal(503)], "GET": [refusal(503)]}
    assert (await desk.changed()).event is not None
    for _ in range(2):
        assert await desk.look() == Told({})
        assert desk.says("Ready") == "True"
    third = await desk.look()
    assert third.event is not None
    assert (desk.says("Ready"), desk.says("Degraded")) == ("Unknown", "True")
    assert (await desk.look()).event is None, "told once"
    desk.api.answers["PUT"] = [view(outcome="unchanged")]
    back = await desk.look()
    assert back.event is not None
    assert (desk.says("Ready"), desk.says("Degraded")) == ("True", "False")


async def test_a_change_that_cannot_be_declared_is_told_at_once(desk: Desk) -> None:
    desk.api.answers = {"PUT": [view(outcome="created"), refusal(503)], "GET": [view()]}
    await desk.changed()
    assert (await desk.changed(generation=2)).event is not None
    assert desk.says("Degraded") == "True"


async def test_looking_asks_and_declaring_follows_only_where_something_differs(desk: Desk) -> None:
    desk.api.answers = {"PUT": [view(outcome="created")], "GET": [view()]}
    await desk.changed()
    for _ in range(3):
        assert await desk.look() == Told({})
    assert desk.api.methods() == ["PUT", "GET", "GET", "GET"]
    different = [
        {"version": 2},
        {"managed_by": None},
        {"managed_by": {"uid": "u-2", "name": "a/c", "generation": 1}},
        {"retired_at": "2026-01-01T00:00:00Z"},
    ]
    for each in different:
        desk.api.answers["GET"] = [view(**each), view()]
        desk.api.asked.clear()
        await desk.look()
        assert desk.api.methods() == ["GET", "PUT"], each
    desk.api.answers["GET"] = [refusal(404, code="NOT_FOUND"), view()]
    desk.api.asked.clear()
    await desk.look()
    assert desk.api.methods() == ["GET", "PUT"]


async def test_a_late_write_of_an_old_status_is_put_right_by_the_next_round(desk: Desk) -> None:
    """A patch that waited for the API server may arrive after a newer one: merge patches know no version."""
    desk.api.answers = {"PUT": [refusal(400), view()], "GET": [view()]}
    await desk.changed()
    old = dict(desk.status)
    await desk.changed(generation=2)
    assert (desk.says("Ready"), desk.status["observedGeneration"]) == ("True", 2)
    desk.status = old
    await desk.look(generation=2)
    assert (desk.says("Ready"), desk.status["observedGeneration"]) == ("True", 2)


async def test_a_rate_limit_is_waited_for_in_silence(desk: Desk) -> None:
    desk.api.answers = {"PUT": [refusal(429), refusal(429), view(outcome="created")]}
    await desk.changed()
    assert desk.api.methods() == ["PUT"] * 3
    assert desk.says("Ready") == "True"


async def test_what_waits_is_woken_by_what_comes(desk: Desk) -> None:
    missing = {"resource": "boards", "key": "main"}
    desk.api.answers = {"PUT": [refusal(400, waits_for=[missing])]}
    kind: dict[str, Any] = {"kind": ACTION_KIND, "uid": "u-2", "key": "quiz"}
    await desk.keeper.changed(desk.resource(**kind))
    await asyncio.sleep(0.1)
    assert await desk.keeper.tick(desk.resource(**kind)) == Told({}), "its own time is an hour away"
    assert len(desk.api.asked) == 1
    desk.api.answers["PUT"] = [view(outcome="created")]
    await desk.keeper.changed(desk.resource())
    woken = await desk.keeper.tick(desk.resource(**kind))
    assert woken.event is not None
    assert woken.event.reason == "Declared"


async def test_what_comes_while_another_still_asks_for_it_is_not_missed(desk: Desk) -> None:
    kind: dict[str, Any] = {"kind": ACTION_KIND, "uid": "u-2", "key": "quiz"}
    desk.api.answers = {"PUT": [refusal(400, waits_for=[{"resource": "boards", "key": "main"}])]}
    desk.api.holds = asyncio.Event()
    asking = asyncio.create_task(desk.keeper.changed(desk.resource(**kind)))
    await until(lambda: desk.api.asked, what="the kind being asked for")
    held, desk.api.holds = desk.api.holds, None
    waits = desk.api.answers["PUT"]
    desk.api.answers["PUT"] = [view(outcome="created")]
    await desk.keeper.changed(desk.resource())
    desk.api.answers["PUT"] = waits
    held.set()
    await asking
    desk.api.answers["PUT"] = [view(outcome="created")]
    woken = await desk.keeper.tick(desk.resource(**kind))
    assert woken.event is not None
    assert woken.event.reason == "Declared"


async def test_two_rounds_of_one_resource_never_overlap(desk: Desk) -> None:
    desk.api.answers = {"PUT": [view(outcome="created")], "GET": [view()], "DELETE": [view(outcome="released")]}
    await asyncio.gather(desk.changed(), desk.changed(generation=2))
    await asyncio.gather(desk.keeper.farewell(desk.resource(generation=3)), desk.changed(generation=2))
    assert desk.api.methods() == ["PUT", "PUT", "DELETE"], "nothing is declared behind a farewell"


@pytest.mark.parametrize(
    ("answer", "event"),
    [
        (view(outcome="retired"), "Retired"),
        (view(outcome="released"), "Released"),
        (view(outcome="unchanged"), "Released"),
        (refusal(409, reason="owned"), "NothingToRelease"),
        (refusal(409, reason="stale_generation"), "NothingToRelease"),
        (refusal(404, code="NOT_FOUND"), "NothingToRelease"),
    ],
)
async def test_a_farewell_ends(desk: Desk, answer: Answer, event: str) -> None:
    desk.api.answers = {"DELETE": [answer]}
    farewell = await desk.keeper.farewell(desk.resource(generation=4, deletionPolicy="Delete"))
    assert farewell.again_in is None
    assert farewell.told.event is not None
    assert farewell.told.event.reason == event
    assert desk.api.asked == [("DELETE", f"/api/v1/admin/boards/main?uid={UID}&generation=4&retain=false")]


@pytest.mark.parametrize("answer", [refusal(503), refusal(401), refusal(403), refusal(404), refusal(400)])
async def test_a_farewell_waits_for_an_answer(desk: Desk, answer: Answer) -> None:
    desk.api.answers = {"DELETE": [answer]}
    farewell = await desk.keeper.farewell(desk.resource())
    assert farewell.again_in is not None
    assert 0 < farewell.again_in <= 0.06
    assert farewell.told.patch["conditions"]


async def test_a_token_goes_nowhere_else_and_is_read_each_time(desk: Desk) -> None:
    elsewhere: Answer = (307, {}, {"Location": "/elsewhere"})
    desk.api.answers = {"PUT": [elsewhere]}
    await desk.changed()
    assert desk.api.asked == [("PUT", "/api/v1/admin/boards/main")]
    assert desk.says("Degraded") == "True"
    desk.token.write_text("two", "ascii")
    desk.api.answers = {"PUT": [view(outcome="created")]}
    await desk.look()
    assert desk.api.tokens == ["Bearer one", "Bearer two"]
    assert desk.says("Ready") == "True"
