"""Statements behind queries: which passages may be found, and what a finding says. The base is part of each."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any, Final, NamedTuple

from sqlalchemy import ColumnElement, Select, and_, func, or_, select

from clary.db.session import Session
from clary.features.knowledge.policy.documents import kind_of
from clary.features.knowledge.policy.filters import Filters, document_metadata, matches, place_metadata
from clary.features.knowledge.policy.findings import Facts
from clary.features.knowledge.policy.ranking import Key
from clary.features.knowledge.tables import (
    KnowledgeBaseRow,
    KnowledgeDocumentRow,
    KnowledgeIndexRow,
    KnowledgePassageRow,
    KnowledgeTextRow,
)

_B, _D, _I, _P, _T = (
    KnowledgeBaseRow,
    KnowledgeDocumentRow,
    KnowledgeIndexRow,
    KnowledgePassageRow,
    KnowledgeTextRow,
)
_PORTION: Final = 500
_MOST_RANGES: Final = 100
Json = dict[str, Any]


class BaseNow(NamedTuple):
    """What a query has to know of a base at one moment."""

    version: int
    change_number: int
    embedding: Json
    settings: Json
    queried_at: datetime | None


class PassageShown(NamedTuple):
    """What a result says of a passage and its document."""

    text: str
    page: int | None
    part: str | None
    heading_path: list[str]
    details: Json
    doc_name: str
    extension: str
    document_details: Json


class FindingRepository:
    """Reads inside one transaction: what it says belongs to one moment."""

    def __init__(self, session: Session) -> None:
        self._session = session

    async def find_now(self, kdb_ids: Sequence[str]) -> dict[str, BaseNow]:
        """The bases that are still there."""
        query = select(_B.id, _B.index_version, _B.change_number, _I.embedding, _B.settings, _B.queried_at).join(
            _I, and_(_I.kdb_id == _B.id, _I.version == _B.index_version)
        )
        rows = await self._session.execute(query.where(_B.id.in_(kdb_ids)))
        return {row[0]: BaseNow(*row[1:]) for row in rows}

    async def list_numbers(self, kdb_id: str, version: int, filters: Filters, *, base_type: str) -> list[int]:
        """Numbers of the passages for which all filters hold."""
        query = select(_P.number).join(_D, _D.id == _P.doc_id).where(_P.kdb_id == kdb_id, _P.version == version)
        query = _filtered(query, filters)
        if not filters.metadata:
            return list(await self._session.scalars(query.order_by(_P.number)))
        wide = query.with_only_columns(
            _P.number, _P.doc_id, _P.page, _P.part, _P.details, _D.name, _D.extension, _D.details.label("document")
        )
        return [
            row.number
            for row in await self._session.execute(wide.order_by(_P.number))
            if matches(
                filters.metadata,
                document_metadata(
                    kdb_id,
                    row.doc_id,
                    row.name,
                    kind_of(extension=row.extension, base_type=base_type),
                    row.document | row.details,
                )
                | place_metadata(row.page, row.part),
            )
        ]

    async def find_facts(self, kdb_id: str, version: int, numbers: Sequence[int]) -> list[Facts]:
        """Those of the passages that are still there."""
        found: list[Facts] = []
        for start in range(0, len(numbers), _PORTION):
            query = select(_P.number, _P.id, _P.doc_id, _P.place, _P.start, _P.end, _P.text_hash).where(
                _is_of(kdb_id), _P.version == version, _P.number.in_(numbers[start : start + _PORTION])
            )
            found += [Facts(Key(kdb_id, row[0]), *row[1:]) for row in await self._session.execute(query)]
        return found

    async def find_texts(self, kdb_id: str, numbers: Collection[int]) -> dict[int, str]:
        """Texts of passages."""
        query = select(_P.number, _P.text).where(_is_of(kdb_id), _P.number.in_(numbers))
        return {row.number: row.text for row in await self._session.execute(query)}

    async def find_shown(self, kdb_id: str, numbers: Collection[int]) -> dict[int, PassageShown]:
        """What results say of passages."""
        query = select(
            _P.number, _P.text, _P.page, _P.part, _P.heading_path, _P.details, _D.name, _D.extension, _D.details
        ).join(_D, _D.id == _P.doc_id)
        rows = await self._session.execute(query.where(_is_of(kdb_id), _P.number.in_(numbers)))
        return {row[0]: PassageShown(*row[1:]) for row in rows}

    async def find_places(
        self, kdb_id: str, version: int, ranges: Sequence[tuple[str, int, int]]
    ) -> dict[str, dict[int, tuple[int, int]]]:
        """Document → place → start and end, for ranges of places in documents, both ends included."""
        found: dict[str, dict[int, tuple[int, int]]] = {}
        for first in range(0, len(ranges), _MOST_RANGES):
            wanted = [
                and_(_P.doc_id == doc_id, _P.place.between(low, high))
                for doc_id, low, high in ranges[first : first + _MOST_RANGES]
            ]
            query = select(_P.doc_id, _P.place, _P.start, _P.end).where(
                _is_of(kdb_id), _P.version == version, or_(*wanted)
            )
            for doc_id, place, start, end in await self._session.execute(query):
                found.setdefault(doc_id, {})[place] = (start, end)
        return found

    async def find_stretch(self, doc_id: str, start: int, end: int) -> str | None:
        """A part of a document's text; None: the document is gone."""
        query = select(func.substr(_T.text, start + 1, end - start)).where(_T.doc_id == doc_id)
        return await self._session.scalar(query)

    async def find_head(self, doc_id: str, most_chars: int) -> tuple[str, int] | None:
        """(beginning of a document's text, length of all of it)."""
        query = select(func.substr(_T.text, 1, most_chars), _T.total_chars).where(_T.doc_id == doc_id)
        row = (await self._session.execute(query)).one_or_none()
        return None if row is None else (row[0], row[1])


def _is_of(kdb_id: str) -> ColumnElement[bool]:
    """That a passage is of a base, where something better than that leads to it.

    SQLite would go through all passages of the base otherwise: it takes the index of a base for the better way than a
    hundred numbers, and an expression is in no index.
    """
    return _P.kdb_id.concat("") == kdb_id


def _filtered(query: Select[Any], filters: Filters) -> Select[Any]:
    if filters.doc_ids is not None:
        query = query.where(_D.id.in_(filters.doc_ids))
    if filters.doc_names is not None:
        query = query.where(_D.name.in_(filters.doc_names))
    if filters.types is not None:
        query = query.where(_D.extension.in_(filters.types))
    if filters.created_after is not None:
        query = query.where(_D.created_at >= filters.created_after)
    if filters.created_before is not None:
        query = query.where(_D.created_at <= filters.created_before)
    return query
