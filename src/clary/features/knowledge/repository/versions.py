"""Statements about the versions of an index: what is still to be cut, what lacks vectors, which one answers."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, case, delete, exists, func, literal, or_, select, update
from sqlalchemy.orm import aliased

from clary.db.session import Session
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


class Pending(NamedTuple):
    """A passage without a vector. `text`: what the vector is made of."""

    number: int
    doc_id: str
    text: str


class VersionRepository:
    """Reads and writes inside one transaction."""

    def __init__(self, session: Session) -> None:
        self._session = session

    async def find(self, kdb_id: str, version: int) -> KnowledgeIndexRow | None:
        """A version as it stands now."""
        query = select(_I).where(_I.kdb_id == kdb_id, _I.version == version)
        return await self._session.scalar(query.execution_options(populate_existing=True))

    async def list_searched(self) -> list[tuple[str, int, int]]:
        """(base, version, change number of the base) of every version that answers or is going to."""
        answers = or_(_I.version == _B.index_version, _I.state == "building")
        query = select(_I.kdb_id, _I.version, _B.change_number).join(_B, _B.id == _I.kdb_id).where(answers)
        return [(row.kdb_id, row.version, row.change_number) for row in await self._session.execute(query)]

    async def find_rebuild(self, kdb_id: str, task_id: str) -> KnowledgeIndexRow | None:
        """The version that a task builds or has built."""
        return await self._session.scalar(select(_I).where(_I.kdb_id == kdb_id, _I.task_id == task_id))

    async def list_unbuilt(self, kdb_id: str, version: int, *, after: str, limit: int) -> list[str]:
        """Documents with a text but no passage in a version, by id, after one."""
        query = select(_D.id).join(_T, _T.doc_id == _D.id)
        query = query.where(_D.kdb_id == kdb_id, _D.id > after, ~_has_passage(version))
        return list(await self._session.scalars(query.order_by(_D.id).limit(limit)))

    async def count_texts(self, kdb_id: str, version: int) -> tuple[int, int]:
        """(documents with a text, those among them with passages in a version)."""
        query = select(func.count(), func.coalesce(func.sum(case((_has_passage(version), 1), else_=0)), 0))
        query = query.select_from(_D).join(_T, _T.doc_id == _D.id).where(_D.kdb_id == kdb_id)
        total, built = (await self._session.execute(query)).one()
        return total, built

    async def find_text(self, doc_id: str) -> tuple[str, dict[str, Any], str] | None:
        """(text, layout, file name) of a document."""
        query = select(_T.text, _T.layout, _D.name).join(_D, _D.id == _T.doc_id).where(_T.doc_id == doc_id)
        row = (await self._session.execute(query)).one_or_none()
        return None if row is None else (row[0], row[1], row[2])

    async def is_unbuilt(self, kdb_id: str, version: int, doc_id: str) -> bool:
        """Whether a document is still there and has no passage in a version."""
        query = select(_D.id).where(_D.id == doc_id, _D.kdb_id == kdb_id, ~_has_passage(version))
        return await self._session.scalar(query) is not None

    async def list_pending(self, kdb_id: str, version: int, limit: int) -> list[Pending]:
        """Passages without a vector, oldest first."""
        query = select(_P.number, _P.doc_id, _P.context, _P.text).where(
            _P.kdb_id == kdb_id, _P.version == version, _P.vector.is_(None)
        )
        rows = await self._session.execute(query.order_by(_P.number).limit(limit))
        return [Pending(row.number, row.doc_id, f"{row.context}\n{row.text}".strip()) for row in rows]

    async def has_vector(self, kdb_id: str, version: int) -> bool:
        """Whether a passage of a version has a vector."""
        query = select(_P.number).where(
            _P.kdb_id == kdb_id, _P.version == version, _P.vector.is_not(None), func.length(_P.vector) > 0
        )
        return await self._session.scalar(query.limit(1)) is not None

    async def put_vectors(self, kdb_id: str, vectors: Sequence[tuple[Pending, bytes]]) -> None:
        """Gives passages their vectors; those that are gone or were cut anew meanwhile are passed over."""
        change = await self._session.scalar(
            update(_B)
            .where(_B.id == kdb_id)
            .values(change_number=_B.change_number + 1)
            .returning(_B.change_number)
            .execution_options(synchronize_session=False)
        )
        for pending, vector in vectors:
            # A number never comes back, and the text under a number never changes.
            statement = update(_P).where(_P.number == pending.number, _P.vector.is_(None))
            await self._session.execute(
                statement.values(vector=vector, change=change).execution_options(synchronize_session=False)
            )

    async def copy_vectors(self, kdb_id: str, doc_id: str, *, source: int, target: int) -> None:
        """Takes over the vectors of the same texts of a document from another version of the same model."""
        old = aliased(_P)
        same = select(old.vector).where(
            old.doc_id == doc_id, old.version == source, old.text_hash == _P.text_hash, old.context == _P.context
        )
        vector = same.where(old.vector.is_not(None)).limit(1).correlate(_P).scalar_subquery()
        statement = update(_P).where(
            _P.kdb_id == kdb_id, _P.doc_id == doc_id, _P.version == target, _P.vector.is_(None)
        )
        await self._session.execute(statement.values(vector=vector).execution_options(synchronize_session=False))

    async def complete_documents(self, kdb_id: str, version: int, doc_ids: Sequence[str]) -> None:
        """Says of documents whose passages all have vectors now that they are complete."""
        lacking = exists().where(_P.doc_id == _D.id, _P.version == version, _P.vector.is_(None))
        await self._session.execute(
            update(_D)
            .where(_D.kdb_id == kdb_id, _D.id.in_(doc_ids), _D.vectors == "pending", ~lacking)
            .values(vectors="complete")
            .execution_options(synchronize_session=False)
        )

    async def complete_all(self, kdb_id: str, version: int) -> None:
        """The same for all documents of a base that wait."""
        lacking = exists().where(_P.doc_id == _D.id, _P.version == version, _P.vector.is_(None))
        await self._session.execute(
            update(_D)
            .where(_D.kdb_id == kdb_id, _D.vectors == "pending", ~lacking)
            .values(vectors="complete")
            .execution_options(synchronize_session=False)
        )

    async def take_over(self, kdb_id: str, version: int, *, has_vectors: bool) -> None:
        """Shows documents as they are in the version that answers from now on."""
        counted = select(func.count()).select_from(_P).where(_P.doc_id == _D.id, _P.version == version)
        await self._session.execute(
            update(_D)
            .where(_D.kdb_id == kdb_id, _D.text_ready)
            .values(passages=counted.scalar_subquery(), vectors=literal("complete") if has_vectors else literal("none"))
            .execution_options(synchronize_session=False)
        )

    async def list_waiting_bases(self, limit: int) -> list[str]:
        """Bases with documents whose vectors are pending."""
        query = select(_D.kdb_id).where(_D.vectors == "pending").distinct().order_by(_D.kdb_id).limit(limit)
        return list(await self._session.scalars(query))

    async def remove_passages(self, kdb_id: str, version: int, limit: int) -> int:
        """Removes some passages of a version whose files go as a whole; returns how many."""
        chosen = select(_P.number).where(_P.kdb_id == kdb_id, _P.version == version).limit(limit)
        gone = await self._session.scalars(
            delete(_P)
            .where(_P.number.in_(chosen.scalar_subquery()))
            .returning(_P.number)
            .execution_options(synchronize_session=False)
        )
        return len(gone.all())

    async def list_followers(self) -> list[KnowledgeBaseRow]:
        """All bases, last queried first; which of them follow the server is in their settings."""
        moment = func.coalesce(_B.queried_at, _B.created_at)
        query = select(_B).order_by(_B.queried_at.is_(None), moment.desc(), _B.id)
        return list(await self._session.scalars(query.execution_options(populate_existing=True)))

    async def note_query(self, kdb_ids: Sequence[str], now: datetime) -> None:
        """Notes that bases were asked something."""
        await self._session.execute(
            update(_B).where(_B.id.in_(kdb_ids)).values(queried_at=now).execution_options(synchronize_session=False)
        )


def _has_passage(version: int) -> ColumnElement[bool]:
    return exists().where(_P.doc_id == _D.id, _P.version == version)
