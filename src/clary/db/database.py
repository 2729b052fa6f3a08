"""Engines and transactions.

On PostgreSQL every transaction takes a connection from one pool; what only reads sees one snapshot.

SQLite gets one connection that writes and a few that only read, so a reader never waits for a writer and two writers
never meet inside SQLite. A transaction that writes begins with BEGIN IMMEDIATE: it can wait for the event log's writer
at its start, but can not fail in its middle.
"""

import asyncio
import contextlib
import sqlite3
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import Any

from sqlalchemy import event, make_url, text
from sqlalchemy.engine import URL
from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, create_async_engine
from sqlalchemy.orm import Session as SyncSession

from clary.db.one_hop import one_hop_driver
from clary.db.postgresql import NotConnectedError, TurnSession, passes_by_itself, postgresql_engine
from clary.db.session import WRITES, ReadingSession
from clary.errors import UpstreamError
from clary.kit import traces
from clary.kit.text import Text

BUSY_TIMEOUT_MS = 5000
POOL_WAIT_SECONDS = 10
READERS = 6
ASIDE = 4
CLOSING_SECONDS = 10
SLOW_SECONDS = 0.1


class UnavailableError(UpstreamError):
    """Database, disk or object store does not answer (platform.md 1.2)."""

    slug = "unavailable"
    code = 503
    http_status = 503
    text = Text("服务暂时不可用，请稍后重试", "Service temporarily unavailable")

    def __init__(self) -> None:
        super().__init__(headers={"Retry-After": "5"})


class NestedTransactionError(RuntimeError):
    """A transaction was begun by who has one open."""


class Database:
    """The transactions of one process."""

    def __init__(self, url: str, *, pool_size: int = 10) -> None:
        self._open = 0
        self._holders: set[asyncio.Task[Any] | None] = set()
        """Tasks that have a transaction open."""
        self._is_closed = False
        self._left: asyncio.Event | None = None
        self.url = url
        parsed = make_url(url)
        self.is_sqlite = parsed.get_backend_name() == "sqlite"
        if self.is_sqlite:
            self.path = Path(parsed.database or "")
            async_url = parsed.set(drivername="sqlite+aiosqlite")
            self._writer = _sqlite_engine(async_url, writes=True)
            self._reader = _sqlite_engine(async_url, writes=False)
            self._aside = self._writer
        else:
            self.path = None
            self._writer = postgresql_engine(url, pool_size=pool_size)
            self._aside = postgresql_engine(url, pool_size=ASIDE)
            self._reader = self._writer.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)

    @asynccontextmanager
    async def read(self) -> AsyncGenerator[AsyncSession]:
        """One snapshot; nothing can be changed in it."""
        async with self._session(self._reader, kind=ReadingSession) as session:
            yield session

    @asynccontextmanager
    async def write(self, *, beside: bool = False, while_reading: bool = False) -> AsyncGenerator[AsyncSession]:
        """One transaction: committed when the block ends, rolled back when it raises.

        One at a time in the whole deployment, so that what was read in it still counts when it commits. `beside`: it
        waits neither for its turn nor for those who wait for theirs, for statements that each hold their whole
        condition (moving the end of a lease). `while_reading`: the caller has a transaction open that only reads; this
        one takes no connection that others wait for while they hold one.

        Raises:
            UnavailableError: the database cannot be reached or stays locked.
        """
        engine = self._aside if beside or while_reading else self._writer
        kind = None if beside or self.is_sqlite else TurnSession
        async with self._session(engine, kind=kind, is_inner=while_reading) as session:
            session.info[WRITES] = True
            yield session
            await session.commit()

    @asynccontextmanager
    async def _session(
        self, engine: AsyncEngine, *, kind: type[SyncSession] | None, is_inner: bool = False
    ) -> AsyncGenerator[AsyncSession]:
        if self._is_closed:
            raise UnavailableError
        task = asyncio.current_task()
        # Ten who hold a connection and want another one wait for each other; SQLite, with two pools, would not show it.
        if task in self._holders and not is_inner:
            raise NestedTransactionError
        if not is_inner:
            self._holders.add(task)
        self._open += 1
        began = time.monotonic()
        try:
            async with AsyncSession(engine, sync_session_class=kind, expire_on_commit=False) as session:
                yield session
        except PoolTimeoutError:
            raise UnavailableError from None
        except NotConnectedError as error:
            raise UnavailableError from error
        except OperationalError as error:
            raise UnavailableError from error
        except DBAPIError as error:
            if passes_by_itself(error):
                raise UnavailableError from error
            raise
        finally:
            if not is_inner:
                self._holders.discard(task)
            self._open -= 1
            _tell_if_slow(time.monotonic() - began, is_writing=engine is not self._reader)
            if self._left is not None and not self._open:
                self._left.set()

    async def ping(self) -> None:
        """Answers, or raises `UnavailableError`."""
        async with self.read() as session:
            await session.execute(text("SELECT 1"))

    async def size_bytes(self, session: AsyncSession) -> int:
        """What the database takes on its disk."""
        if self.path is not None:
            return await asyncio.to_thread(_file_bytes, self.path)
        return int(await session.scalar(text("SELECT pg_database_size(current_database())")) or 0)

    async def close(self) -> None:
        """Lets open transactions end, begins no more, and closes every connection.

        A pool that is disposed of closes neither what is in use then nor what is opened later; nobody would ever.
        """
        self._is_closed = True
        if self._open:
            self._left = asyncio.Event()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(CLOSING_SECONDS):
                    await self._left.wait()
        await self._writer.dispose()
        if self.is_sqlite:
            await self._reader.dispose()
        else:
            await self._aside.dispose()


