"""What is PostgreSQL's alone: how connections are opened, and which failures pass by themselves.

The driver reads the address, so that everything it knows (`sslmode`, several hosts, sockets) may stand in it.
"""

import asyncio
from collections.abc import Callable
from typing import Any, TypeVar

import asyncpg  # pyright: ignore[reportMissingTypeStubs]
from sqlalchemy import Connection, event
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError, DisconnectionError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.orm import Session, SessionTransaction

T = TypeVar("T")

TAKE_TURN = "SELECT pg_advisory_xact_lock(7242, 2)"
LOCK_SCHEMA = "SELECT pg_advisory_xact_lock(7242, 1)"

OLDEST_VERSION = 14
CONNECT_SECONDS = 5.0
POOL_WAIT_SECONDS = 10
SESSION = {
    "application_name": "clary",
    "timezone": "UTC",
    # A committed line survives power loss, whatever the server's own default is.
    "synchronous_commit": "on",
    "jit": "off",
    "lock_timeout": "10s",
    "idle_in_transaction_session_timeout": "30s",
}
PASSING = frozenset({"40001", "40P01", "53000", "53200", "53300", "53400", "55P03"})
"""Deadlock, serialization, too little of something, a lock that came too late; classes 08, 57 and 58 pass too."""
DRIVER_ERRORS = (OSError, asyncpg.PostgresError, asyncpg.InterfaceError)
"""What the driver raises where SQLAlchemy does not stand between."""


class NotConnectedError(Exception):
    """No connection could be opened."""


def is_postgresql(url: str) -> bool:
    """Whether an address is one of PostgreSQL."""
    return url.startswith(("postgresql://", "postgres://", "postgresql+asyncpg://"))


def driver_address(url: str) -> str:
    """The address as the driver reads it."""
    return "postgresql://" + url.partition("://")[2]


async def connect(url: str) -> Any:
    """A connection outside every pool.

    Raises:
        NotConnectedError: the server does not answer, or does not let us in.
    """
    driver: Any = asyncpg
    try:
        return await driver.connect(driver_address(url), timeout=CONNECT_SECONDS, server_settings=SESSION)
    except DRIVER_ERRORS as error:
        raise NotConnectedError(type(error).__name__) from error


def postgresql_engine(url: str, *, pool_size: int) -> AsyncEngine:
    """Connections of one process, never more than `pool_size`."""

    async def open_one(*_arguments: Any, **_more: Any) -> Any:
        return await connect(url)

    engine = create_async_engine(
        make_url("postgresql+asyncpg://"),
        async_creator=open_one,
        pool_size=pool_size,
        max_overflow=0,
        pool_timeout=POOL_WAIT_SECONDS,
        hide_parameters=True,
    )

    def refuse_closed(connection: Any, _record: Any, _proxy: Any) -> None:
        # The driver hears of a lost connection at once; nobody has to stumble over it first.
        if connection.driver_connection.is_closed():
            raise DisconnectionError

    event.listen(engine.sync_engine, "checkout", refuse_closed)
    return engine


class TurnSession(Session):
    """A transaction that writes: one at a time in the whole deployment, as on SQLite.

    What slices decide from rows they have just read (the last admin, a quota, a name that is free) rests on it. The
    lock is taken with the first statement and goes with the transaction. The event log's writers take no turn.
    """


def _take_turn(_session: Session, transaction: SessionTransaction, connection: Connection) -> None:
    if not transaction.nested:
        connection.exec_driver_sql(TAKE_TURN)


event.listen(TurnSession, "after_begin", _take_turn)


def passes_by_itself(error: DBAPIError) -> bool:
    """Whether the same work may succeed later: the server is gone or starting, or two transactions met."""
    if error.connection_invalidated:
        return True
    state = getattr(error.orig, "sqlstate", None)
    return state is not None and is_passing_state(state)


def is_passing_state(state: str) -> bool:
    """The same of the server's own code of a fault."""
    return state in PASSING or state[:2] in ("08", "57", "58")


def in_transaction(url: str, work: Callable[[Connection], T], *, keep: bool = True) -> T:
    """Does something in one transaction, on a connection and a loop of its own; blocking. `keep`: else undone.

    Raises:
        NotConnectedError
    """

    async def do() -> T:
        engine = postgresql_engine(url, pool_size=1)
        try:
            async with engine.connect() as connection:
                found = await connection.run_sync(work)
                await (connection.commit() if keep else connection.rollback())
                return found
        finally:
            await engine.dispose()

    return asyncio.run(do())


def lock_schema(connection: Connection) -> None:
    """One process at a time changes the schema; the lock goes with the transaction."""
    connection.exec_driver_sql("SET LOCAL lock_timeout = 0")
    connection.exec_driver_sql(LOCK_SCHEMA)


def order_by_bytes(connection: Connection) -> None:
    """Lets every text be compared and sorted by its bytes, as SQLite does, whatever the database's own rule is."""
    found = connection.exec_driver_sql(
        "SELECT c.relname, a.attname, format_type(a.atttypid, a.atttypmod) FROM pg_attribute a "
        "JOIN pg_class c ON c.oid = a.attrelid JOIN pg_collation l ON l.oid = a.attcollation "
        "WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind = 'r' AND a.attnum > 0 "
        "AND NOT a.attisdropped AND l.collname = 'default' ORDER BY c.relname, a.attnum"
    )
    changes: dict[str, list[str]] = {}
    for table, column, kind in found:
        changes.setdefault(table, []).append(f'ALTER COLUMN "{column}" TYPE {kind} COLLATE "C"')
    for table, parts in changes.items():
        connection.exec_driver_sql(f'ALTER TABLE "{table}" {", ".join(parts)}')


def fault_of_database(connection: Connection) -> str | None:
    """What makes a database unfit, in one line."""
    if connection.exec_driver_sql("SHOW server_encoding").scalar_one() != "UTF8":
        return "the PostgreSQL database must have the encoding UTF8"
    if int(connection.exec_driver_sql("SHOW server_version_num").scalar_one()) < OLDEST_VERSION * 10_000:
        return f"PostgreSQL {OLDEST_VERSION} or newer is needed"
    return None
