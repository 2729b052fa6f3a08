"""See the package. The window, the batch and the fence are one small loop in one thread."""

import asyncio
import math
import queue
import sqlite3
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar, cast

import structlog
from sqlalchemy import Connection, create_engine, event
from sqlalchemy.exc import DBAPIError, OperationalError

from clary.adapters.event_log.rows import MAX_LINES_PER_ROW, EventLogRows
from clary.db.database import Database, sqlite_pragmas
from clary.kit import measures
from clary.streams.ports import LogFencedError, LogUnavailableError, Write

log = structlog.get_logger()

WINDOW_SECONDS = 0.005
RETRY_SECONDS = 30.0
RETRY_PAUSE_SECONDS = 0.2

T = TypeVar("T")

CLAIM_NUMBERS = (
    "UPDATE event_logs SET length = length + ?, size_bytes = size_bytes + ?, ended = ? "
    "WHERE log_id = ? AND generation = ? AND ended = 0 RETURNING length"
)
ADD_LINES = "INSERT INTO event_lines (log_id, first, count, lines) VALUES (?, ?, ?, ?)"


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


class SqliteEventLog(EventLogRows):
    """Implements `EventLog` on the file that also holds everything else, so lines and rows commit together."""

    def __init__(self, database: Database) -> None:
        super().__init__(database)
        assert database.path is not None
        self._path: Path = database.path
        self._queue: queue.SimpleQueue[list[_Append] | None] = queue.SimpleQueue()
        self._waiting: list[_Append] = []
        self._is_planned = False
        self._begun_at = -math.inf
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self.commit_seconds: float = 0.0

    async def start(self) -> None:
        """Starts the writer thread and waits until it holds its connection; the schema must exist.

        Raises:
            LogUnavailableError: the file stays locked or cannot be opened.
        """
        self._loop = asyncio.get_running_loop()
        opened: asyncio.Future[None] = self._loop.create_future()
        self._thread = threading.Thread(target=self._write_forever, args=(opened,), name="event-log", daemon=True)
        self._thread.start()
        await opened

    async def stop(self) -> None:
        """Writes what is queued, then ends the thread."""
        if self._thread is not None:
            self._hand_over()
            self._queue.put(None)
            await asyncio.to_thread(self._thread.join, 10)
            self._thread = None

    def append(
        self, log_id: int, generation: int, lines: Sequence[bytes], writes: Sequence[Write] = (), *, end: bool = False
    ) -> "asyncio.Future[int]":
        """See the port."""
        future: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self._waiting.append(_Append(log_id, generation, lines, writes, end, future))
        if not self._is_planned:
            self._plan()
        return future

    def _plan(self) -> None:
        """Hands over at the end of this turn of the loop, or a window after the last commit began.

        A lone line is never kept waiting, many share a commit, and the thread is woken once for all of them.
        """
        assert self._loop is not None
        self._is_planned = True
        rest = self._begun_at + WINDOW_SECONDS - self._loop.time()
        if rest > 0:
            self._loop.call_later(rest, self._hand_over)
        else:
            self._loop.call_soon(self._hand_over)

    def _hand_over(self) -> None:
        assert self._loop is not None
        batch, self._waiting = self._waiting, []
        if batch:
            self._begun_at = self._loop.time()
            self._queue.put(batch)

    def _settle(self, batch: list[_Append]) -> None:
        _resolve(batch)
        self._is_planned = False
        if self._waiting:
            self._plan()

    def _write_forever(self, opened: "asyncio.Future[None]") -> None:
        assert self._loop is not None
        engine = create_engine(f"sqlite:///{self._path}", hide_parameters=True)
        event.listen(engine, "connect", _prepare)
        event.listen(engine, "begin", _begin)
        try:
            connection = _try_for_a_while(engine.connect)
        except DBAPIError as error:
            log.error("event_log_not_opened", exc_info=error)
            self._loop.call_soon_threadsafe(_refuse, opened)
            return
        self._loop.call_soon_threadsafe(_accept, opened)
        with connection:
            while (batch := self._queue.get()) is not None:
                began = time.monotonic()
                self._commit(connection, batch)
                self.commit_seconds = time.monotonic() - began
                _measure(batch, self.commit_seconds)
                self._report(batch)
        engine.dispose()

    def _commit(self, connection: Connection, batch: list[_Append]) -> None:
        """All in one transaction; if one append's work fails, each log gets its own, so only the guilty one fails."""
        try:
            _try_for_a_while(lambda: _apply_all(connection, batch))
        except DBAPIError as error:
            by_log: dict[int, list[_Append]] = {}
            for item in batch:
                by_log.setdefault(item.log_id, []).append(item)
            if len(by_log) == 1:
                log.error("event_log_write_failed", exc_info=error)
                _fail(batch, error)
                return
            for items in by_log.values():
                self._commit(connection, items)

    def _report(self, batch: list[_Append]) -> None:
        assert self._loop is not None
        try:
            self._loop.call_soon_threadsafe(self._settle, batch)
        except RuntimeError:
            # The loop has closed: nobody waits any more, and the lines are durable.
            return


