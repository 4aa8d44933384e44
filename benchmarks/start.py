"""How soon the platform is there, and what it takes when nobody plays: ``python -m benchmarks.start``.

``scoreboard up`` as ``make up`` runs it: from the command to the first page, once with an empty folder and then with
the folder that was left; twenty seconds later, what everything it started holds in memory (PSS: what several processes
share counts once) and takes of the processor. Then each service on its own: from its command to ready, and its import.
"""

import argparse
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.request import urlopen

import psutil

from benchmarks import report
from benchmarks.ground import ROOT, Ground, Server, prepared_ground
from scoreboard_cli.ports import pick_free
from scoreboard_cli.running import STORES, find_running

_PATIENCE = 60.0
_STOP_PATIENCE = 60.0
_PAUSE = 0.02
_SERVICES = {  # module, and the variable of the port that tells whether it is ready
    "api": ("scoreboard_api", "SCOREBOARD_API_PORT"),
    "realtime": ("scoreboard_realtime", "SCOREBOARD_REALTIME_PORT"),
    "worker": ("scoreboard_worker", "SCOREBOARD_METRICS_PORT"),
    "anticheat": ("scoreboard_anticheat_ml", "SCOREBOARD_METRICS_PORT"),
}


@dataclass(frozen=True, slots=True)
class Idle:
    """What a platform takes while nobody plays: MiB by name, and of one core in percent."""

    mebibytes: dict[str, float]
    core_percent: float


class _Platform:
    """``scoreboard up`` in a folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._port = pick_free()
        self._log = folder.with_suffix(".log")
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> float:
        """Start it. Returns the seconds until its page was there. Raises SystemExit when it does not come."""
        ports = ["--api-port", str(self._port), "--realtime-port", str(pick_free()), "--metrics-port", str(_four())]
        began = time.perf_counter()
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "scoreboard_cli", "up", "--data", str(self._folder), *ports],
                cwd=ROOT,
                env=_untouched(os.environ),
                stdout=log,
                stderr=log,
            )
        while not self._shows_page():
            if self._process.poll() is not None or time.perf_counter() - began > _PATIENCE:
                raise SystemExit(f"scoreboard up showed no page:\n{self._log.read_text('utf-8', 'replace')[-3000:]}")
            time.sleep(_PAUSE)
        return time.perf_counter() - began

    def _shows_page(self) -> bool:
        try:
            with urlopen(f"http://127.0.0.1:{self._port}/", timeout=5) as reply:
                return b"<html" in reply.read()
        except OSError:
            return False

    def rest(self, seconds: float) -> Idle:
        """Wait until it has settled, then look at it for as long again."""
        time.sleep(seconds)
        members = self._members()
        before = {process: _spent(process) for group in members.values() for process in group}
        time.sleep(seconds)
        spent = sum(_spent(process) - known for process, known in before.items() if process.is_running())
        held = {name: sum(_proportional(process) for process in group) for name, group in members.items()}
        return Idle(held, spent / seconds * 100)

    def _members(self) -> dict[str, list[psutil.Process]]:
        """Everything it started, by the name that it has there; a store's own children with it."""
        assert self._process is not None
        running = find_running(self._folder)
        named = {name: psutil.Process(pid) for name, pid in running.pids.items()}
        members = {name: [process, *process.children(recursive=True)] for name, process in named.items()}
        known = {process.pid for group in members.values() for process in group}
        supervisor = psutil.Process(self._process.pid)
        rest = [one for one in [supervisor, *supervisor.children(recursive=True)] if one.pid not in known]
        return members | {"supervisor": rest}

    def stop(self) -> None:
        """Ctrl-C, and wait."""
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(signal.SIGINT)
            try:
                self._process.wait(_STOP_PATIENCE)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()


def _four() -> int:
    """The first of four free ports in a row, one for the metrics of each service."""
    while True:
        first = pick_free()
        if first < 65_000 and all(_is_free(first + offset) for offset in range(4)):
            return first


def _is_free(port: int) -> bool:
    return all(one.laddr.port != port for one in psutil.net_connections("tcp") if one.laddr)


