"""What is the same on every database: making, fencing, reading and deleting logs."""

from collections.abc import Sequence
from typing import Any, cast

from sqlalchemy import Executable, delete, insert, select, update

from clary.adapters.event_log.tables import EventLinesRow, EventLogRow
from clary.db.database import Database, UnavailableError
from clary.streams.ports import LogHead, LogUnavailableError

MAX_LINES_PER_ROW = 4096
ROWS_PER_READ = 256


class LogUnreachableError(UnavailableError, LogUnavailableError):
    """Nothing can be read now: a refusal for who asks over HTTP, the end of a view for who follows a stream."""


class EventLogRows:
    """The part of `EventLog` that works in requests' own transactions."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.is_shared = not database.is_sqlite

    async def create(self, transaction: Any, key: str) -> int:
        """See the port."""
        result = await transaction.execute(insert(EventLogRow).values(key=key).returning(EventLogRow.log_id))
        return int(result.scalar_one())

    async def raise_generation(self, transaction: Any, log_id: int) -> int:
        """See the port."""
        result = await transaction.execute(
            update(EventLogRow)
            .where(EventLogRow.log_id == log_id)
            .values(generation=EventLogRow.generation + 1)
            .returning(EventLogRow.generation)
        )
        return int(result.scalar_one())

    async def read(self, log_id: int, start: int, max_bytes: int) -> list[bytes]:
        """See the port."""
        rows = await self._read(
            select(EventLinesRow.first, EventLinesRow.lines)
            .where(EventLinesRow.log_id == log_id, EventLinesRow.first + EventLinesRow.count > start)
            # Rows hold at most a few thousand lines; the bound lets the index do the work.
            .where(EventLinesRow.first > start - MAX_LINES_PER_ROW)
            .order_by(EventLinesRow.first)
            .limit(ROWS_PER_READ)
        )
        return _lines_from(cast("Sequence[tuple[int, bytes]]", rows), start, max_bytes)

    async def head(self, log_id: int) -> LogHead | None:
        """See the port."""
        return (await self.heads([log_id])).get(log_id)

    async def heads(self, log_ids: Sequence[int]) -> dict[int, LogHead]:
        """See the port."""
        row = EventLogRow
        rows = await self._read(
            select(row.log_id, row.length, row.size_bytes, row.ended).where(row.log_id.in_(log_ids))
        )
        return {log_id: LogHead(*head) for log_id, *head in rows}

    async def _read(self, query: Executable) -> Sequence[Any]:
        try:
            async with self._database.read() as session:
                return (await session.execute(query)).all()
        except UnavailableError as error:
            raise LogUnreachableError from error

    async def delete(self, transaction: Any, log_ids: Sequence[int]) -> None:
        """See the port."""
        await transaction.execute(delete(EventLinesRow).where(EventLinesRow.log_id.in_(log_ids)))
        await transaction.execute(delete(EventLogRow).where(EventLogRow.log_id.in_(log_ids)))


def _lines_from(rows: Sequence[tuple[int, bytes]], start: int, max_bytes: int) -> list[bytes]:
    found: list[bytes] = []
    size = 0
    for first, body in rows:
        lines = body.split(b"\n")
        for line in lines[max(start - first, 0) :]:
            found.append(line)
            size += len(line)
            if size >= max_bytes:
                return found
    return found
