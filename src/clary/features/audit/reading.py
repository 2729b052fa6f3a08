"""Reading the log: pages for people, exports, and the proof that nothing was changed (platform.md 7.3)."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Any, Literal

from clary.db.database import Database
from clary.db.session import Session
from clary.features.audit.policy import FIRST_HASH, Filters, Head, Json, shown
from clary.features.audit.repository import AuditRepository
from clary.features.audit.tables import AuditPersonRow, AuditRow
from clary.features.audit.verification import ChainWalk, agrees
from clary.http.paging import Page
from clary.kit import json_text

Form = Literal["clear", "stored"]
BATCH = 500


class AuditReading:
    """Nothing here changes an entry."""

    def __init__(self, *, database: Database) -> None:
        self._database = database

    async def list_page(self, db: Session, *, page: Page, filters: Filters) -> Json:
        """Entries with clear values, newest first."""
        audit = AuditRepository(db)
        rows, total = await audit.list_page(filters, offset=page.offset, limit=page.size)
        people = await audit.list_people([row.seq for row in rows])
        return {"items": [_clear(row, people.get(row.seq, ())) for row in rows], "total": total}

    async def export(self, *, filters: Filters, form: Form) -> AsyncIterator[bytes]:
        """Lines of JSON, oldest first; the last one names the end. No transaction outlives a portion of 500."""
        last = Head(0, FIRST_HASH)
        while True:
            async with self._database.read() as db:
                audit = AuditRepository(db)
                rows = await audit.list_after(last.seq, filters=filters, limit=BATCH)
                people = await audit.list_people([row.seq for row in rows]) if form == "clear" else {}
            if not rows:
                break
            last = Head(rows[-1].seq, rows[-1].hash)
            entries = (row.stored.encode() if form == "stored" else _line(row, people) for row in rows)
            yield b"".join(entry + b"\n" for entry in entries)
        yield json_text.dumps({"head": {"seq": last.seq, "hash": last.hash}}) + b"\n"

    async def verify(self, *, from_seq: int | None = None, expected: Head | None = None) -> Json:
        """Walks the chain from its beginning, or from an entry whose predecessor is taken as given.

        `{ok, entries, first_seq, head: {seq, hash}, broken_at, reason}`; `reason`: `hash`, `gap` or `head`.
        """
        async with self._database.read() as db:
            begin, end = await self._ends(db, from_seq)
        walk = ChainWalk(begin, expected)
        while walk.broken_at is None:
            async with self._database.read() as db:
                audit = AuditRepository(db)
                rows = await audit.list_after(walk.last.seq, limit=BATCH)
                people = await audit.list_people([row.seq for row in rows])
                _, end = await self._ends(db, from_seq)
            if not rows:
                break
            await asyncio.to_thread(_take_all, walk, rows, people)
        walk.finish(end)
        return walk.answer()

    async def head(self, db: Session) -> Head:
        """Where the chain ends."""
        row = await AuditRepository(db).find_head()
        return Head(row.seq, row.hash) if row is not None else Head(0, FIRST_HASH)

    async def _ends(self, db: Session, from_seq: int | None) -> tuple[Head, Head]:
        """What comes before the first entry to look at, and where the chain is said to end."""
        audit = AuditRepository(db)
        row = await audit.find_head()
        if row is None:
            return Head(0, FIRST_HASH), Head(0, FIRST_HASH)
        begin = Head(row.pruned_seq, row.pruned_hash)
        if from_seq is not None and from_seq - 1 > begin.seq:
            before = await audit.find(from_seq - 1)
            begin = Head(before.seq, before.hash) if before is not None else begin
        return begin, Head(row.seq, row.hash)


def _take_all(walk: ChainWalk, rows: Sequence[AuditRow], people: dict[int, list[AuditPersonRow]]) -> None:
    for row in rows:
        clear = [(person.field, person.salt, person.value) for person in people.get(row.seq, ())]
        if not agrees(row) or not walk.take(json_text.loads(row.stored), clear):
            walk.stop_at(row.seq)
            return


def _clear(row: AuditRow, people: Sequence[AuditPersonRow]) -> dict[str, Any]:
    return shown(json_text.loads(row.stored), {person.field: person.value for person in people})


def _line(row: AuditRow, people: dict[int, list[AuditPersonRow]]) -> bytes:
    return json_text.dumps(_clear(row, people.get(row.seq, ())))
