"""SQLite in a thread of its own, with one trip to that thread per statement.

SQLAlchemy's adapter for aiosqlite goes there five times for a SELECT (open, execute, fetch, close, and BEGIN before the
first), and each trip is two thread switches. For statements that take 20 µs the trips are nearly all of the cost.
"""

import sqlite3
from collections import deque
from types import ModuleType
from typing import Any

import aiosqlite
from sqlalchemy.dialects.sqlite.aiosqlite import (
    AsyncAdapt_aiosqlite_connection,
    AsyncAdapt_aiosqlite_cursor,
    AsyncAdapt_aiosqlite_dbapi,
)
from sqlalchemy.util import await_only

Rows = list[tuple[Any, ...]]


class OneHopCursor(AsyncAdapt_aiosqlite_cursor):
    """Runs a statement and fetches all of its rows in one go; closing has nothing left to do."""

    __slots__ = ()
    _awaitable_cursor_close = False

    def __init__(self, adapt_connection: "OneHopConnection") -> None:
        # The parent would go to the thread for an empty cursor; ours is made there with the statement.
        self._adapt_connection = adapt_connection
        self._connection: Any = adapt_connection.driver_connection
        self._cursor: Any = NOTHING_RUN
        self._rows: deque[Any] = deque()
        self._soft_closed_memoized: Any = {}

    async def _execute_async(self, operation: Any, parameters: Any) -> Any:
        self._cursor, rows = await self._run(operation, parameters or (), many=False)
        self._rows = deque(rows)

    async def _executemany_async(self, operation: Any, seq_of_parameters: Any) -> Any:
        self._cursor, _ = await self._run(operation, seq_of_parameters, many=True)

    async def _run(self, operation: str, parameters: Any, *, many: bool) -> tuple[sqlite3.Cursor, Rows]:
        connection: Any = self._adapt_connection
        async with connection._execute_mutex:
            begin, connection.begin_first = connection.begin_first, None
            return await self._connection._execute(
                _run_in_thread, self._connection._conn, begin, operation, parameters, many
            )

    def close(self) -> None:
        self._rows.clear()


class OneHopConnection(AsyncAdapt_aiosqlite_connection):
    """Sends BEGIN along with the first statement of a transaction, and does not end what never began."""

    __slots__ = ("begin_first",)
    _cursor_cls = OneHopCursor

    def __init__(self, dbapi: Any, connection: Any) -> None:
        super().__init__(dbapi, connection)
        self.begin_first: str | None = None

    def rollback(self) -> None:
        self.begin_first = None
        if self._connection.in_transaction:
            super().rollback()

    def commit(self) -> None:
        self.begin_first = None
        if self._connection.in_transaction:
            super().commit()


class OneHopDriver(AsyncAdapt_aiosqlite_dbapi):
    """The driver module to give to `create_async_engine(module=...)`."""

    def connect(self, *arg: Any, **kw: Any) -> OneHopConnection:
        connection: Any = aiosqlite.connect(*arg, **kw)
        connection._thread.daemon = True
        return OneHopConnection(self, await_only(connection))


class _NothingRun:
    description = None
    rowcount = -1
    lastrowid = None
    arraysize = 1


NOTHING_RUN = _NothingRun()


def one_hop_driver() -> ModuleType:
    """The driver, as SQLAlchemy takes it."""
    driver: Any = OneHopDriver(aiosqlite, sqlite3)
    return driver


def _run_in_thread(
    connection: sqlite3.Connection, begin: str | None, operation: str, parameters: Any, many: bool
) -> tuple[sqlite3.Cursor, Rows]:
    if begin is not None:
        connection.execute(begin)
    if many:
        return connection.executemany(operation, parameters), []
    cursor = connection.execute(operation, parameters)
    return cursor, cursor.fetchall() if cursor.description else []
