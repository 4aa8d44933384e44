"""The one way to reach Postgres: a small pool, transactions that retry what is worth retrying.

Every process builds one ``Database`` in its wiring and hands it to the use cases.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, TypeVar

import asyncpg
from asyncpg.exceptions import InterfaceError, InternalClientError, PostgresError
from sqlalchemy import CursorResult, Engine, Executable, event
from sqlalchemy.exc import DBAPIError, DisconnectionError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncResult, create_async_engine

from scoreboard import telemetry
from scoreboard.settings import Settings

T = TypeVar("T")

# Serialization, deadlock, lock not available: the same transaction may succeed at once.
_CONFLICTS = frozenset({"40001", "40P01", "55P03"})
# Shutting down, crash, starting, read-only (a demoted primary), too many connections, disk full, no memory; and our
# own process was frozen in the transaction, so that the server ended it for the sake of the others.
_UNAVAILABLE = frozenset({"57P01", "57P02", "57P03", "25006", "53300", "53100", "53200", "25P03"})
_UNIQUE_VIOLATION = "23505"
_TIMED_OUT = "57014"
_PAUSE = 0.02


class Transaction:
    """A transaction under way: SQLAlchemy for what is composed, the driver itself for the statements of a batch.

    Measured on one connection: a statement takes 65-75 µs of this process by :meth:`fetch`, 210-240 µs by
    :meth:`execute`.
    """

    __slots__ = ("_connection", "_driver")

    def __init__(self, connection: AsyncConnection, driver: "asyncpg.Connection[asyncpg.Record]") -> None:
        self._connection = connection
        self._driver = driver

    async def fetch(self, statement: str, *arguments: object) -> list[asyncpg.Record]:
        """Run a statement with parameters ``$1`` to ``$n`` and return all its rows.

        Raises:
            asyncpg.PostgresError: what :meth:`Database.transact` does not retry, as the driver raises it.
        """
        return await self._driver.fetch(statement, *arguments)

    async def pages(self, statement: str, *arguments: object, size: int) -> AsyncIterator[list[asyncpg.Record]]:
        """Run a statement with parameters ``$1`` to ``$n`` through a cursor of the server: so many rows at a time.

        Raises:
            asyncpg.PostgresError: as :meth:`fetch`.
        """
        cursor = await self._driver.cursor(statement, *arguments)
        while rows := await cursor.fetch(size):
            yield rows

    async def execute(self, statement: Executable, parameters: Any = None) -> CursorResult[*tuple[Any, ...]]:
        """Run a statement of SQLAlchemy. Raises sqlalchemy.exc.DBAPIError."""
        return await self._connection.execute(statement, parameters)

    async def freeze(self) -> None:
        """See one state of the database from here on, and change nothing. Has to come first."""
        await self._driver.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")

    async def stream(self, statement: Executable, parameters: Any, *, chunk: int) -> AsyncResult[*tuple[Any, ...]]:
        """Run a statement through a cursor of the server that brings so many rows at a time."""
        return await self._connection.stream(statement, parameters, execution_options={"yield_per": chunk})


class StoreUnavailable(Exception):
    """Postgres cannot take this transaction now. Nothing of it was saved, or its commit is unknown."""


class Contended(Exception):
    """Raised by a transaction that saw another one come first: run it again from the start."""


class StoreContended(StoreUnavailable):
    """Another transaction kept the rows that this one needs."""


class StoreTimeout(StoreUnavailable):
    """Postgres took longer than the statement timeout."""


def sqlstate(error: BaseException) -> str | None:
    """The five-character state of a database error, of the driver or as SQLAlchemy wrapped it; None for others."""
    origin = error.orig if isinstance(error, DBAPIError) else error
    state = getattr(origin, "sqlstate", None) or getattr(origin, "pgcode", None)
    return state if isinstance(state, str) else None


def is_conflict(error: BaseException) -> bool:
    """Whether running the whole transaction again at once may help."""
    return isinstance(error, Contended) or sqlstate(error) in _CONFLICTS or sqlstate(error) == _UNIQUE_VIOLATION


def is_connection_loss(error: BaseException) -> bool:
    """Whether the server went away, so that the outcome of a commit may be unknown.

    asyncpg 0.32 can raise a bare ``InternalClientError`` after its backend was terminated.
    """
    if isinstance(error, OSError | InternalClientError | InterfaceError | PoolTimeoutError | asyncio.TimeoutError):
        return True
    if isinstance(error, RuntimeError):  # uvloop's word for a connection that was lost a moment before
        return "the handler is closed" in str(error)
    state = sqlstate(error)
    if state is not None:
        return state in _UNAVAILABLE or state.startswith("08")
    return isinstance(error, DBAPIError) and (error.connection_invalidated or is_connection_loss_origin(error))


def is_connection_loss_origin(error: DBAPIError) -> bool:
    """The same question for an error without a state: what did the driver raise beneath it?"""
    origin = error.orig
    cause = origin.__cause__ if origin is not None else None
    return isinstance(cause, OSError | InternalClientError | InterfaceError)


_WEIGHED = (
    *(DBAPIError, PostgresError, PoolTimeoutError, OSError, InternalClientError, InterfaceError, TimeoutError),
    *(Contended, RuntimeError),
)


class _Trust:
    """Which pooled connections are worth a try, without a trip to find out: the pool replaces the others.

    Not one that the server closed while it was idle, and none that is older than the last one that was lost: what made
    that one lead nowhere (a failover, a middlebox that forgot) has most likely taken all of that time along.
    """

    def __init__(self, engine: Engine) -> None:
        self._lost_at = float("-inf")
        for name, listener in (("connect", self._made), ("invalidate", self._lost), ("checkout", self._look)):
            event.listen(engine, name, listener)

    @staticmethod
    def _made(_connection: Any, record: Any) -> None:
        record.info["made_at"] = time.monotonic()

    def _lost(self, _connection: Any, _record: Any, error: BaseException | None) -> None:
        if not isinstance(error, DisconnectionError):  # which is what we say ourselves, of each that is replaced
            self._lost_at = time.monotonic()

    def _look(self, connection: Any, record: Any, _proxy: Any) -> None:
        if connection.driver_connection.is_closed() or record.info["made_at"] < self._lost_at:
            raise DisconnectionError


async def _commit(connection: AsyncConnection, work: Callable[[Transaction], Awaitable[T]]) -> T:
    driver: asyncpg.Connection[asyncpg.Record] = (await connection.get_raw_connection()).driver_connection  # type: ignore[assignment]  # SQLAlchemy does not say which driver
    begun = False
    try:
        async with driver.transaction():
            begun = True
            try:
                return await work(Transaction(connection, driver))
            except TimeoutError:
                # The server's own limit is a second shorter: nobody is there, and a ROLLBACK would wait as long again.
                driver.terminate()
                raise
    finally:
        if not begun:
            # A BEGIN that nobody waited for may still come about: what is done on this connection afterwards would be
            # part of that transaction, acknowledged and never committed.
            driver.terminate()
        if driver.is_closed() or driver.is_in_transaction():
            await connection.invalidate()


class Database:
    """A pool of connections to one Postgres and the rules by which its transactions are retried."""

    def __init__(self, settings: Settings, *, application: str = "scoreboard") -> None:
        self._tries = settings.transaction_tries
        self._deadline = settings.request_deadline
        self._unwaited: set[asyncio.Task[Any]] = set()
        self._engine = create_async_engine(
            driver_url(settings.database_url.get_secret_value()),
            pool_size=settings.database_pool_size,
            max_overflow=0,
            hide_parameters=True,  # an error would quote addresses and hashes
            pool_timeout=settings.database_pool_wait,
            pool_use_lifo=True,
            isolation_level="AUTOCOMMIT",  # for SQLAlchemy: the transaction is the driver's, both ways share it
            connect_args={
                "timeout": settings.database_connect_timeout,
                "command_timeout": settings.database_statement_timeout + 1,
                "server_settings": {
                    "application_name": application,
                    "timezone": "UTC",
                    "jit": "off",
                    # A plan made while a table was small would otherwise be kept while it grows: a scan of everything.
                    "plan_cache_mode": "force_custom_plan",
                    "lock_timeout": f"{int(settings.database_lock_timeout * 1000)}ms",
                    "statement_timeout": f"{int(settings.database_statement_timeout * 1000)}ms",
                    "idle_in_transaction_session_timeout": f"{int(settings.database_idle_timeout * 1000)}ms",
                },
            },
        )
        _Trust(self._engine.sync_engine)
        pool: Any = self._engine.pool  # its base class does not count
        telemetry.DATABASE_POOL.set(settings.database_pool_size)
        telemetry.DATABASE_IN_USE.set_function(pool.checkedout)

    async def transact(self, work: Callable[[Transaction], Awaitable[T]]) -> T:
        """Run ``work`` in one transaction and commit it before returning.

        On a conflict or a lost connection the whole of it runs again, at most ``transaction_tries`` times, and only
        while somebody who waits for it would still be answered (``request_deadline``). So ``work`` must have no
        effect outside the transaction. A commit whose answer was lost may run again too: unique keys make the second
        run find the first.

        Raises:
            StoreUnavailable: Postgres cannot be reached, is shutting down or read-only, or conflicts persist.
        """
        deadline = time.perf_counter() + self._deadline
        for attempt in range(1, self._tries + 1):
            began = time.perf_counter()
            try:
                with telemetry.span("postgres transaction", "client", **{"db.system.name": "postgresql"}):
                    async with self._engine.connect() as connection:
                        telemetry.DATABASE_WAIT.observe(time.perf_counter() - began, telemetry.exemplar())
                        return await _commit(connection, work)
            except _WEIGHED as error:
                self._weigh(error, tried=attempt >= self._tries, late=time.perf_counter() >= deadline)
                await asyncio.sleep(_PAUSE * attempt)
        raise AssertionError("the last attempt returns or raises")

    async def read_within(self, seconds: float, work: Callable[[Transaction], Awaitable[T]]) -> T:
        """As :meth:`transact`, for a read that an answer can do without: nobody waits for it any longer than this.

        It goes on by itself to its own end: on a server that hangs, giving it up would wait for the ROLLBACK.

        Raises:
            StoreUnavailable: as :meth:`transact`, and StoreTimeout after ``seconds``.
        """
        task = asyncio.get_running_loop().create_task(self.transact(work))
        self._unwaited.add(task)
        task.add_done_callback(self._ended)
        done, _ = await asyncio.wait({task}, timeout=seconds)
        if not done:
            raise StoreTimeout("Postgres did not answer in time")
        return task.result()

    def _ended(self, task: asyncio.Task[Any]) -> None:
        self._unwaited.discard(task)
        if not task.cancelled():
            task.exception()  # told to whoever still waited

    @staticmethod
    def _weigh(error: Exception, *, tried: bool, late: bool) -> None:
        """Return where another attempt is worth it; raise otherwise."""
        if sqlstate(error) == _TIMED_OUT:
            telemetry.TRANSACTION_FAILURES.labels("timeout").inc()
            raise StoreTimeout("Postgres did not answer in time") from error
        lost = is_connection_loss(error)
        if not lost and not is_conflict(error):
            raise error
        if tried or late or isinstance(error, PoolTimeoutError):
            if tried and sqlstate(error) == _UNIQUE_VIOLATION:
                raise error  # a second run would have found whoever came first: this key is taken by something else
            reason = "pool" if isinstance(error, PoolTimeoutError) else "unavailable" if lost else "contended"
            telemetry.TRANSACTION_FAILURES.labels(reason).inc()
            if not lost:
                raise StoreContended("other transactions keep the rows") from error
            raise StoreUnavailable("Postgres is not available") from error
        telemetry.TRANSACTION_RETRIES.labels("lost" if lost else "conflict").inc()

    async def close(self) -> None:
        """Close all connections; the object cannot be used afterwards."""
        for task in self._unwaited:
            task.cancel()
        if self._unwaited:
            await asyncio.wait(self._unwaited)
        await self._engine.dispose()


def driver_url(url: str) -> str:
    """The URL with the driver that SQLAlchemy needs; ``postgres://`` and ``postgresql://`` are both accepted."""
    scheme, separator, rest = url.partition("://")
    if not separator or scheme.split("+")[0] not in ("postgres", "postgresql"):
        raise ValueError("DATABASE_URL must begin with postgresql://")
    return f"postgresql+asyncpg://{rest}"
