"""``scoreboard demo`` as a real process against a real API and worker, under the limits of real clients."""

import asyncio
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2 as httpx
import pytest
import pytest_asyncio
from sqlalchemy import text

from scoreboard.storage.database import Transaction
from scoreboard.usecases.configure import seed_demo
from scoreboard.usecases.platform import open_platform
from scoreboard.usecases.rebuild_leaderboard import restore_missing
from scoreboard_cli.demo.names import NAMES
from tests.stage import Service, Stores, patient, register, until

OF_REAL_CLIENTS = {
    "SCOREBOARD_PLAYER_WRITE_RATE": "10",
    "SCOREBOARD_PLAYER_WRITE_BURST": "20",
    "SCOREBOARD_ADDRESS_RATE": "50",
    "SCOREBOARD_ADDRESS_BURST": "100",
    "SCOREBOARD_LOGIN_ADDRESS_PER_MINUTE": "20",
    "SCOREBOARD_LOGIN_ACCOUNT_PER_MINUTE": "5",
    "SCOREBOARD_ACTION_PER_MINUTE": "60",
}


@dataclass
class Demo:
    """A running demo."""

    process: subprocess.Popen[bytes]
    output: Path

    def said(self) -> str:
        return self.output.read_text("utf-8")

    def completed(self) -> int:
        found = re.findall(r"completed (\d+)", self.said())
        return int(found[-1]) if found else 0

    def end(self, how: signal.Signals = signal.SIGINT) -> str:
        """Stop it as a person would; it has to go quietly. Its last line."""
        self.process.send_signal(how)
        assert self.process.wait(10) == 0, self.said()
        assert "Traceback" not in self.said()
        return self.said().splitlines()[-1]


@dataclass
class Place:
    """A platform with the demo boards, and a folder for the demo."""

    stores: Stores
    root: Path
    services: list[Service] = field(default_factory=list)
    environment: dict[str, str] = field(default_factory=dict)

    @property
    def data(self) -> Path:
        return self.root / "data"

    @property
    def api(self) -> Service:
        return self.services[0]

    async def furnish(self, *, login_per_minute: int = 20) -> None:
        """A fresh database with the demo boards, for services that do not run yet."""
        limits = OF_REAL_CLIENTS | {"SCOREBOARD_LOGIN_ADDRESS_PER_MINUTE": str(login_per_minute)}
        self.environment = await self.stores.environment(**limits)
        platform = open_platform(patient(self.environment), application="test")
        await seed_demo(platform)
        await restore_missing(platform)
        await platform.close()

    async def start(self) -> None:
        """Start API and worker; the API on the port that it had."""
        ports = {service.name: {"port": service.port} for service in self.services}
        self.services = [
            Service(name, self.environment, self.root / f"{name}.log", **ports.get(name, {}))
            for name in ("api", "worker")
        ]
        for service in self.services:
            service.start()
        for service in self.services:
            await service.ready()

    def stop(self) -> None:
        for service in self.services:
            service.stop()

    @contextmanager
    def demo(self, *arguments: str) -> Iterator[Demo]:
        output = self.root / "demo.log"
        with output.open("wb") as log:
            process = subprocess.Popen(
                [
                    *(sys.executable, "-m", "scoreboard_cli", "demo", "--data", str(self.data), "--seed", "11"),
                    *("--rate", "4", *arguments),
                ],
                env=os.environ | {"SCOREBOARD_API_URL": self.api.url},
                stdout=log,
                stderr=log,
            )
        try:
            yield Demo(process, output)
        finally:
            process.kill()
            process.wait()

    async def top(self) -> list[dict[str, Any]]:
        async with httpx.AsyncClient(base_url=self.api.url) as client:
            reply = await client.get("/api/v1/boards/main/top?limit=100")
        entries: list[dict[str, Any]] = reply.json()["entries"]
        return entries

    async def count(self, table: str) -> int:
        platform = open_platform(patient(self.environment), application="test")

        async def work(tx: Transaction) -> int:
            return int((await tx.execute(text(f"SELECT count(*) FROM {table}"))).scalar_one())

        try:
            return await platform.database.transact(work)
        finally:
            await platform.close()


@pytest_asyncio.fixture
async def place(stores: Stores) -> AsyncIterator[Place]:
    root = Path(tempfile.mkdtemp(prefix="sb"))
    place = Place(stores, root)
    try:
        await place.furnish()
        await place.start()
        yield place
    finally:
        place.stop()
        shutil.rmtree(root)


