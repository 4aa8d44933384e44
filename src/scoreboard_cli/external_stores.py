"""Stores that somebody else runs, given by ``DATABASE_URL`` and ``REDIS_URL``: checked, never started or stopped."""

import asyncio
import re
from urllib.parse import urlsplit

from scoreboard_cli.failures import ExpectedError

_OLDEST_POSTGRES = 14
_OLDEST_REDIS = (6, 2)
_TIMEOUT = 3.0


class _ExternalStore:
    """What both have in common: nothing to start or stop, and the last reason why it was not reached."""

    pid: int | None = None
    stop_timeout = 0.0
    ready_timeout = 5.0

    def __init__(self, url: str) -> None:
        self.url = url
        self._reason = "it was not asked yet"

    def launch(self) -> None:
        """Nothing to do: it runs elsewhere."""

    def exit_code(self) -> int | None:
        """Never known."""
        return None

    def ask_to_stop(self) -> None:
        """Nothing to do: it is not ours."""

    def kill(self) -> None:
        """Nothing to do: it is not ours."""


class ExternalPostgres(_ExternalStore):
    """The Postgres at ``DATABASE_URL``."""

    name = "postgres"

    @property
    def service_url(self) -> str:
        """The same address: as whom the services log in is for who runs the server to decide."""
        return self.url

    def late(self) -> ExpectedError:
        """Why it is not ready after ``ready_timeout``, and what to check."""
        return ExpectedError(
            f"Postgres at {address(self.url, 5432)} (DATABASE_URL) is not reachable: {self._reason}.",
            "Check that it runs and that host and port are right; without DATABASE_URL a bundled Postgres is used.",
        )

    def is_ready(self) -> bool:
        """Tells whether a log-in works now.

        Raises:
            ExpectedError: It answers, but trying again will not help.
        """
        return asyncio.run(self._logs_in())

    async def _logs_in(self) -> bool:
        import asyncpg  # the bundled store does without it

        where = address(self.url, 5432)
        try:
            connection = await asyncpg.connect(re.sub(r"^(postgres\w*)\+\w+:", r"\1:", self.url), timeout=_TIMEOUT)
        except (OSError, TimeoutError, asyncpg.CannotConnectNowError, asyncpg.TooManyConnectionsError) as error:
            self._reason = _text(error)
            return False
        except asyncpg.InvalidCatalogNameError as error:
            raise ExpectedError(f"Postgres at {where}: {error}.", "Create it first: createdb <name>") from error
        except asyncpg.InvalidAuthorizationSpecificationError as error:
            raise ExpectedError(f"Postgres at {where}: {error}.", "Check user and password in DATABASE_URL.") from error
        except (asyncpg.PostgresError, asyncpg.InterfaceError, ValueError) as error:
            raise ExpectedError(f"Postgres at {where}: {_text(error)}.", "Check DATABASE_URL.") from error
        major = connection.get_server_version().major
        await connection.close(timeout=_TIMEOUT)
        if major < _OLDEST_POSTGRES:
            raise ExpectedError(f"Postgres at {where} is version {major}; at least {_OLDEST_POSTGRES} is needed.")
        return True


class ExternalRedis(_ExternalStore):
    """The Redis or Valkey at ``REDIS_URL``."""

    name = "redis"

    def late(self) -> ExpectedError:
        """Why it is not ready after ``ready_timeout``, and what to check."""
        return ExpectedError(
            f"Redis at {address(self.url, 6379)} (REDIS_URL) is not reachable: {self._reason}.",
            "Check that it runs and that host and port are right; without REDIS_URL a bundled one is used.",
        )

    def is_ready(self) -> bool:
        """Tells whether it answers now.

        Raises:
            ExpectedError: It answers, but trying again will not help.
        """
        import redis  # the bundled store does without it
        from redis.backoff import NoBackoff
        from redis.retry import Retry

        where = address(self.url, 6379)
        try:
            client = redis.Redis.from_url(
                self.url, socket_timeout=_TIMEOUT, socket_connect_timeout=_TIMEOUT, retry=Retry(NoBackoff(), 0)
            )
        except ValueError as error:
            raise ExpectedError(f"REDIS_URL is not an address: {_text(error)}.") from error
        try:
            version = str(client.execute_command("INFO", "server").get("redis_version", "0.0"))  # type: ignore[no-untyped-call]
        except (redis.AuthenticationError, redis.ResponseError) as error:
            raise ExpectedError(f"Redis at {where}: {_text(error)}.", "Check the password in REDIS_URL.") from error
        except (redis.ConnectionError, redis.TimeoutError) as error:
            self._reason = _text(error)
            return False
        finally:
            client.close()
        if tuple(int(part) for part in version.split(".")[:2]) < _OLDEST_REDIS:
            raise ExpectedError(f"Redis at {where} is version {version}; at least 6.2 is needed.")
        return True


def address(url: str, default_port: int) -> str:
    """Host and port of a store's URL for a message, without its password."""
    parts = urlsplit(url)
    if not parts.hostname:
        return parts.path or "an unknown place"
    try:
        return f"{parts.hostname}:{parts.port or default_port}"
    except ValueError:  # the port is no number
        return parts.hostname


def _text(error: BaseException) -> str:
    if isinstance(error, TimeoutError) and not str(error):
        return f"no answer within {_TIMEOUT:g} s"
    return (str(error) or type(error).__name__).rstrip(".")
