"""A platform of the drill's own: the stores and processes that ``scoreboard up`` starts, each to be broken alone."""

import asyncio
import os
import shutil
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

from dashboards.drill.proxy import Way
from dashboards.local import Beside
from dashboards.observe import Pair
from scoreboard_cli.data_folder import DataFolder
from scoreboard_cli.embedded_server import EmbeddedServer
from scoreboard_cli.keys import development_keys
from scoreboard_cli.ports import pick_free
from scoreboard_cli.postgres_server import PostgresServer
from scoreboard_cli.service import Service, child_environment
from scoreboard_cli.valkey_server import ValkeyServer

MODULES = {
    "worker": "scoreboard_worker",
    "anticheat-ml": "scoreboard_anticheat_ml",
    "api": "scoreboard_api",
    "realtime": "scoreboard_realtime",
}
_OF_ONE_MACHINE = {
    # All players and watchers come from one address, and log in within a moment.
    "SCOREBOARD_ADDRESS_RATE": "1000",
    "SCOREBOARD_ADDRESS_BURST": "1000",
    "SCOREBOARD_LOGIN_ADDRESS_PER_MINUTE": "1000",
    "SCOREBOARD_SOCKETS_PER_ADDRESS": "100",
    # Somebody cheats, and something shall come of it.
    "SCOREBOARD_ANTICHEAT_MODE": "enforce",
    # A drill has minutes.
    "SCOREBOARD_MODEL_REPORT_EVERY": "2",
    "SCOREBOARD_REFRESH_LEEWAY": "0",
}
_READY_WITHIN = 180.0  # on a busy machine the model's process imports for a while
_STOP_WITHIN = 30.0
_LOOK_EVERY = 0.1

Unit = Service | EmbeddedServer


async def until(condition: Callable[[], bool], within: float) -> bool:
    """Wait for a condition, at most so many seconds; whether it came true."""
    deadline = time.monotonic() + within
    while not condition():
        if time.monotonic() > deadline:
            return False
        await asyncio.sleep(_LOOK_EVERY)
    return True


class Ground:
    """Stores, services, and the ways between the API and Postgres, in a folder that is made for it."""

    def __init__(self, folder: Path | None = None) -> None:
        self.folder = folder or Path(tempfile.mkdtemp(prefix="scoreboard-drill-"))
        self.folder.chmod(0o711)  # as root, Postgres runs as another user
        self.data = DataFolder(self.folder / "platform")
        self.postgres = PostgresServer(
            self.data.postgres,
            port=pick_free(),
            options={"fsync": "off"},  # what is thrown away needs no disk, and others may keep it busy
            log=self.data.log("postgres"),
        )
        self.api_to_postgres = Way(self.postgres.port)
        self.redis = ValkeyServer(self.data.valkey, log=self.data.log("redis"))
        self.services: dict[str, Service] = {}
        self.metrics = {name: pick_free() for name in MODULES}
        self._ports = {name: pick_free() for name in ("api", "realtime")}
        self.pair: Pair | None = None

    @property
    def api_url(self) -> str:
        """Where the API is."""
        return f"http://127.0.0.1:{self._ports['api']}"

    @property
    def realtime_url(self) -> str:
        """Where live connections go."""
        return f"http://127.0.0.1:{self._ports['realtime']}"

    @property
    def environment(self) -> dict[str, str]:
        """What commands that work on the stores need."""
        keys = development_keys(self.data.keys, {})
        stores = {"DATABASE_URL": self.postgres.url, "REDIS_URL": self.redis.url}
        return child_environment(os.environ, **keys, **stores, **_OF_ONE_MACHINE)

    async def start(self) -> None:
        """Start everything and wait until it is ready. Raises ExpectedError."""
        for store in (self.postgres, self.redis):
            store.launch()
        for store in (self.postgres, self.redis):
            await self.until_ready(store)
        await self.command("migrate", "--seed", "--service-login", "--data", str(self.data.root))
        await self.api_to_postgres.open()
        for name, module in MODULES.items():
            self.services[name] = self._service(name, module)
            self.services[name].launch()
        for service in self.services.values():
            await self.until_ready(service)

    def _service(self, name: str, module: str) -> Service:
        database = self.postgres.service_url
        if name == "api":
            parts = urlsplit(database)
            login = parts.netloc.rpartition("@")[0]
            database = urlunsplit(parts._replace(netloc=f"{login}@127.0.0.1:{self.api_to_postgres.port}"))
        environment = self.environment | {
            "DATABASE_URL": database,
            "SCOREBOARD_METRICS_PORT": str(self.metrics[name]),
            "SCOREBOARD_API_PORT": str(self._ports["api"]),
            "SCOREBOARD_REALTIME_PORT": str(self._ports["realtime"]),
            "SCOREBOARD_REALTIME_URL": self.realtime_url,
        }
        health = ("127.0.0.1", self._ports.get(name, self.metrics[name]))
        log, record = self.data.log(name), self.data.record(name)
        return Service(name, ("-m", module), environment, log, record, health, ready_timeout=_READY_WITHIN)

    async def command(self, *arguments: str) -> None:
        """Run ``scoreboard`` with arguments. Raises ExpectedError when it fails."""
        name = arguments[0]
        log = self.data.log(name)
        step = Service(name, ("-m", "scoreboard_cli", *arguments), self.environment, log, self.data.record(name))
        step.launch()
        await until(lambda: step.exit_code() is not None, _READY_WITHIN)
        if (code := step.exit_code()) != 0:
            step.kill()
            raise step.late() if code is None else step.ended(code)

    async def until_ready(self, unit: Unit) -> None:
        """Wait until something serves. Raises ExpectedError when it never does."""
        deadline = time.monotonic() + _READY_WITHIN
        while not await self._is_ready(unit):
            if time.monotonic() > deadline:
                raise unit.late()
            await asyncio.sleep(_LOOK_EVERY)

    @staticmethod
    async def _is_ready(unit: Unit) -> bool:
        """Asked beside the loop: to answer, the API needs its way to Postgres, which the loop carries.

        A store may start itself anew when it is asked, and the kernel ties a child to the thread that started it.
        """
        return await asyncio.to_thread(unit.is_ready) if isinstance(unit, Service) else unit.is_ready()

    async def bring_back(self, unit: Unit) -> None:
        """Start something again and wait until it serves. Raises ExpectedError when it never does."""
        unit.launch()
        await self.until_ready(unit)

    async def stop_in_order(self, unit: Unit) -> None:
        """Ask something to end, and wait until it has; by force when it takes too long."""
        unit.ask_to_stop()
        await until(lambda: unit.pid is None, _STOP_WITHIN)
        unit.kill()

    def observe(self, webhook: str, scale: float, every: int, gather: int) -> Beside:
        """Start Prometheus and Alertmanager beside it. Raises ExpectedError."""
        targets = {name: f"127.0.0.1:{port}" for name, port in self.metrics.items()}
        beside = Beside(self.folder / "observe", targets, pick_free(), pick_free(), webhook, scale, every, gather)
        self.pair = Pair(beside)
        self.pair.start()
        return beside

    async def stop(self, *, keep: bool = False) -> None:
        """End everything; the folder goes too unless it is to be kept."""
        if self.pair is not None:
            self.pair.stop()
        for name in ("realtime", "api", "anticheat-ml", "worker"):
            if name in self.services:
                await self.stop_in_order(self.services[name])
        await self.api_to_postgres.cut()
        for store in (self.redis, self.postgres):
            await self.stop_in_order(store)
        if not keep:
            shutil.rmtree(self.folder, ignore_errors=True)
