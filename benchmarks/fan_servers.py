"""The servers of the fan-out benchmark: ours as it is deployed, and its peers, which know nothing but one event."""

import asyncio
import os
import shutil
import socket
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import psutil
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from benchmarks.fan_crowd import Place, Programs
from benchmarks.ground import ROOT, Cores, Ground, Server, settings_of
from benchmarks.seeding import BOARD, Seeded, seed
from benchmarks.sockets import connect
from scoreboard.domain.action import ActionKind
from scoreboard.domain.completion import CompletionRequest
from scoreboard.domain.player import Role
from scoreboard.security.access_token import AccessTokens
from scoreboard.security.identifiers import new_id
from scoreboard.security.platform_keys import platform_keys
from scoreboard.settings import Settings
from scoreboard.usecases.announce import OutboxMarker
from scoreboard.usecases.complete_actions import announce_completions, save_completions
from scoreboard.usecases.completion_answers import Completion
from scoreboard.usecases.configure import configure
from scoreboard.usecases.platform import Platform, open_platform
from scoreboard_cli.ports import pick_free

_SCHED = 2  # the kernel's name for a process's scheduler clock (include/linux/posix-timers.h)
_ENGINE = "/socket.io/?EIO=4&transport=websocket"
_NODE = ROOT / "benchmarks" / "node"
_KIND = ActionKind("point", "A point", points=1, direct=True, boards=(BOARD.key,))
_LEADERS = 4  # the board shows them all, so every score shows; the event has about 1 KB with them


def process_cpu(pid: int) -> float:
    """Seconds of processor time of a process, in nanosecond steps: Linux counts ``/proc/PID/stat`` in hundredths."""
    return time.clock_gettime((~pid << 3) | _SCHED)


def memory_kb(pid: int) -> float:
    """Resident memory of a process, in KiB."""
    return float(psutil.Process(pid).memory_info().rss) / 1024


class Contender(Protocol):
    """A server that sends one event to all of its clients when it is told to."""

    name: str

    @property
    def pid(self) -> int:
        """Its process."""

    def start(self) -> Place:
        """Start it, pinned to its core. Returns where clients connect. Raises RuntimeError when it does not start."""

    def trigger(self) -> float:
        """Make it send. Returns the moment, by ``time.monotonic``, from which its clients wait."""

    def stop(self) -> None:
        """End it."""


