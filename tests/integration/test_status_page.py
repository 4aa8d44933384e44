"""What the status page is told: by real processes, by one that is killed, with Redis away, by what is over."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import httpx2 as httpx
import pytest
import pytest_asyncio
from redis.asyncio import Redis

from scoreboard import telemetry
from scoreboard.domain.objectives import Light
from scoreboard.domain.player import Role
from scoreboard.domain.vitals import Levels, Part, Tally
from scoreboard.live import keys, vitals
from scoreboard.live.vitals import Pace, Presence
from scoreboard.supervision import end_tasks
from scoreboard.telemetry import utc_now
from scoreboard.usecases.change_role import change_role
from scoreboard.usecases.check_health import Health
from scoreboard.usecases.platform import Platform, open_platform
from scoreboard.usecases.read_status import BOUNDS, StatusReader, StatusReport
from scoreboard.usecases.tell_vitals import VitalSigns
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
    assert answer["told"] is True
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


def reader(platform: Platform) -> StatusReader:
    return StatusReader(platform, Health(platform))


async def read(platform: Platform) -> StatusReport:
    """A new reader, which has nothing in memory."""
    return await reader(platform).read()


PACE = Pace(present=15, kept=3600)


async def tells(platform: Platform, name: str, slots_ago: int, tally: Tally, levels: Levels, part: str = "api") -> None:
    now = utc_now().timestamp()
    slot = int(now) // platform.settings.vitals_slot - slots_ago
    presence = Presence(part, name, "1", now, now, draining=False, database=True, redis=True)
    await vitals.tell(platform.live, presence, slot, (tally, levels), PACE)


async def test_processes_add_up_and_a_second_telling_changes_nothing(platform: Platform) -> None:
    for _ in range(2):
        for slots_ago in (1, 2, 3):
            await tells(platform, "a", slots_ago, Tally(requests=30), Levels())
            await tells(platform, "b", slots_ago, Tally(requests=15, failed=1), Levels(connections=2), Part.REALTIME)
            await tells(platform, "c", slots_ago, Tally(), Levels(connections=3), Part.REALTIME)
    report = await read(platform)
    figures = {figure.name: figure for figure in report.figures}
    assert figures["requests_per_s"].value == pytest.approx(45 / 15, rel=0.4)  # a slot may have ended in between
    assert figures["error_share"].value == pytest.approx(1 / 45)
    assert figures["error_share"].light is Light.BAD
    assert figures["connections"].value == 5
    [api] = [each for each in report.objectives if each.objective.name == "api-availability"]
    assert (api.total, api.bad, api.light) == (135, 3, Light.GOOD)  # fewer mishaps than worry anybody


async def test_what_is_over_is_read_once(platform: Platform) -> None:
    await tells(platform, "a", 10, Tally(requests=30), Levels())
    status = reader(platform)
    first = await status.read()
    client: Any = platform.live.redis
    slot = int(first.at) // platform.settings.vitals_slot - 10
    await client.delete(keys.vitals_slot(slot))
    status._until = 0.0
    again = await status.read()
    total = [
        next(o for o in report.objectives if o.objective.name == "api-availability").total for report in (first, again)
    ]
    assert total == [30, 30]
    assert (await read(platform)).objectives[0].total == 0, "another process never read it"


async def test_one_answer_serves_all_who_ask(platform: Platform) -> None:
    status = reader(platform)
    reports = await asyncio.gather(*(status.read() for _ in range(20)))
    assert len({id(report) for report in reports}) == 1


async def test_lines_of_another_version_are_passed_over(platform: Platform) -> None:
    await tells(platform, "a", 1, Tally(requests=30), Levels())
    slot = int(utc_now().timestamp()) // platform.settings.vitals_slot - 1
    client: Any = platform.live.redis
    await client.hset(keys.vitals_slot(slot), "api/new", vitals._encode(((1, 2), (3,) * 40)))
    assert (await read(platform)).objectives[0].total == 30


async def test_what_is_told_is_forgotten(platform: Platform) -> None:
    signs = VitalSigns(platform, "api")
    await signs.tell()
    client: Redis[bytes] = platform.live.redis
    names = [name async for name in client.scan_iter("sb:vitals:*")]
    assert len(names) == 3
    lives = {name.decode().split(":")[2]: await client.ttl(name) for name in names}
    assert 0 < lives["process"] <= 15
    assert 0 < lives["seen"] <= 3600
    assert 3600 < lives["slot"] <= 3660


async def test_who_ends_on_purpose_says_so(platform: Platform) -> None:
    task = asyncio.create_task(VitalSigns(platform, "api").round())

    async def there() -> bool:
        return len(await vitals.present(platform.live)) == 1

    await until(there, what="the process being seen")
    await end_tasks([task])
    assert await vitals.present(platform.live) == []


async def test_counts_begin_anew_with_each_slot(platform: Platform) -> None:
    signs = VitalSigns(platform, "api")
    telemetry.REQUESTS_FAILED.labels("500").inc(5)
    await signs.tell()
    signs._slot = -1  # as if the slot had ended
    telemetry.REQUESTS_FAILED.labels("500").inc(2)
    await signs.tell()
    present = int(utc_now().timestamp()) // platform.settings.vitals_slot
    lines = await vitals.slots(platform.live, [present - 1, present])
    assert [tally.failed for parts in lines.values() for tally, _ in parts][-1] == 2
