"""What the status page is told: by real processes, by one that is killed, with a store away."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import httpx2 as httpx
import pytest
import pytest_asyncio

from scoreboard.domain.figures import BOUNDS
from scoreboard.domain.player import Role
from scoreboard.usecases.change_role import change_role
from scoreboard.usecases.platform import open_platform
from tests.conftest import beside, furnish, open_api
from tests.security.callers import open_caller
from tests.stage import PASSWORD, Person, Service, Stores, free_port, register, settings_from, until

PATH = "/api/v1/status"
QUICK = {"SCOREBOARD_VITALS_EVERY": "0.2", "SCOREBOARD_VITALS_SLOT": "1", "SCOREBOARD_VITALS_KEPT": "300"}


@dataclass
class Running:
    """Processes that tell, and a moderator who asks."""

    services: dict[str, Service]
    http: httpx.AsyncClient
    moderator: Person

    async def status(self) -> dict[str, Any]:
        reply = await self.moderator.get(PATH)
        assert reply.status_code == 200, reply.text
        answer: dict[str, Any] = reply.json()
        return answer

    async def service(self, name: str) -> dict[str, Any]:
        return next(each for each in (await self.status())["services"] if each["service"] == name)

    async def figures(self) -> dict[str, float | None]:
        return {each["name"]: each["value"] for each in (await self.status())["figures"]}


@pytest_asyncio.fixture(scope="module")
async def running(stores: Stores, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Running]:
    environment = await stores.environment(**QUICK, SCOREBOARD_DRAIN_SECONDS="1")
    platform = open_platform(settings_from(environment), application="test")
    await furnish(platform)
    logs = tmp_path_factory.mktemp("status")
    services = {name: Service(name, environment, logs / f"{name}.log") for name in ("api", "realtime", "worker")}
    for service in services.values():
        service.start()
    try:
        for service in services.values():
            await service.ready()
        async with httpx.AsyncClient(base_url=services["api"].url, timeout=30) as http:
            person = await register(http, "mia")
            await change_role(platform, "mia", Role.MODERATOR)
            login = await http.post("/api/v1/auth/login", json={"username": "mia", "password": PASSWORD})
            yield Running(services, http, Person(http, person.id, "mia", login.json()))
    finally:
        for service in services.values():
            service.stop()
        await platform.close()


async def test_processes_tell_what_they_are_and_what_they_do(running: Running) -> None:
    async def all_there() -> bool:
        """On a busy machine the first answer of a store may come late; then it is missed until the next look."""
        told = (await running.status())["services"]
        return {each["service"]: (each["light"], each["present"]) for each in told} == {
            **dict.fromkeys(("api", "realtime", "worker"), ("good", 1)),
            "anticheat-ml": ("unknown", 0),
        }

    await until(all_there, within=60, what="the three being seen")
    ada = await register(running.http)
    for _ in range(20):
        await ada.score("quiz")

    async def shown() -> bool:
        told = (await running.status())["objectives"]
        if next(each["total"] for each in told if each["name"] == "completion-latency") < 20:
            return False
        found = await running.figures()
        return all(
            found[name] is not None
            for name in ("requests_per_s", "completion_p99_s", "connections", "outbox_age_s", "stream_lag", "reviews")
        )

    await until(shown, what="the figures")
    answer = await running.status()
    assert (answer["told"], answer["unread"]) == (True, 0)
    assert 0 < answer["known_s"] <= 300
    assert {store["store"]: store["light"] for store in answer["stores"]} == {"database": "good", "redis": "good"}
    [api] = (await running.service("api"))["processes"]
    assert (api["state"], api["database"], api["redis"]) == ("up", True, True)
    figures = await running.figures()
    assert list(figures) == list(BOUNDS) == answer["plots"]["names"]
    assert figures["error_share"] == 0
    assert 0 < (figures["completion_p50_s"] or 0) <= (figures["completion_p99_s"] or 0) < 10
    assert figures["model_behind"] is None, "no model runs here"
    objectives = {each["name"]: each for each in answer["objectives"]}
    assert (objectives["api-availability"]["light"], objectives["ml-verdicts"]["light"]) == ("good", "unknown")
    assert objectives["completion-latency"]["total"] == 20
    assert (objectives["api-availability"]["bad"], objectives["api-availability"]["burn_1h"]) == (0, 0)
    plots = answer["plots"]
    assert (plots["slot_s"], len(plots["points"])) == (1, 301)
    column = plots["names"].index("requests_per_s")
    values = [point["values"][column] for point in plots["points"]]
    assert values[0] is None, "nobody was there five minutes ago"
    assert max(value for value in values if value is not None) > 1


async def test_who_is_killed_is_missed_and_who_leaves_is_not(running: Running) -> None:
    worker = running.services["worker"]
    worker.kill()

    async def gone() -> bool:
        told = await running.service("worker")
        return (told["light"], told["present"], told["missing"]) == ("bad", 0, 1)

    await until(gone, what="the worker being missed")
    answer = await running.status()
    assert answer["light"] == "bad"
    [process] = (await running.service("worker"))["processes"]
    assert (process["state"], process["version"]) == ("gone", None)

    async def silent() -> bool:
        return (await running.figures())["outbox_age_s"] is None

    await until(silent, what="what only the worker knows being unknown")
    worker.start()
    await worker.ready()

    async def back() -> bool:
        told = await running.service("worker")
        return (told["light"], told["present"], told["missing"]) == ("warn", 1, 1)

    await until(back, what="the worker being seen again")
    assert worker.stop() == 0

    async def left() -> bool:
        told = await running.service("worker")
        return (told["present"], len(told["processes"])) == (0, 1)

    await until(left, what="the worker having said goodbye")
    worker.start()
    await worker.ready()


async def test_with_redis_away_it_says_that_nobody_can_tell(stores: Stores) -> None:
    async with open_api(stores) as api, beside(api, REDIS_URL=f"redis://127.0.0.1:{free_port()}/0") as cut_off:
        mia = (await open_caller(api.platform, api.wiring.tokens, Role.MODERATOR)).person(cut_off.client)

        async def told() -> bool:
            reply = await mia.get(PATH)
            assert reply.status_code == 200, reply.text
            return bool(reply.json()["stores"][1]["state"] == "unavailable")

        await until(told, what="Redis being missed")
        answer = (await mia.get(PATH)).json()
        assert (answer["told"], answer["light"]) == (False, "bad")
        assert (answer["services"], answer["figures"], answer["objectives"]) == ([], [], [])
        assert answer["plots"]["points"] == []
        assert answer["stores"] == [
            {"store": "database", "state": "ok", "light": "good"},
            {"store": "redis", "state": "unavailable", "light": "bad"},
        ]


async def test_with_postgres_away_it_still_answers(stores: Stores) -> None:
    async with open_api(stores) as api:
        gone = f"postgresql://nobody@127.0.0.1:{free_port()}/gone"
        async with beside(api, DATABASE_URL=gone) as cut_off:
            mia = (await open_caller(api.platform, api.wiring.tokens, Role.MODERATOR)).person(cut_off.client)
            reply = await mia.get(PATH)
            assert reply.status_code == 200, reply.text
            assert reply.json()["told"] is True
            assert reply.json()["stores"][0] == {"store": "database", "state": "unavailable", "light": "bad"}