async def test_the_board_comes_alive_and_a_second_demo_goes_on_with_the_same_accounts(place: Place) -> None:
    async def moving(at_least: int) -> bool:
        return len(await place.top()) >= at_least

    with place.demo("--players", "8", "--cheaters", "2") as demo:
        await until(lambda: moving(2), within=45, what="the first names moving")
        await until(lambda: moving(8), within=30, what="nearly everybody having a score")
        summary = demo.end()
    assert re.match(r"\d+ actions in \d+ s; refused: .*\. Seed 11\.$", summary)
    assert "TOO_MANY_REQUESTS" not in summary
    names = {entry["username"] for entry in await place.top()}
    assert names <= {*NAMES[:8], "Metronom", "Always 100"}

    players, sessions = await place.count("players"), await place.count("sessions")
    before = {entry["username"]: entry["score"] for entry in await place.top()}
    with place.demo("--players", "8", "--cheaters", "2") as again:

        async def higher() -> bool:
            return sum(entry["score"] > before.get(entry["username"], 0) for entry in await place.top()) >= 3

        await until(higher, within=45, what="the old names moving on")
        again.end(signal.SIGTERM)
    assert (await place.count("players"), await place.count("sessions")) == (players, sessions)


@pytest.mark.slow
async def test_it_plays_on_when_the_server_was_killed(place: Place) -> None:
    with place.demo("--players", "6", "--cheaters", "1") as demo:
        await until(lambda: demo.completed() > 0, within=20, what="actions being completed")
        place.api.kill()
        await until(lambda: "the server does not answer" in demo.said(), within=20, what="the failure being shown")
        before = demo.completed()
        place.api.start()
        await place.api.ready()
        await until(lambda: demo.completed() > before + 3, within=20, what="the play going on")
        assert demo.process.poll() is None
        demo.end()


@pytest.mark.slow
async def test_a_platform_that_lost_everything_gets_its_players_again(place: Place) -> None:
    with place.demo("--players", "3", "--cheaters", "0", "--seconds", "4") as demo:
        assert await asyncio.to_thread(demo.process.wait, 20) == 0
    place.stop()
    await place.furnish()
    await place.start()
    async with httpx.AsyncClient(base_url=place.api.url) as client:
        await register(client, NAMES[0])  # a person was quicker this time
    with place.demo("--players", "3", "--cheaters", "0") as demo:

        async def all_there() -> bool:
            return {f"{NAMES[0]} 1-2", NAMES[1], NAMES[2]} <= {entry["username"] for entry in await place.top()}

        await until(all_there, within=20, what="the old names on the new board")
        demo.end()


@pytest.mark.slow
async def test_at_the_limit_of_logins_players_wait_and_come_in(place: Place) -> None:
    place.stop()
    await place.furnish(login_per_minute=30)
    await place.start()
    async with httpx.AsyncClient(base_url=place.api.url) as client:
        for number in range(28):  # somebody else at this address has nearly used it up
            await register(client, f"neighbour {number}")
    with place.demo("--players", "4", "--cheaters", "0") as demo:

        async def everybody() -> bool:
            return len(await place.top()) == 4

        await until(everybody, within=30, what="everybody having a score")
        demo.end()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((), "Nothing is running here"),
        (("--api", "http://127.0.0.1:1"), "Nothing answers at http://127.0.0.1:1"),
        (("--api", "here"), "here is no address"),
    ],
)
def test_without_a_platform_it_says_so(tmp_path: Path, arguments: tuple[str, ...], words: str) -> None:
    environment = {name: value for name, value in os.environ.items() if name != "SCOREBOARD_API_URL"}
    started = subprocess.run(
        [sys.executable, "-m", "scoreboard_cli", "demo", "--data", str(tmp_path / "none"), *arguments],
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert started.returncode == 1
    assert words in started.stderr
    assert "Traceback" not in started.stderr
    assert not (tmp_path / "none").exists()


async def test_accounts_are_readable_for_their_owner_only(place: Place) -> None:
    with place.demo("--players", "1", "--cheaters", "0", "--seconds", "3") as demo:
        assert await asyncio.to_thread(demo.process.wait, 20) == 0
    accounts = place.data / "demo" / "accounts.json"
    assert accounts.stat().st_mode & 0o777 == 0o600
    assert list(json.loads(accounts.read_text("utf-8"))[place.api.url]) == [NAMES[0]]
