"""Every SQL statement about notes; person and agent are part of each."""

from collections.abc import Sequence
from typing import NamedTuple

from sqlalchemy import ColumnElement, and_, delete, func, select

from clary.db.session import Session, add_unless_taken
from clary.features.memory.tables import NoteRow


class Shelf(NamedTuple):
    """Whose notes for which agent."""

    user_id: str
    agent_id: str


class NoteRepository:
    """Rows of `memory_notes` in one transaction."""

    def __init__(self, session: Session) -> None:
        self._session = session

    async def list_all(self, shelf: Shelf) -> Sequence[NoteRow]:
        """All notes, the newest first."""
        query = select(NoteRow).where(_on(shelf)).order_by(NoteRow.row_id.desc())
        return (await self._session.scalars(query)).all()

    async def list_page(self, shelf: Shelf, *, offset: int, limit: int) -> Sequence[NoteRow]:
        """Some of them."""
        query = select(NoteRow).where(_on(shelf)).order_by(NoteRow.row_id.desc()).offset(offset).limit(limit)
        return (await self._session.scalars(query)).all()

    async def count(self, shelf: Shelf) -> int:
        """How many there are."""
        return await self._session.scalar(select(func.count()).select_from(NoteRow).where(_on(shelf))) or 0

    async def find(self, shelf: Shelf, note_id: str) -> NoteRow | None:
        """One note by its id."""
        return await self._session.scalar(select(NoteRow).where(_on(shelf), NoteRow.note_id == note_id))

    async def find_same(self, shelf: Shelf, content_hash: str) -> NoteRow | None:
        """The note of a text."""
        return await self._session.scalar(select(NoteRow).where(_on(shelf), NoteRow.content_hash == content_hash))

    async def add(self, row: NoteRow) -> bool:
        """Adds a note; False when somebody else added the same text in the same moment."""
        return await add_unless_taken(self._session, row)

    async def remove(self, shelf: Shelf, note_id: str) -> int:
        """Removes one note; returns how many went."""
        return await self._delete(and_(_on(shelf), NoteRow.note_id == note_id))

    async def clear(self, shelf: Shelf) -> int:
        """Removes all of them; returns how many went."""
        return await self._delete(_on(shelf))

    async def clear_agent(self, agent_id: str) -> int:
        """Removes those of all people for an agent."""
        return await self._delete(NoteRow.agent_id == agent_id)

    async def clear_user(self, user_id: str) -> int:
        """Removes those of a person for all agents."""
        return await self._delete(NoteRow.user_id == user_id)

    async def _delete(self, where: ColumnElement[bool]) -> int:
        gone = await self._session.scalars(delete(NoteRow).where(where).returning(NoteRow.row_id))
        return len(gone.all())


def _on(shelf: Shelf) -> ColumnElement[bool]:
    return and_(NoteRow.user_id == shelf.user_id, NoteRow.agent_id == shelf.agent_id)