def _tell_if_slow(seconds: float, *, is_writing: bool) -> None:
    """A transaction that somebody may want to know of (platform.md 12.3), told when it is over."""
    if seconds > SLOW_SECONDS:
        traces.start("db transaction", seconds_ago=seconds, db__operation__name="write" if is_writing else "read").end()


def _file_bytes(path: Path) -> int:
    """A SQLite file with its journals."""
    found = (path.with_name(path.name + ending) for ending in ("", "-wal", "-shm"))
    return sum(each.stat().st_size for each in found if each.exists())


def _sqlite_engine(url: URL, *, writes: bool) -> AsyncEngine:
    engine = create_async_engine(
        url,
        module=one_hop_driver(),
        pool_size=1 if writes else READERS,
        max_overflow=0,
        pool_timeout=POOL_WAIT_SECONDS,
        hide_parameters=True,
    )

    def prepare(connection: Any, _record: Any) -> None:
        # SQLAlchemy, not the driver, begins transactions: the driver's own rule delays BEGIN until the first write.
        connection.isolation_level = None
        cursor = connection.cursor()
        for pragma in sqlite_pragmas(writes=writes):
            cursor.execute(pragma)
        cursor.close()

    def begin(connection: Any) -> None:
        connection.connection.dbapi_connection.begin_first = "BEGIN IMMEDIATE" if writes else "BEGIN"

    event.listen(engine.sync_engine, "connect", prepare)
    event.listen(engine.sync_engine, "begin", begin)
    return engine


def set_write_ahead(path: Path) -> None:
    """Makes a SQLite file keep a write-ahead journal, for good; creates the file if it is missing. Blocking.

    Done before anybody else opens the file: the change wants the file alone and waits for no lock, so two first
    connections that both ask for it can refuse each other. Asked for again, it changes nothing and cannot fail so.
    """
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA journal_mode=WAL")


def sqlite_pragmas(*, writes: bool) -> list[str]:
    """Settings of every connection. FULL: a committed line survives power loss, at 0.3 ms a commit."""
    settings = [f"PRAGMA busy_timeout={BUSY_TIMEOUT_MS}", "PRAGMA foreign_keys=ON"]
    if writes:
        return [
            *settings,
            "PRAGMA journal_mode=WAL",
            "PRAGMA synchronous=FULL",
            "PRAGMA journal_size_limit=67108864",
        ]
    return [*settings, "PRAGMA query_only=ON"]
