"""What is done with the notes of one person for one agent, in the caller's transaction; who may is asked elsewhere."""

import asyncio
from collections.abc import Callable, Sequence

from clary.db.session import Session
from clary.features.memory.errors import MemoryFullError, MemoryNotFoundError
from clary.features.memory.policy import MAX_NOTES, Source, hash_of, is_note_id, rank
from clary.features.memory.repository import NoteRepository, Shelf
from clary.features.memory.tables import NoteRow
from clary.kit.clock import Clock


class NoteKeeping:
    """Keeps notes. Contents are clean already (`policy.clean_content`)."""

    def __init__(self, *, clock: Clock, new_note_id: Callable[[], str]) -> None:
        self._clock = clock
        self._new_note_id = new_note_id

    async def search(self, db: Session, shelf: Shelf, query: str) -> Sequence[NoteRow]:
        """The notes that fit a question, best first; among equals the newest."""
        rows = await NoteRepository(db).list_all(shelf)
        order = await asyncio.to_thread(rank, query, [row.content for row in rows])
        return [rows[at] for at in order]

    async def add(
        self, db: Session, shelf: Shelf, content: str, *, source: Source, session_id: str | None = None
    ) -> NoteRow:
        """A new note, or the one that says the same already.

        Raises:
            MemoryFullError
        """
        notes, now = NoteRepository(db), self._clock.now()
        found = await notes.find_same(shelf, hash_of(content))
        if found is not None:
            return found
        if await notes.count(shelf) >= MAX_NOTES:
            raise MemoryFullError
        row = NoteRow(
            note_id=self._new_note_id(),
            user_id=shelf.user_id,
            agent_id=shelf.agent_id,
            content=content,
            content_hash=hash_of(content),
            source=source,
            session_id=session_id,
            created_at=now,
            updated_at=now,
        )
        if await notes.add(row):
            return row
        found = await notes.find_same(shelf, hash_of(content))
        if found is None:
            raise MemoryNotFoundError
        return found

    async def change(self, db: Session, shelf: Shelf, note_id: str, content: str) -> NoteRow:
        """Gives a note another text. Another note of that text becomes one with it.

        Raises:
            MemoryNotFoundError
        """
        notes = NoteRepository(db)
        row = await notes.find(shelf, note_id) if is_note_id(note_id) else None
        if row is None:
            raise MemoryNotFoundError
        if row.content != content:
            twin = await notes.find_same(shelf, hash_of(content))
            if twin is not None:
                await notes.remove(shelf, twin.note_id)
            row.content, row.content_hash, row.updated_at = content, hash_of(content), self._clock.now()
        return row

    async def remove(self, db: Session, shelf: Shelf, note_id: str) -> bool:
        """Removes a note; False when there is none of that id."""
        return is_note_id(note_id) and await NoteRepository(db).remove(shelf, note_id) > 0
