"""Statements about sources and the markers that cite them (product.md 5.10)."""

from collections.abc import Sequence
from typing import NamedTuple

from sqlalchemy import and_, bindparam, func, insert, select, update
from sqlalchemy.engine import Connection

from clary.db.columns import table_of
from clary.db.session import Session
from clary.features.conversations.policy import CitedPassage
from clary.features.conversations.tables import CitationRow, ConversationRow, MessageRow, SourceRow

SOURCES, CITATIONS = table_of(SourceRow), table_of(CitationRow)
ADD_CITATION = insert(CITATIONS)
HAS_SOURCES = select(SOURCES.c.ref).where(SOURCES.c.conversation_id == bindparam("of_root")).limit(1)
MAX_IN = 500


class Citation(NamedTuple):
    """A marker with the source it names."""

    marker: CitationRow
    source: SourceRow | None


def mark_shown(connection: Connection, root_id: int, refs: Sequence[int]) -> None:
    """The result that gives these passages to a model is recorded."""
    if refs:
        connection.execute(
            update(SOURCES).where(SOURCES.c.conversation_id == root_id, SOURCES.c.ref.in_(refs)).values(shown=True)
        )


def has_sources(connection: Connection, root_id: int) -> bool:
    """Whether the models of a conversation were ever given a passage."""
    return connection.scalar(HAS_SOURCES, {"of_root": root_id}) is not None


def add_citations(
    connection: Connection, *, root_id: int, conversation_id: int, run_id: str, message_id: str, numbers: Sequence[int]
) -> list[int]:
    """Keeps the markers of an answer in their order; returns the numbers that nobody gave, each once."""
    wanted = list(dict.fromkeys(numbers))
    known: set[int] = set()
    for at in range(0, len(wanted), MAX_IN):
        query = select(SOURCES.c.ref).where(
            SOURCES.c.conversation_id == root_id, SOURCES.c.shown, SOURCES.c.ref.in_(wanted[at : at + MAX_IN])
        )
        known.update(connection.scalars(query))
    common = {"conversation_id": conversation_id, "run_id": run_id, "message_id": message_id}
    connection.execute(ADD_CITATION, [{**common, "n": n, "ref": n if n in known else None} for n in numbers])
    return [n for n in wanted if n not in known]


class CitationRepository:
    """Reads and writes inside one transaction."""

    def __init__(self, session: Session) -> None:
        self._session = session

    async def find_root_id(self, conversation_id: int) -> int:
        """The conversation of a person that a child's belongs to, itself if it is none."""
        found = conversation_id
        while True:
            query = select(ConversationRow.parent_id).where(ConversationRow.conversation_id == found)
            parent = await self._session.scalar(query)
            if parent is None:
                return found
            found = parent

    async def lock(self, root_id: int) -> bool:
        """Lets nobody else number sources of a conversation until the transaction ends; False: it is gone."""
        # On SQLite one transaction writes at a time anyway.
        query = select(ConversationRow.conversation_id).where(ConversationRow.conversation_id == root_id)
        return await self._session.scalar(query.with_for_update()) is not None

    async def find_refs(self, root_id: int, passages: Sequence[CitedPassage]) -> dict[tuple[str, int, int], int]:
        """Numbers of those of the passages that have one."""
        segments = list({each.doc_segment_id for each in passages})
        query = select(SourceRow).where(SourceRow.conversation_id == root_id, SourceRow.doc_segment_id.in_(segments))
        return {(row.doc_segment_id, row.start, row.end): row.ref for row in await self._session.scalars(query)}

    async def largest_ref(self, root_id: int) -> int:
        """The number given last; 0: none was."""
        query = select(func.max(SourceRow.ref)).where(SourceRow.conversation_id == root_id)
        return await self._session.scalar(query) or 0

    def add_source(self, root_id: int, ref: int, passage: CitedPassage) -> None:
        """Gives a passage its number."""
        self._session.add(SourceRow(conversation_id=root_id, ref=ref, shown=False, **passage._asdict()))

    async def list_citations(self, conversation_id: int, root_id: int) -> list[Citation]:
        """Markers of the answers that history shows, in order of appearance."""
        of_marker = and_(SourceRow.conversation_id == root_id, SourceRow.ref == CitationRow.ref)
        of_message = and_(
            MessageRow.conversation_id == CitationRow.conversation_id, MessageRow.message_id == CitationRow.message_id
        )
        query = (
            select(CitationRow, SourceRow)
            .join(MessageRow, of_message)
            .outerjoin(SourceRow, of_marker)
            .where(CitationRow.conversation_id == conversation_id, MessageRow.archived.is_(False))
            .order_by(MessageRow.row_id, CitationRow.citation_id)
        )
        return [Citation(marker, source) for marker, source in await self._session.execute(query)]
