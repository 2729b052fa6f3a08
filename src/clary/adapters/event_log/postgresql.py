"""The log on PostgreSQL: one connection that writes, group commit, few statements for all lines of a batch.

A commit whose answer was lost is looked up by its transaction's number before anything is written again, so that a
server that restarts neither loses nor doubles a line.
"""

import asyncio
import math
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, cast

import structlog
from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.util import await_only

from clary.adapters.event_log.rows import MAX_LINES_PER_ROW, EventLogRows
from clary.db.database import Database
from clary.db.notices import CHANNEL, Notices
from clary.db.postgresql import DRIVER_ERRORS, NotConnectedError, is_passing_state, passes_by_itself, postgresql_engine
from clary.kit import measures
from clary.streams.ports import LogFencedError, LogUnavailableError, Write

log = structlog.get_logger()

WINDOW_SECONDS = 0.005
RETRY_SECONDS = 30.0
RETRY_PAUSE_SECONDS = 0.2
TOPIC = "logs"
IDS_PER_NOTICE = 300
"""Ids of 20 digits in a notice of fewer than 8,000 bytes."""

FAULTS = (*DRIVER_ERRORS, NotConnectedError, DBAPIError)

CLAIM_NUMBERS = """
    UPDATE event_logs AS l
    SET length = l.length + n.lines, size_bytes = l.size_bytes + n.bytes, ended = n.ends
    FROM unnest($1::bigint[], $2::int[], $3::int[], $4::bigint[], $5::bool[])
        AS n(log_id, generation, lines, bytes, ends)
    WHERE l.log_id = n.log_id AND l.generation = n.generation AND NOT l.ended
    RETURNING l.log_id, l.length, pg_current_xact_id()::text
"""
ADD_LINES = """
    INSERT INTO event_lines (log_id, first, count, lines)
    SELECT * FROM unnest($1::bigint[], $2::int[], $3::int[], $4::bytea[])
"""
TELL = "SELECT pg_notify($1, $2)"
STATUS_OF = "SELECT pg_xact_status($1::text::xid8)"


@dataclass(slots=True)
class _Append:
    """One queued append."""

    log_id: int
    generation: int
    lines: Sequence[bytes]
    writes: Sequence[Write]
    end: bool
    future: "asyncio.Future[int]"
    outcome: int | Exception = field(default=0)


@dataclass(slots=True)
class _Part:
    """Neighbouring appends of one writer."""

    items: list[_Append]

    @property
    def first(self) -> _Append:
        return self.items[0]

    @property
    def lines(self) -> list[bytes]:
        return [line for item in self.items for line in item.lines]


class PostgresEventLog(EventLogRows):
    """Implements `EventLog` in the database that also holds everything else, so lines and rows commit together."""

    def __init__(self, database: Database, notices: Notices) -> None:
        super().__init__(database)
        self._notices = notices
        self._engine = postgresql_engine(database.url, pool_size=1)
        self._waiting: list[_Append] = []
        self._arrived = asyncio.Event()
        self._writer: asyncio.Task[None] | None = None
        self._is_stopping = False
        self.commit_seconds: float = 0.0

    async def start(self) -> None:
        """Starts the writer; the schema must exist.

        Raises:
            LogUnavailableError: the database does not answer.
        """
        try:
            async with self._engine.connect():
                pass
        except FAULTS as error:
            log.error("event_log_not_opened", exc_info=error)
            raise LogUnavailableError(type(error).__name__) from error
        self._writer = asyncio.create_task(self._write_forever(), name="event log")

    async def stop(self) -> None:
        """Writes what is queued, then ends."""
        if self._writer is not None:
            self._is_stopping = True
            self._arrived.set()
            _, late = await asyncio.wait([self._writer], timeout=10)
            for task in late:
                task.cancel()
            await asyncio.gather(self._writer, return_exceptions=True)
            self._writer = None
        await self._engine.dispose()

    def append(
        self, log_id: int, generation: int, lines: Sequence[bytes], writes: Sequence[Write] = (), *, end: bool = False
    ) -> "asyncio.Future[int]":
        """See the port."""
        future: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self._waiting.append(_Append(log_id, generation, lines, writes, end, future))
        self._arrived.set()
        return future

    async def _write_forever(self) -> None:
        """A lone line is never kept waiting, many share a commit; a commit begins a window after the last at most."""
        began = -math.inf
        while True:
            await self._arrived.wait()
            rest = began + WINDOW_SECONDS - time.monotonic()
            if rest > 0 and not self._is_stopping:
                await asyncio.sleep(rest)
            self._arrived.clear()
            batch, self._waiting = self._waiting, []
            if not batch:
                if self._is_stopping:
                    return
                continue
            began = time.monotonic()
            await self._commit(batch)
            self.commit_seconds = time.monotonic() - began
            _measure(batch, self.commit_seconds)
            _resolve(batch)
            if self._is_stopping:
                self._arrived.set()

    async def _commit(self, batch: list[_Append]) -> None:
        """All in one transaction; if one append's work fails, each log gets its own, so only the guilty one fails."""
        try:
            await self._try_for_a_while(batch)
        except FAULTS as error:
            by_log: dict[int, list[_Append]] = {}
            for item in batch:
                by_log.setdefault(item.log_id, []).append(item)
            if len(by_log) == 1 or _is_passing(error):
                log.error("event_log_write_failed", exc_info=error)
                _fail(batch, error)
                return
            for items in by_log.values():
                await self._commit(items)

    async def _try_for_a_while(self, batch: list[_Append]) -> None:
        """A server that restarts or is full may come back; nothing is acknowledged before it does."""
        give_up_at = time.monotonic() + RETRY_SECONDS
        transaction = _Transaction()
        while True:
            try:
                if await self._is_committed(transaction):
                    return
                await self._apply_all(batch, transaction)
                return
            except FAULTS as error:
                if not _is_passing(error) or time.monotonic() > give_up_at or self._is_stopping:
                    raise
            await asyncio.sleep(RETRY_PAUSE_SECONDS)

    async def _apply_all(self, batch: list[_Append], transaction: "_Transaction") -> None:
        async with self._engine.connect() as connection:
            transaction.number, transaction.is_committing = None, False
            await connection.run_sync(lambda sync: self._apply(sync, batch, transaction))
            transaction.is_committing = True
            await connection.commit()
            transaction.is_committing = False

    def _apply(self, connection: Connection, batch: list[_Append], transaction: "_Transaction") -> None:
        # The driver begins a transaction with SQLAlchemy's first statement, and its own ones are to be inside.
        connection.exec_driver_sql("SELECT 1")
        driver: Any = connection.connection.driver_connection
        changed: list[int] = []
        for parts in _rounds(batch):
            changed += _apply_round(connection, driver, parts, transaction)
        for start in range(0, len(changed), IDS_PER_NOTICE):
            ids = ",".join(map(str, changed[start : start + IDS_PER_NOTICE]))
            await_only(driver.execute(TELL, CHANNEL, self._notices.sealed(TOPIC, ids)))

    async def _is_committed(self, transaction: "_Transaction") -> bool:
        """Whether the commit that nobody answered was done after all.

        Raises:
            _StillOpenError: the server has not yet heard that its client is gone.
        """
        if not transaction.is_committing or transaction.number is None:
            return False
        async with self._engine.connect() as connection:
            status = await _fetch_value(connection, STATUS_OF, transaction.number)
        if status == "in progress":
            raise _StillOpenError
        transaction.is_committing = False
        return status == "committed"


