"""A kubelet for processes: runs what the chart renders as local processes, with the node's part of the contract.

Every pod has an address of its own in 127.0.0.0/8, and what listens on all addresses listens on that one, as in a
network namespace. Environment (Secrets, ``$(NAME)``), command, probes with their thresholds, preStop, SIGTERM and the
grace after which SIGKILL comes are as rendered. Not here: cgroups, volumes, the user and the read-only root, which the
tests of the images look at, and scheduling.
"""

import asyncio
import itertools
import os
import random
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import httpx2 as httpx

from tests.charts.documents import Document
from tests.stage import until

ANY_ADDRESS = "0.0.0.0"
IMAGE_ENVIRONMENT = {"PYTHONUNBUFFERED": "1", "LANG": "C.UTF-8"}
# A corner of 127.0.0.0/8 for each test process, as several may run at once.
_CORNER = f"127.{random.randint(1, 250)}.{random.randint(1, 250)}"
_numbers = itertools.count(2)
_VARIABLE = re.compile(r"\$\(([A-Za-z_][A-Za-z0-9_]*)\)")
_SERVICE = re.compile(r"(//|@)([a-z0-9-]+)(?:\.[a-z0-9.-]+)?:([0-9]+)")
Secrets = Mapping[str, Mapping[str, str]]


@dataclass(frozen=True)
class Ended:
    """How a pod's end went."""

    code: int
    seconds: float
    killed: bool


@dataclass
class Pod:
    """One container of a rendered pod template, as a process."""

    spec: Document
    container: Document
    folder: Path
    secrets: Secrets
    services: Mapping[str, str] = field(default_factory=dict)
    more_arguments: tuple[str, ...] = ()
    ip: str = ""
    process: subprocess.Popen[bytes] | None = None

    def __post_init__(self) -> None:
        self.ip = self.ip or f"{_CORNER}.{next(_numbers)}"
        self.log = self.folder / f"{self.container['name']}-{self.ip}.log"
        self.environment = self._environment()

    def _environment(self) -> dict[str, str]:
        """What the container sees, resolved in order as a kubelet does it."""
        found: dict[str, str] = {}
        for each in self.container.get("env", ()):
            if "valueFrom" in each:
                reference = each["valueFrom"]["secretKeyRef"]
                content = self.secrets.get(reference["name"], {})
                if reference["key"] in content:
                    found[each["name"]] = content[reference["key"]]
                else:
                    assert reference.get("optional"), f"CreateContainerConfigError: {reference} is not there"
                continue
            value = _VARIABLE.sub(lambda match: found.get(match[1], match[0]), each.get("value", ""))
            found[each["name"]] = self.ip if value == ANY_ADDRESS else _SERVICE.sub(self._resolved, value)
        return found

    def _resolved(self, match: re.Match[str]) -> str:
        """What the cluster's DNS and a Service would make of a name and a port."""
        target = self.services.get(f"{match[2]}:{match[3]}")
        return f"{match[1]}{target}" if target else match[0]

    def _whole_environment(self) -> dict[str, str]:
        inherited = {name: os.environ[name] for name in ("PYTHONPATH", "TMPDIR") if name in os.environ}
        path = f"{self.folder}/bin:{Path(sys.executable).parent}:{os.environ['PATH']}"
        return {"PATH": path, "HOME": str(self.folder), **IMAGE_ENVIRONMENT, **inherited, **self.environment}

    def start(self) -> "Pod":
        """Create the container."""
        command = [*self.container.get("command", ()), *self.container.get("args", ()), *self.more_arguments]
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                command,
                env=self._whole_environment(),
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        return self

    @property
    def output(self) -> str:
        return self.log.read_text("utf-8", "replace")

    def port(self, wanted: int | str) -> int:
        """The number of a port, also by its name."""
        if isinstance(wanted, int):
            return wanted
        (found,) = [each["containerPort"] for each in self.container["ports"] if each["name"] == wanted]
        return int(found)

    def address(self, port: int | str) -> str:
        return f"{self.ip}:{self.port(port)}"

    async def probe(self, name: str) -> bool:
        """Ask one probe once."""
        probe = self.container[f"{name}Probe"]
        within = probe.get("timeoutSeconds", 1)
        if "httpGet" in probe:
            url = f"http://{self.address(probe['httpGet']['port'])}{probe['httpGet']['path']}"
            try:
                async with httpx.AsyncClient(timeout=within) as client:
                    return 200 <= (await client.get(url)).status_code < 400
            except httpx.HTTPError:
                return False
        if "exec" in probe:
            asked = await asyncio.create_subprocess_exec(*probe["exec"]["command"], env=self._whole_environment())
            try:
                return await asyncio.wait_for(asked.wait(), within) == 0
            except TimeoutError:
                asked.kill()
                return False
        with socket.socket() as tried:
            tried.settimeout(within)
            return tried.connect_ex((self.ip, self.port(probe["tcpSocket"]["port"]))) == 0

    async def started(self) -> float:
        """Wait as long as the startup probe allows, then for readiness; the seconds until it was ready."""
        probe = self.container["startupProbe"]
        began = time.monotonic()
        allowed = probe["periodSeconds"] * probe["failureThreshold"]

        async def answers(name: str) -> bool:
            assert self.process is not None
            assert self.process.poll() is None, f"{self.container['name']} ended:\n{self.output[-4000:]}"
            return await self.probe(name)

        await until(lambda: answers("startup"), within=min(allowed, 60), every=0.05, what="the startup probe")
        await until(lambda: answers("readiness"), within=30, every=0.05, what="the readiness probe")
        return time.monotonic() - began

    async def finished(self, within: float = 60.0) -> int:
        """Wait for the end of a container that ends by itself; its exit code."""
        assert self.process is not None
        process = self.process
        await until(lambda: process.poll() is not None, within=within, every=0.05, what=f"the end of {self.log.name}")
        return process.returncode

    async def stop(self, before_term: Callable[[], Awaitable[None]] | None = None) -> Ended:
        """Delete the pod: preStop, SIGTERM, and SIGKILL when its grace is over.

        Args:
            before_term: called right before SIGTERM is sent.
        """
        assert self.process is not None
        grace: int = self.spec.get("terminationGracePeriodSeconds", 30)
        began = time.monotonic()
        hook = self.container.get("lifecycle", {}).get("preStop", {}).get("exec", {}).get("command")
        if hook:
            done = await asyncio.create_subprocess_exec(*hook)
            assert await done.wait() == 0
        if before_term is not None:
            await before_term()
        self.process.send_signal(signal.SIGTERM)
        process = self.process
        killed = False
        while process.poll() is None:
            if time.monotonic() - began > grace:
                killed = True
                process.kill()
                process.wait()
            await asyncio.sleep(0.02)
        return Ended(process.returncode, time.monotonic() - began, killed)

    def end(self) -> None:
        """Tidy up after a test that failed."""
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
            self.process.wait()