def _measure(batch: list[_Append], seconds: float) -> None:
    measures.observe("clary_log_commit_seconds", seconds)
    durable = sum(len(item.lines) for item in batch if not isinstance(item.outcome, Exception))
    measures.count("clary_lines_total", durable)


def _try_for_a_while(work: Callable[[], T]) -> T:
    """A database that is locked or full may come back; nothing is acknowledged before it does."""
    give_up_at = time.monotonic() + RETRY_SECONDS
    while True:
        try:
            return work()
        except OperationalError:
            if time.monotonic() > give_up_at:
                raise
            time.sleep(RETRY_PAUSE_SECONDS)


def _accept(opened: "asyncio.Future[None]") -> None:
    if not opened.done():
        opened.set_result(None)


def _refuse(opened: "asyncio.Future[None]") -> None:
    if not opened.done():
        opened.set_exception(LogUnavailableError())


def _prepare(connection: sqlite3.Connection, _record: Any) -> None:
    connection.isolation_level = None
    for pragma in sqlite_pragmas(writes=True):
        connection.execute(pragma)


def _begin(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE")


def _apply_all(connection: Connection, batch: list[_Append]) -> None:
    with connection.begin():
        _apply(connection, batch)


def _apply(connection: Connection, batch: list[_Append]) -> None:
    raw = cast("sqlite3.Connection", connection.connection.dbapi_connection)
    position = 0
    while position < len(batch):
        position = _apply_one_log(connection, raw, batch, position)


def _apply_one_log(connection: Connection, raw: sqlite3.Connection, batch: list[_Append], position: int) -> int:
    """Applies neighbouring appends of one writer as one row; returns where the next begins."""
    first = batch[position]
    end = position + 1
    while (
        end < len(batch)
        and batch[end].log_id == first.log_id
        and batch[end].generation == first.generation
        and not batch[end - 1].end
    ):
        end += 1
    mine = batch[position:end]
    lines = [line for item in mine for line in item.lines]
    body = b"\n".join(lines)
    claimed = raw.execute(
        CLAIM_NUMBERS, (len(lines), len(body), mine[-1].end, first.log_id, first.generation)
    ).fetchone()
    if claimed is None:
        _fail(mine, LogFencedError())
        return end
    length = int(claimed[0]) - len(lines)
    for start in range(0, len(lines), MAX_LINES_PER_ROW):
        part = lines[start : start + MAX_LINES_PER_ROW]
        raw.execute(ADD_LINES, (first.log_id, length + start, len(part), b"\n".join(part)))
    for item in mine:
        length += len(item.lines)
        item.outcome = length
        for write in item.writes:
            write(connection)
    return end


def _fail(items: list[_Append], error: Exception) -> None:
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
