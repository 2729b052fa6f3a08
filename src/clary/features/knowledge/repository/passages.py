"""Statements about passages and their changes. Derived files follow `change`; the rows are what counts."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple

from sqlalchemy import delete, insert, or_, select, update

from clary.db.session import Session
from clary.features.knowledge.policy.passages import NewPassage
from clary.features.knowledge.ports import IndexedPassage
from clary.features.knowledge.tables import KnowledgeBaseRow, KnowledgePassageRow, KnowledgeRemovalRow

_B, _P, _R = KnowledgeBaseRow, KnowledgePassageRow, KnowledgeRemovalRow
_PORTION: Final = 500
Json = dict[str, Any]

__all__ = ["Changes", "NewPassage", "PassageRepository", "Place"]


class Place(NamedTuple):
    """How far somebody has read changes: everything up to this passage of this change."""

    change: int
    number: int = 0


class Changes(NamedTuple):
    """A portion of changes. `target`: the base's change number now; `next`: where to go on, None: this was all.

    `forgotten`: removals up to this change may be missing.
    """

    added: list[IndexedPassage]
    removed: list[int]
    target: int
    forgotten: int
    next: Place | None


class PassageRepository:
    """Reads and writes inside one transaction."""

    def __init__(self, session: Session) -> None:
        self._session = session

    async def replace_document(self, *, kdb_id: str, version: int, doc_id: str, passages: Sequence[NewPassage]) -> int:
        """Makes these the passages of a document in one version; returns how many there are.

        Passages with a known id keep row, number and vector: what the same id names has the same words.
        """
        kept = await self._places_of(kdb_id, version, doc_id)
        wanted = {passage.id for passage in passages}
        gone = [number for passage_id, (number, _) in kept.items() if passage_id not in wanted]
        change = await self._next_change(kdb_id)
        await self._remove(kdb_id, {version: gone}, change)
        new: list[Json] = []
        for passage in passages:
            values = _values(passage)
            if passage.id not in kept:
                own = {"kdb_id": kdb_id, "version": version, "doc_id": doc_id, "change": change, "vector": None}
                new.append(values | own)
            elif kept[passage.id][1] != (passage.place, values["page"], values["part"], values["heading_path"]):
                await self._move(kept[passage.id][0], values)
        for rows in _portions(new):
            await self._session.execute(insert(_P), rows)
        return len(passages)

    async def remove_document(self, kdb_id: str, doc_id: str) -> None:
        """Removes the passages of a document in every version."""
        query = select(_P.version, _P.number).where(_P.kdb_id == kdb_id, _P.doc_id == doc_id)
        numbers: dict[int, list[int]] = {}
        for version, number in await self._session.execute(query):
            numbers.setdefault(version, []).append(number)
        if numbers:
            await self._remove(kdb_id, numbers, await self._next_change(kdb_id))

    async def changes_since(self, kdb_id: str, version: int, after: Place, *, limit: int) -> Changes | None:
        """Passages written after a place, oldest first, and what was removed after its change. None: no such base.

        An index that begins with change -1 is told of no removals: it never had what is gone.
        """
        numbers = await self._session.execute(select(_B.change_number, _B.forgotten_change).where(_B.id == kdb_id))
        base = numbers.one_or_none()
        if base is None:
            return None
        query = select(_P.change, _P.number, _P.tokens, _P.vector).where(
            _P.kdb_id == kdb_id,
            _P.version == version,
            _P.change >= after.change,
            or_(_P.change > after.change, _P.number > after.number),
        )
        rows = (await self._session.execute(query.order_by(_P.change, _P.number).limit(limit))).all()
        removed = [] if after.change < 0 else await self._removed_since(kdb_id, version, after.change)
        last = Place(rows[-1].change, rows[-1].number) if len(rows) == limit else None
        added = [IndexedPassage(row.number, row.tokens, row.vector) for row in rows]
        return Changes(added, removed, base.change_number, base.forgotten_change, last)

    async def _removed_since(self, kdb_id: str, version: int, change: int) -> list[int]:
        query = select(_R.number).where(_R.kdb_id == kdb_id, _R.version == version, _R.change > change)
        return list(await self._session.scalars(query.order_by(_R.number)))

    async def _places_of(self, kdb_id: str, version: int, doc_id: str) -> dict[str, tuple[int, tuple[Any, ...]]]:
        query = select(_P.id, _P.number, _P.place, _P.page, _P.part, _P.heading_path).where(
            _P.kdb_id == kdb_id, _P.doc_id == doc_id, _P.version == version
        )
        rows = await self._session.execute(query)
        return {row.id: (row.number, (row.place, row.page, row.part, row.heading_path)) for row in rows}

    async def _move(self, number: int, values: Json) -> None:
        """Notes where a passage stands now; nothing derived knows, so it is no change."""
        moved = {name: values[name] for name in ("place", "page", "part", "heading_path", "details")}
        await self._session.execute(
            update(_P).where(_P.number == number).values(**moved).execution_options(synchronize_session=False)
        )

    async def _remove(self, kdb_id: str, numbers: dict[int, list[int]], change: int) -> None:
        now = datetime.now(UTC)
        for version, gone in numbers.items():
            for some in _portions(gone):
                await self._session.execute(
                    delete(_P).where(_P.number.in_(some)).execution_options(synchronize_session=False)
                )
                own = {"kdb_id": kdb_id, "version": version, "change": change, "removed_at": now}
                await self._session.execute(insert(_R), [{"number": number, **own} for number in some])

    async def _next_change(self, kdb_id: str) -> int:
        """A change number of a base; the row stays locked, so that numbers are committed in their order."""
        statement = update(_B).where(_B.id == kdb_id).values(change_number=_B.change_number + 1)
        statement = statement.returning(_B.change_number).execution_options(synchronize_session=False)
        return await self._session.scalar(statement) or 0


def _values(passage: NewPassage) -> Json:
    cut = passage.cut
    return {
        "id": passage.id,
        "place": passage.place,
        "start": cut.start,
        "end": cut.end,
        "text": cut.text,
        "text_hash": passage.text_hash,
        "context": cut.context,
        "page": cut.page,
        "part": cut.part,
        "heading_path": list(cut.heading_path),
        "details": cut.details,
        "tokens": passage.tokens,
    }


def _portions(things: Sequence[Any]) -> Iterator[Sequence[Any]]:
    return (things[start : start + _PORTION] for start in range(0, len(things), _PORTION))