class _StillOpenError(OSError):
    """Asked too early."""


@dataclass(slots=True)
class _Transaction:
    """Which transaction wrote, and whether its commit was sent and not answered."""

    number: str | None = None
    is_committing: bool = False


async def _fetch_value(connection: AsyncConnection, statement: str, *values: Any) -> Any:
    raw = await connection.get_raw_connection()
    return await cast("Any", raw.driver_connection).fetchval(statement, *values)


def _is_passing(error: BaseException) -> bool:
    state = getattr(error, "sqlstate", None)
    if isinstance(error, DBAPIError):
        return passes_by_itself(error)
    return state is None or is_passing_state(state)


def _rounds(batch: list[_Append]) -> list[list[_Part]]:
    """Parts in the order they came, so that each round names a log once."""
    rounds: list[list[_Part]] = []
    newest: dict[int, tuple[int, _Part]] = {}
    for item in batch:
        known = newest.get(item.log_id)
        if known is not None:
            position, part = known
            if part.first.generation == item.generation and not part.items[-1].end:
                part.items.append(item)
                continue
        position, part = (known[0] + 1 if known is not None else 0), _Part([item])
        if position == len(rounds):
            rounds.append([])
        rounds[position].append(part)
        newest[item.log_id] = position, part
    return rounds


def _apply_round(connection: Connection, driver: Any, parts: list[_Part], transaction: _Transaction) -> list[int]:
    """Numbers, then rows, then the work that commits with them; returns the logs that changed."""
    # Always in this order, so that two writers never wait in a circle.
    parts.sort(key=lambda part: part.first.log_id)
    lines = [part.lines for part in parts]
    claimed = await_only(
        driver.fetch(
            CLAIM_NUMBERS,
            [part.first.log_id for part in parts],
            [part.first.generation for part in parts],
            [len(each) for each in lines],
            [sum(map(len, each)) + max(len(each) - 1, 0) for each in lines],
            [part.items[-1].end for part in parts],
        )
    )
    lengths: dict[int, int] = {}
    for log_id, length, transaction.number in claimed:
        lengths[log_id] = length
    rows: tuple[list[int], list[int], list[int], list[bytes]] = ([], [], [], [])
    for part, mine in zip(parts, lines, strict=True):
        length = lengths.get(part.first.log_id)
        if length is not None:
            _add_rows(rows, part.first.log_id, length - len(mine), mine)
    if rows[0]:
        await_only(driver.execute(ADD_LINES, *rows))
    for part, mine in zip(parts, lines, strict=True):
        length = lengths.get(part.first.log_id)
        if length is None:
            _fail(part.items, LogFencedError())
        else:
            _finish(connection, part, length - len(mine))
    return list(lengths)


def _add_rows(
    rows: tuple[list[int], list[int], list[int], list[bytes]], log_id: int, first: int, lines: list[bytes]
) -> None:
    for start in range(0, len(lines), MAX_LINES_PER_ROW):
        part = lines[start : start + MAX_LINES_PER_ROW]
        for column, value in zip(rows, (log_id, first + start, len(part), b"\n".join(part)), strict=True):
            cast("list[Any]", column).append(value)


def _finish(connection: Connection, part: _Part, length: int) -> None:
    for item in part.items:
        length += len(item.lines)
        item.outcome = length
        for write in item.writes:
            write(connection)


def _measure(batch: list[_Append], seconds: float) -> None:
    measures.observe("clary_log_commit_seconds", seconds)
    durable = sum(len(item.lines) for item in batch if not isinstance(item.outcome, Exception))
    measures.count("clary_lines_total", durable)


def _fail(items: list[_Append], error: BaseException) -> None:
    for item in items:
        item.outcome = error if isinstance(error, LogFencedError) else LogUnavailableError(type(error).__name__)


def _resolve(batch: list[_Append]) -> None:
    for item in batch:
        if item.future.done():
            continue
        if isinstance(item.outcome, Exception):
            item.future.set_exception(item.outcome)
        else:
            item.future.set_result(item.outcome)