def _untouched(environment: Mapping[str, str]) -> dict[str, str]:
    """Without what would point it to other stores or make it compile its modules again."""
    foreign = ("SCOREBOARD_", *STORES, "PYTHONDONTWRITEBYTECODE")
    return {name: value for name, value in environment.items() if not name.startswith(foreign)}


def _proportional(process: psutil.Process) -> float:
    with suppress(psutil.NoSuchProcess):
        return float(process.memory_full_info().pss) / 2**20
    return 0.0


def _spent(process: psutil.Process) -> float:
    with suppress(psutil.NoSuchProcess):
        times = process.cpu_times()
        return float(times.user + times.system)
    return 0.0


def _service(ground: Ground, environment: dict[str, str], name: str) -> float:
    """Seconds from a service's command to ready, alone on the machine."""
    module, variable = _SERVICES[name]
    server = Server(module, environment, ground.folder / f"{name}.log", ground.cores.every, variable, pause=_PAUSE)
    began = time.perf_counter()
    try:
        server.start(_PATIENCE)
        return time.perf_counter() - began
    finally:
        server.stop()


def _services(rounds: int) -> dict[str, list[float]]:
    with prepared_ground() as ground:
        ground.place_stores(ground.cores.every)
        environment = ground.environment("start")
        found: dict[str, list[float]] = {name: [] for name in _SERVICES}
        for number in range(rounds):
            for name in _SERVICES:
                found[name].append(_service(ground, environment, name))
                print(f"  round {number + 1}  {name:10} ready after {found[name][-1]:.2f} s", flush=True)
    return found


def main() -> None:
    """Measure, print, judge."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3, help="starts of each service, and of a folder that is there")
    parser.add_argument("--settle", type=float, default=20.0, help="seconds until a platform nobody uses is at rest")
    parser.add_argument("--json", type=Path, help="write all figures there")
    asked = parser.parse_args()
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    facts = report.tell_machine()
    pages, idle = _whole(asked.rounds, asked.settle)
    services = _services(asked.rounds)
    rows = [["first page, empty folder", f"{pages[0]:.2f}"]]
    rows += [["first page, the folder of before", str(report.spread(pages[1:]))]]
    rows += [[f"{name} ready", str(report.spread(values))] for name, values in services.items()]
    print()
    report.table("Seconds from the command", ["what", "s"], rows)
    held = sorted(idle.mebibytes.items(), key=lambda one: -one[1])
    total = sum(idle.mebibytes.values())
    report.table(
        "Memory at rest (PSS)",
        ["process", "MiB"],
        [*([name, f"{value:.0f}"] for name, value in held), ["in all", f"{total:.0f}"]],
    )
    print(f"\nand {idle.core_percent:.1f} % of one core")
    measured = {
        "first_page_s": max(pages),
        "service_ready_s": max(statistics.median(values) for values in services.values()),
        "idle_mib": total,
    }
    passed = report.judge("start", measured)
    written = {"machine": facts, "pages_s": pages, "services_s": services, "idle_mib": idle.mebibytes}
    report.write_json(asked.json, written | {"idle_core_percent": idle.core_percent, "measured": measured})
    sys.exit(0 if passed else 1)


def _whole(rounds: int, settle: float) -> tuple[list[float], Idle]:
    """Seconds to the first page, the first time with an empty folder, and what the last platform takes at rest."""
    pages: list[float] = []
    with tempfile.TemporaryDirectory(prefix="sb") as parent:
        os.chmod(parent, 0o711)  # Postgres may run as another user
        platform = _Platform(Path(parent) / "data")
        try:
            for number in range(rounds + 1):
                pages.append(platform.start())
                print(f"  start {number + 1}  page after {pages[-1]:.2f} s", flush=True)
                if number < rounds:
                    platform.stop()
            print(f"  at rest for {settle:g} s, then looked at for as long", flush=True)
            return pages, platform.rest(settle)
        finally:
            platform.stop()


if __name__ == "__main__":
    main()
