"""The connection to Redis: short timeouts, one retry, and a pause after a failure.

The retry is for connections that a restart of Redis left stale in the pool; what took too long is never repeated.
redis-py 8 retries ten times with five-second timeouts unless told otherwise; in a request path that is an outage.
"""

import asyncio
from collections.abc import Awaitable
from typing import Any, TypeVar

from redis.asyncio import Redis
from redis.asyncio.connection import Connection
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as ConnectionLost
from redis.exceptions import NoScriptError, RedisError, ResponseError

from scoreboard import telemetry
from scoreboard.live.scripts import Script
from scoreboard.settings import Settings

T = TypeVar("T")
_CLOSED = "the handler is closed"
"""How uvloop says, with a bare RuntimeError, that a connection was lost a moment before it was written to."""


class LiveUnavailable(Exception):
    """Redis cannot be used now. Writes go on without it; reads fall back to Postgres."""


class Live:
    """Redis as the use cases see it. ``run_id`` names the server that the last connection met."""

    def __init__(self, settings: Settings) -> None:
        self._url = settings.redis_url.get_secret_value()
        self._pause = settings.redis_retry_pause
        self._down_until = 0.0
        self.run_id = ""
        self.redis: Any = self._client(settings.redis_timeout)  # its stubs cannot tell bytes from text
        self._timeout = settings.redis_timeout

    def _client(self, timeout: float | None) -> "Redis":
        return Redis.from_url(
            self._url,
            socket_timeout=timeout,
            socket_connect_timeout=self._connect_timeout(timeout),
            retry=Retry(NoBackoff(), 1, supported_errors=(ConnectionLost,)),
            decode_responses=False,
            redis_connect_func=self._greet,
            health_check_interval=0,
        )

    @staticmethod
    def _connect_timeout(timeout: float | None) -> float:
        return timeout if timeout is not None else 1.0

    async def _greet(self, connection: Connection) -> None:
        """Learn which server this is: after a restart or failover its data may be older than ours."""
        await connection.on_connect()
        await connection.send_command("INFO", "server")
        info = await connection.read_response()
        text = info.decode() if isinstance(info, bytes) else str(info)
        fields = dict(line.split(":", 1) for line in text.splitlines() if ":" in line)
        if fields.get("redis_mode") == "cluster":
            raise ResponseError("Redis Cluster is not supported: give a single server or a Sentinel URL")
        self.run_id = fields.get("run_id", "")

    def blocking_client(self) -> "Redis":
        """A client of its own for blocking reads: a socket timeout would end them. The caller closes it."""
        return self._client(None)

    def down(self) -> bool:
        """Whether Redis failed a moment ago, so that asking again would only cost time."""
        return asyncio.get_running_loop().time() < self._down_until

    async def ask(self, call: str, answer: Awaitable[T]) -> T:
        """Await a command under the breaker.

        Raises:
            LiveUnavailable: the command failed, timed out, or Redis failed less than ``redis_retry_pause`` ago.
        """
        if self.down():
            close = getattr(answer, "close", None)
            if close is not None:
                close()
            raise LiveUnavailable("Redis failed a moment ago")
        try:
            return await answer
        except (RedisError, OSError, TimeoutError, RuntimeError) as error:
            if isinstance(error, RuntimeError) and _CLOSED not in str(error):
                raise
            telemetry.REDIS_FAILURES.labels(call).inc()
            if not isinstance(error, ResponseError):
                self._down_until = asyncio.get_running_loop().time() + self._pause
            raise LiveUnavailable(f"Redis failed: {type(error).__name__}") from error

    async def run(self, script: Script, keys: list[str], arguments: list[Any]) -> Any:
        """Run a script by its hash; load it first where the server does not know it.

        Raises:
            LiveUnavailable: as :meth:`ask`.
        """
        return await self.ask(script.name, self._evaluate(script, keys, arguments))

    async def _evaluate(self, script: Script, keys: list[str], arguments: list[Any]) -> Any:
        try:
            return await self.redis.evalsha(script.sha, len(keys), *keys, *arguments)
        except NoScriptError:
            return await self.redis.eval(script.source, len(keys), *keys, *arguments)

    async def ping(self) -> None:
        """One trip to the server. Raises LiveUnavailable."""
        await self.ask("ping", self.redis.ping())

    async def close(self) -> None:
        """Close all connections."""
        await self.redis.aclose()
