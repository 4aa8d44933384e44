"""Vital signs in Redis: added up, kept, forgotten; of other versions, with wrong clocks, of who died or left."""

import asyncio
import math
from datetime import timedelta
from typing import Any

import pytest
from redis.asyncio import Redis

from scoreboard import telemetry
from scoreboard.domain.objectives import Light
from scoreboard.domain.vitals import Levels, Part, Tally
from scoreboard.live import keys, vitals
from scoreboard.live.vitals import Pace, Presence
from scoreboard.supervision import end_tasks
from scoreboard.telemetry import utc_now
from scoreboard.usecases.check_health import Health
from scoreboard.usecases.platform import Platform
from scoreboard.usecases.read_status import ServiceState, StatusReader, StatusReport
from scoreboard.usecases.tell_vitals import VitalSigns
from tests.stage import until


def reader(platform: Platform) -> StatusReader:
    return StatusReader(platform, Health(platform))


async def read(platform: Platform) -> StatusReport:
    """A new reader, which has nothing in memory."""
    return await reader(platform).read()


PACE = Pace(present=15, kept=3600)


async def tells(platform: Platform, name: str, slots_ago: int, tally: Tally, levels: Levels, part: str = "api") -> None:
    now = await vitals.moment(platform.live)
    slot = int(now) // platform.settings.vitals_slot - slots_ago
    presence = Presence(part, name, "1", now, draining=False, database=True, redis=True)
    await vitals.tell(platform.live, presence, now, slot, (tally, levels), PACE)


def service(report: StatusReport, part: Part) -> ServiceState:
    return next(each for each in report.services if each.service == part)


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
    assert figures["error_share"].light is Light.GOOD, "as for the objective"
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


async def test_one_mishap_in_a_quiet_minute_is_not_an_alarm_and_many_are(platform: Platform) -> None:
    quiet = ((0.3, 39.0), (2.5, 40.0), (math.inf, 40.0))
    await tells(platform, "a", 1, Tally(requests=80, failed=1, completions=quiet), Levels())
    names = ("error_share", "completion_p99_s")
    report = await read(platform)
    found = {each.name: each for each in report.figures}
    assert (found["completion_p99_s"].value or 0) > 1
    assert [found[name].light for name in names] == [Light.GOOD, Light.GOOD]
    slow = ((0.3, 10.0), (2.5, 60.0), (math.inf, 60.0))
    await tells(platform, "b", 1, Tally(requests=80, failed=9, completions=slow), Levels())
    found = {each.name: each for each in (await read(platform)).figures}
    assert [found[name].light for name in names] == [Light.BAD, Light.BAD]


async def test_what_another_version_tells_is_read_as_far_as_it_goes(platform: Platform) -> None:
    await tells(platform, "a", 1, Tally(requests=30), Levels())
    client: Any = platform.live.redis
    slot = int(await vitals.moment(platform.live)) // platform.settings.vitals_slot - 1
    told = {"counted": {"requests": 5, "invented": 7}, "stands": {}, "more": [1]}
    await client.hset(keys.vitals_slot(slot), "api/next", vitals._encode(told))
    report = await read(platform)
    assert (report.objectives[0].total, report.unread) == (35, 0)
    await client.hset(keys.vitals_slot(slot), "api/strange", vitals._encode(((1, 2), (3,) * 40)))
    await client.set(keys.vitals_process("api/strange"), vitals._encode({"version": 4}))
    await client.set(keys.vitals_process("api/next"), vitals._encode({"service": "api", "new": 1}))
    await client.zadd(keys.VITALS_SEEN, dict.fromkeys(("api/strange", "api/next"), await vitals.moment(platform.live)))
    report = await read(platform)
    assert (report.objectives[0].total, report.unread) == (35, 1), "it is said that something is left out"
    api = service(report, Part.API)
    assert (api.present, api.light) == (3, Light.GOOD)
    assert report.light is Light.UNKNOWN


async def test_a_service_that_nobody_has_heard_of_is_missed_once_others_had_time_to_start(platform: Platform) -> None:
    await tells(platform, "a", 1, Tally(requests=30), Levels())
    young = await read(platform)
    assert (service(young, Part.WORKER).light, young.light) == (Light.UNKNOWN, Light.UNKNOWN)
    assert young.known_s < 60
    await tells(platform, "a", 20, Tally(requests=30), Levels())
    grown = await read(platform)
    assert [service(grown, part).light for part in Part] == [Light.GOOD, Light.BAD, Light.BAD, Light.UNKNOWN]
    assert grown.light is Light.BAD
    assert 300 <= grown.known_s <= 330


async def test_clocks_of_pods_need_not_agree(platform: Platform, monkeypatch: pytest.MonkeyPatch) -> None:
    """Before: a clock that is ahead made everybody else unheard of, one that is behind told what nobody reads."""
    await tells(platform, "a", 0, Tally(requests=30), Levels(), Part.REALTIME)
    for wrong in (timedelta(hours=2), -timedelta(hours=2)):
        monkeypatch.setattr(telemetry, "utc_now", lambda by=wrong: utc_now() + by)
        signs = VitalSigns(platform, "api")
        telemetry.REQUESTS_FAILED.labels("500").inc(3)
        await signs.tell()
        report = await read(platform)
        monkeypatch.undo()
        assert [len(service(report, part).processes) > 0 for part in (Part.API, Part.REALTIME)] == [True, True]
        assert abs(report.at - utc_now().timestamp()) < 60
    assert (await read(platform)).objectives[0].bad == 6


async def test_a_process_that_died_and_came_back_in_its_place_is_missed(
    platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a container both have the same host and number."""
    died = VitalSigns(platform, "api")
    telemetry.REQUESTS_FAILED.labels("500").inc(5)
    await died.tell()
    [seen] = await vitals.present(platform.live)
    monkeypatch.setattr(telemetry, "utc_now", lambda: utc_now() + timedelta(seconds=2))
    await VitalSigns(platform, "api").tell()
    client: Any = platform.live.redis
    await client.delete(keys.vitals_process(f"api/{seen.instance}"))  # as when it lapses
    report = await read(platform)
    api = service(report, Part.API)
    assert (api.present, api.missing, api.light) == (1, 1, Light.WARN)
    assert report.objectives[0].bad == 5, "what it told before it died still counts"


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
    present = int(await vitals.moment(platform.live)) // platform.settings.vitals_slot
    lines = await vitals.slots(platform.live, [present - 1, present])
    assert [tally.failed for parts in lines.values() for tally, _ in vitals.read(parts)[0]][-1] == 2
