"""kill -9 and SIGSTOP of each process of ours under load."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
import pytest_asyncio

from tests.chaos.fault_run import FaultRun
from tests.chaos.ground import Ground, Stopwatch, open_ground
from tests.chaos.invariants import Proof
from tests.chaos.load import Load
from tests.chaos.spectator import Spectator, scores_of
from tests.chaos.truth import Jobs, announced, judged_once, model_caught_up, up_to_date
from tests.chaos.watchers import RESTARTED, Watcher, watching
from tests.stage import Person, until

PLAYERS, WATCHERS = 8, 4
STOPPED_S = 5.0
BURST = 40
UNLISTED_S = 0.5
pytestmark = pytest.mark.slow


@pytest_asyncio.fixture(scope="module")
async def shared() -> AsyncIterator[Ground]:
    async with open_ground("api", "api-2", "worker", "realtime", "ml") as ground:
        yield ground


@pytest_asyncio.fixture
async def ground(shared: Ground) -> Ground:
    await shared.whole()
    return shared


@pytest_asyncio.fixture
async def crowd(ground: Ground) -> list[Person]:
    return await ground.people(PLAYERS)


@asynccontextmanager
async def proving(ground: Ground, fault: FaultRun) -> AsyncIterator[Proof]:
    proof = await Proof(ground, fault).begin()
    yield proof
    await proof.end()


def note(fault: FaultRun, load: Load) -> None:
    fault.note(answers=len(load.acknowledged))
    if any(figure.name == "answer_s" for figure in fault.fault.figures):
        for seconds in load.seconds:
            fault.note(answer_s=seconds)


@pytest.mark.fault("kill-api")
async def test_kill_the_api(ground: Ground, crowd: list[Person], fault: FaultRun) -> None:
    server = await ground.server()
    async with proving(ground, fault) as proof, watching(crowd[:2], ground.realtimes, ground.concealed) as watchers:
        proof.watchers = watchers
        for n in fault.rounds:
            victim = ("api", "api-2")[n % 2]
            async with proof.load(crowd, ground.apis, fault.rng, f"kill-{n}", server=server) as load:
                await load.more(BURST)
                ground.services[victim].kill()
                await load.more(BURST)
                await ground.start(victim)
                await load.more(BURST)
            note(fault, load)
            await proof.round()
        await up_to_date(ground, watchers)


@pytest.mark.fault("kill-worker")
async def test_kill_the_worker(ground: Ground, crowd: list[Person], fault: FaultRun) -> None:
    async with proving(ground, fault) as proof:
        for n in fault.rounds:
            jobs = Jobs(ground, f"kill-{fault.seed}-{n}")
            async with proof.load(crowd, ground.apis, fault.rng, f"worker-{n}") as load:
                await load.more(BURST)
                await jobs.queue(crowd[:4])
                ground.services["worker"].kill()
                await jobs.queue(crowd[4:])
                await load.more(BURST)
            await ground.start("worker")
            watch = Stopwatch()
            load.acknowledged += await jobs.done()
            await announced(ground)
            fault.note(caught_up_s=watch.seconds)
            note(fault, load)
            await proof.round()


@pytest.mark.fault("kill-realtime")
async def test_kill_realtime(ground: Ground, crowd: list[Person], fault: FaultRun) -> None:
    people = crowd[:WATCHERS]
    async with proving(ground, fault) as proof, watching(people, ground.realtimes, ground.concealed) as watchers:
        proof.watchers = watchers
        for n in fault.rounds:
            before = connections(watchers)
            async with proof.load(crowd, ground.apis, fault.rng, f"realtime-{n}") as load:
                await load.more(BURST)
                ground.services["realtime"].kill()
                await load.more(BURST)
            await ground.start("realtime")
            fault.note(caught_up_s=await up_to_date(ground, watchers, before))
            fault.note(reconnections=sum(connections(watchers)) - sum(before))
            async with proof.load(crowd, ground.apis, fault.rng, f"after-{n}") as after:
                await after.more(BURST)
            await up_to_date(ground, watchers)
            note(fault, load)
            await proof.round()


def connections(watchers: list[Watcher]) -> list[int]:
    return [watcher.connections for watcher in watchers]


@pytest.mark.fault("kill-ml")
async def test_kill_the_model(ground: Ground, crowd: list[Person], fault: FaultRun) -> None:
    async with proving(ground, fault) as proof:
        for n in fault.rounds:
            async with proof.load(crowd, ground.apis, fault.rng, f"ml-{n}") as load:
                await load.more(4 * BURST)
                ground.services["ml"].kill()
                await load.more(2 * BURST)
            await ground.start("ml")
            fault.note(caught_up_s=await model_caught_up(ground))
            note(fault, load)
            await proof.round()
        assert await judged_once(ground, proof.loads)


@pytest.mark.fault("stop-api")
async def test_stop_the_api(ground: Ground, crowd: list[Person], fault: FaultRun) -> None:
    async with proving(ground, fault) as proof:
        for n in fault.rounds:
            victim = ("api", "api-2")[n % 2]
            before = await scores_of(ground, [person.id for person in crowd])
            other = [url for url in ground.apis if url != ground.services[victim].url]
            async with (
                proof.load(crowd, ground.apis, fault.rng, f"stop-{n}", patience=1.5) as load,
                Spectator(ground, load, before, forgiving=True, addresses=other) as spectator,
            ):
                await load.more(BURST)
                ground.pause(victim)
                await asyncio.sleep(STOPPED_S)
                ground.wake(victim)
                await load.more(BURST)
                await spectator.more()
            fault.note(stale_s=spectator.stale_s)
            note(fault, load)
            await proof.round()


@pytest.mark.fault("stop-worker")
async def test_stop_the_worker(ground: Ground, crowd: list[Person], fault: FaultRun) -> None:
    if "worker-2" not in ground.services:
        ground.add("worker-2")
    await ground.start("worker-2")
    async with proving(ground, fault) as proof:
        for n in fault.rounds:
            jobs = Jobs(ground, f"stop-{fault.seed}-{n}")
            victim = ("worker", "worker-2")[n % 2]
            async with proof.load(crowd, ground.apis, fault.rng, f"stopped-worker-{n}") as load:
                await load.more(BURST)
                await jobs.queue(crowd[:4])
                ground.pause(victim)
                await jobs.queue(crowd[4:])
                await asyncio.sleep(STOPPED_S)
                ground.wake(victim)
                watch = Stopwatch()
            load.acknowledged += await jobs.done()
            await announced(ground)
            fault.note(caught_up_s=watch.seconds)
            note(fault, load)
            await proof.round()
    assert ground.services.pop("worker-2").stop() == 0


@pytest.mark.fault("stop-realtime")
async def test_stop_realtime(ground: Ground, crowd: list[Person], fault: FaultRun) -> None:
    people = crowd[:WATCHERS]
    async with proving(ground, fault) as proof, watching(people, ground.realtimes, ground.concealed) as watchers:
        proof.watchers = watchers
        for n in fault.rounds:
            async with proof.load(crowd, ground.apis, fault.rng, f"stopped-realtime-{n}") as load:
                await load.more(BURST)
                ground.pause("realtime")
                await asyncio.sleep(STOPPED_S)
            ground.wake("realtime")
            fault.note(caught_up_s=await up_to_date(ground, watchers))
            note(fault, load)
            await proof.round()


@pytest.mark.fault("stop-ml")
async def test_stop_the_model(ground: Ground, crowd: list[Person], fault: FaultRun) -> None:
    async with proving(ground, fault) as proof:
        for n in fault.rounds:
            async with proof.load(crowd, ground.apis, fault.rng, f"stopped-ml-{n}") as load:
                await load.more(4 * BURST)
                ground.pause("ml")
                await asyncio.sleep(STOPPED_S)
            ground.wake("ml")
            fault.note(caught_up_s=await model_caught_up(ground))
            note(fault, load)
            await proof.round()
        assert await judged_once(ground, proof.loads)


@pytest.mark.fault("rolling-restart")
async def test_rolling_restart(ground: Ground, crowd: list[Person], fault: FaultRun) -> None:
    """Every process leaves the list that clients choose from shortly before its SIGTERM, as preStop has it."""
    if "realtime-2" not in ground.services:
        ground.add("realtime-2")
    await ground.start("realtime-2")
    apis, sockets = ground.apis, ground.realtimes
    async with proving(ground, fault) as proof, watching(crowd[:WATCHERS], sockets, ground.concealed) as watchers:
        proof.watchers = watchers
        for n in fault.rounds:
            closes = [len(watcher.closes) for watcher in watchers]
            async with proof.load(crowd, apis, fault.rng, f"rolling-{n}", once=True) as load:
                await load.more(BURST)
                for names in (("api", "realtime"), ("api-2", "realtime-2")):
                    await asyncio.gather(roll(ground, names[0], apis), roll(ground, names[1], sockets))
                await load.more(BURST)
            await up_to_date(ground, watchers)
            last = [watcher.closes[before:] for watcher, before in zip(watchers, closes, strict=True)]
            assert all(last), f"a socket did not have to move: {last}"
            assert {code for each in last for code in each} == {RESTARTED}, last
            fault.note(failed=len(load.failed), moved=sum(map(len, last)))
            assert not load.failed, load.failed[:3]
            note(fault, load)
            await proof.round()
    assert ground.services.pop("realtime-2").stop() in (0, -15)


async def roll(ground: Ground, name: str, addresses: list[str]) -> None:
    """Replace a process: the next one is ready before clients hear of it."""
    service = ground.services[name]
    addresses.remove(service.url)
    await asyncio.sleep(UNLISTED_S)
    assert service.process is not None
    service.process.terminate()
    await until(lambda: service.process is not None and service.process.poll() is not None, what=f"{name} ending")
    assert service.process.poll() in (0, -15), f"{name} ended with {service.process.poll()}"
    await ground.start(name)
    addresses.append(service.url)