@dataclass
class Peer:
    """A peer: a command that is given its port, and sends when it reads a line."""

    name: str
    command: list[str]
    arguments: list[str]
    protocol: str
    path: str
    cores: Cores
    log: Path
    tokens: Path | None = None
    process: "subprocess.Popen[bytes] | None" = None

    @property
    def pid(self) -> int:
        """Its process."""
        assert self.process is not None
        return self.process.pid

    def start(self) -> Place:
        """Start it and wait until its port answers."""
        port = pick_free()
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [*self.command, str(port), *self.arguments], cwd=ROOT, stdin=subprocess.PIPE, stdout=log, stderr=log
            )
        os.sched_setaffinity(self.process.pid, self.cores.server)
        deadline = time.monotonic() + 30
        while not _answers(port):
            if self.process.poll() is not None or time.monotonic() > deadline:
                said = self.log.read_text("utf-8", "replace")[-2000:]
                raise RuntimeError(f"{self.name} did not start:\n{said}")
            time.sleep(0.05)
        return Place(port, self.protocol, self.path, self.tokens)

    def trigger(self) -> float:
        """One line."""
        assert self.process is not None
        assert self.process.stdin is not None
        at = time.monotonic()
        self.process.stdin.write(b"\n")
        self.process.stdin.flush()
        return at

    def stop(self) -> None:
        """Nothing is worth keeping."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None


def _answers(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0


@dataclass
class Stage:
    """What ours and the peers have in common: a seeded board, the event that a change of it brings, the tokens' key."""

    ground: Ground
    environment: dict[str, str]
    settings: Settings
    seeded: Seeded
    platform: Platform
    runner: asyncio.Runner
    marker: OutboxMarker
    scores: int = 0

    def tokens(self, count: int) -> Path:
        """A file with as many fresh access tokens, each of a player of its own."""
        path = self.ground.folder / "tokens"
        tokens = AccessTokens(self.settings)
        issued = (tokens.issue(new_id(), new_id(), f"browser-{n:05}", Role.PLAYER)[0] for n in range(count))
        path.write_text("\n".join(issued) + "\n", "ascii")
        return path

    def public_key(self) -> Path:
        """A file with the key that verifies them."""
        path = self.ground.folder / "public.pem"
        key = platform_keys(self.settings)[0].public
        path.write_bytes(key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
        return path

    def score(self) -> float:
        """One of the leaders gets a point: a commit, then the announcement. Returns the moment of the commit."""
        return self.runner.run(self.commit())

    async def commit(self) -> float:
        """:meth:`score`, for those who are on its event loop. Raises RuntimeError when the score is refused."""
        person = self.seeded.people[self.scores % len(self.seeded.people)]
        self.scores += 1
        client_id = f"s{self.scores}"
        request = CompletionRequest(
            person.id, new_id(), client_id.encode(), client_id=client_id, kind_key=_KIND.key, timed=False
        )
        saved = await save_completions(self.platform, [request], self.marker)
        at = time.monotonic()
        [answer] = await announce_completions(self.platform, saved, self.marker)
        if not isinstance(answer, Completion):
            raise RuntimeError(f"a score was refused: {answer}")
        return at

    def close(self) -> None:
        """Tick off what was announced, give the connections back."""
        self.runner.run(self._finish())
        self.runner.close()

    async def _finish(self) -> None:
        await self.marker.finish()
        await self.platform.close()


def prepared_stage(ground: Ground) -> Stage:
    """A database with one board and its leaders."""
    environment = ground.environment("fanout")
    settings = settings_of(environment)
    seeded = asyncio.run(seed(settings, _LEADERS))
    runner = asyncio.Runner()

    async def opened() -> tuple[Platform, OutboxMarker]:
        platform = open_platform(settings, application="benchmark")
        await configure(platform, (BOARD,), (_KIND,), managed_by="benchmark")
        return platform, OutboxMarker(platform)

    platform, marker = runner.run(opened())
    return Stage(ground, environment, settings, seeded, platform, runner, marker)


@dataclass
class Ours:
    """The realtime service, with a change of a real board for a trigger: a commit, Redis's stream, its fan-out."""

    stage: Stage
    tokens: Path
    extra: dict[str, str] = field(default_factory=dict)
    name: str = "scoreboard"
    server: Server | None = None

    @property
    def pid(self) -> int:
        """Its process."""
        assert self.server is not None
        assert self.server.process is not None
        return self.server.process.pid

    def start(self) -> Place:
        """Start it and wait until it is ready."""
        ground, environment = self.stage.ground, self.stage.environment | self.extra
        log, port = ground.folder / "realtime.log", "SCOREBOARD_REALTIME_PORT"
        self.server = Server("scoreboard_realtime", environment, log, ground.cores.server, port)
        self.server.start()
        return Place(self.server.port, "socketio", _ENGINE, self.tokens)

    def trigger(self) -> float:
        """One score."""
        return self.stage.score()

    def stop(self) -> None:
        """As a rollout does."""
        if self.server is not None:
            self.server.stop()
            self.server = None


def captured_event(ours: Ours) -> Path:
    """A file with the event that a score brings, as our own service sends it."""
    place = ours.start()
    try:
        heard = ours.stage.runner.run(_next_event(place.port, ours.stage))
    finally:
        ours.stop()
    path = ours.stage.ground.folder / "event.json"
    path.write_bytes(heard)
    return path


async def _next_event(port: int, stage: Stage) -> bytes:
    heard: asyncio.Queue[bytes] = asyncio.Queue()
    live = await connect(port, f"board:{BOARD.key}", heard.put_nowait)
    try:
        for _ in range(20):
            await stage.commit()
            with suppress(TimeoutError):
                event = await asyncio.wait_for(heard.get(), 1)
                while b'"type":"leaderboard.update"' not in event[:64]:  # a snapshot
                    event = await asyncio.wait_for(heard.get(), 1)
                return event
    finally:
        live.close()
    raise RuntimeError("a score brought no update of the board")


def peers(stage: Stage, event: Path, tokens: Path, programs: Programs) -> list[Peer]:
    """All peers that this machine can run; says which it cannot."""
    cores, folder = stage.ground.cores, stage.ground.folder
    found = []

    def add(name: str, command: list[str], arguments: list[str], protocol: str, tokens: Path | None = None) -> None:
        path = _ENGINE if protocol == "socketio" else "/"
        found.append(Peer(name, command, arguments, protocol, path, cores, folder / f"{name}.log", tokens))

    node = shutil.which("node")
    if node and (_NODE / "node_modules" / "socket.io").is_dir():
        add(
            "socket.io (node)",
            [node, str(_NODE / "server.mjs")],
            [str(stage.public_key()), str(event)],
            "socketio",
            tokens,
        )
    else:
        print("left out: socket.io (node); it needs Node.js and `make bench-fanout`, which installs it")
    python = [sys.executable, "-m"]
    add("websockets.broadcast", [*python, "benchmarks.peers.broadcast"], [str(event)], "plain")
    add("python-socketio", [*python, "benchmarks.peers.stock"], [str(event)], "socketio")
    if programs.loop:
        add("C loop", [str(programs.loop)], [str(event)], "plain")
    else:
        print("left out: the C loop and the client in C; they need a C compiler")
    return found
