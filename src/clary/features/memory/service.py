"""The door of the slice: the notes as people manage them, and what runs are given of them."""

from collections.abc import Callable, Sequence
from typing import Any

from clary.db.database import Database
from clary.db.session import Session
from clary.features.audit.service import Act, Actor, AuditLog, AuditObject
from clary.features.memory.errors import MemoryNotFoundError
from clary.features.memory.keeping import NoteKeeping
from clary.features.memory.notebook import PersonalNotes, note_of
from clary.features.memory.policy import RECALLED, rank, terms_of
from clary.features.memory.ports import AgentAccess
from clary.features.memory.repository import NoteRepository, Shelf
from clary.features.memory.tables import NoteRow
from clary.features.permissions.service import Identity
from clary.http.paging import Page
from clary.kit.clock import Clock, wire_time
from clary.runtime.tools import Note, NoteBook
from clary.runtime.toolset import Language

__all__ = ["MemoryService", "rank", "terms_of"]

Json = dict[str, Any]


class MemoryService:
    """Notes per (user, agent). Rights to the agent are looked at anew each time."""

    def __init__(
        self,
        *,
        database: Database,
        agents: AgentAccess,
        audit: AuditLog,
        clock: Clock,
        new_note_id: Callable[[], str],
    ) -> None:
        self._database = database
        self._agents = agents
        self._audit = audit
        self._keeping = NoteKeeping(clock=clock, new_note_id=new_note_id)

    async def list_notes(
        self, *, identity: Identity, agent_id: str, user_id: str | None, query: str | None, page: Page
    ) -> tuple[list[Json], int]:
        """(a page of notes, total): those that fit `query`, best first, or all of them, the newest first.

        Raises:
            NotFoundError: E-AGENT.
        """
        shelf = _shelf_of(identity, agent_id, user_id)
        async with self._database.read() as db:
            await self._agents.require_usable(db, identity=identity, agent_id=agent_id)
            if query and query.strip():
                found = await self._keeping.search(db, shelf, query)
                rows, total = found[page.offset : page.offset + page.size], len(found)
            else:
                notes = NoteRepository(db)
                rows = await notes.list_page(shelf, offset=page.offset, limit=page.size)
                total = await notes.count(shelf)
        await self._audit.record_admin_read(identity, _object_of(shelf))
        return [_shape(row) for row in rows], total

    async def add(self, db: Session, *, identity: Identity, agent_id: str, content: str) -> Json:
        """A new note of the caller, or the one that says the same already.

        Raises:
            NotFoundError: E-AGENT.
            MemoryFullError
        """
        await self._agents.require_usable(db, identity=identity, agent_id=agent_id)
        return _shape(await self._keeping.add(db, Shelf(identity.user_id, agent_id), content, source="user"))

    async def change(self, db: Session, *, identity: Identity, agent_id: str, note_id: str, content: str) -> Json:
        """Gives a note of the caller another text; who made it stays.

        Raises:
            NotFoundError: E-AGENT.
            MemoryNotFoundError
        """
        await self._agents.require_usable(db, identity=identity, agent_id=agent_id)
        return _shape(await self._keeping.change(db, Shelf(identity.user_id, agent_id), note_id, content))

    async def forget(
        self, db: Session, *, identity: Identity, agent_id: str, user_id: str | None, note_id: str
    ) -> None:
        """Removes a note.

        Raises:
            NotFoundError: E-AGENT.
            MemoryNotFoundError
        """
        shelf = _shelf_of(identity, agent_id, user_id)
        await self._agents.require_usable(db, identity=identity, agent_id=agent_id)
        if not await self._keeping.remove(db, shelf, note_id):
            raise MemoryNotFoundError
        await self._witness(db, identity, shelf, {"note_id": note_id})

    async def forget_all(self, db: Session, *, identity: Identity, agent_id: str, user_id: str | None) -> int:
        """Removes all notes of a person for an agent; returns how many there were.

        Raises:
            NotFoundError: E-AGENT.
        """
        shelf = _shelf_of(identity, agent_id, user_id)
        await self._agents.require_usable(db, identity=identity, agent_id=agent_id)
        deleted = await NoteRepository(db).clear(shelf)
        await self._witness(db, identity, shelf, {"deleted": deleted})
        return deleted

    def notebook(
        self, user_id: str, agent_id: str, *, session_id: str | None = None, language: Language = "zh"
    ) -> NoteBook:
        """The notes of whoever chats, for the tools of a run; `session_id`: where new notes come from."""
        return PersonalNotes(
            database=self._database,
            keeping=self._keeping,
            agents=self._agents,
            shelf=Shelf(user_id, agent_id),
            session_id=session_id,
            language=language,
        )

    async def recall(
        self, db: Session, *, user_id: str, agent_id: str, text: str, limit: int = RECALLED
    ) -> Sequence[Note]:
        """The notes that fit what somebody has just said, best first (stream-runtime.md 9.8)."""
        return [note_of(row) for row in (await self._keeping.search(db, Shelf(user_id, agent_id), text))[:limit]]

    async def forget_agent(self, session: Session, *, agent_id: str) -> None:
        """Removes the notes of all people for an agent, in the transaction of its deletion."""
        await NoteRepository(session).clear_agent(agent_id)

    async def delete_of_user(self, db: Session, user_id: str) -> int:
        """Removes all notes of a person; returns how many there were."""
        return await NoteRepository(db).clear_user(user_id)

    async def _witness(self, db: Session, identity: Identity, shelf: Shelf, detail: Json) -> None:
        """Writes down what an admin did to the notes of somebody else."""
        if shelf.user_id != identity.user_id:
            await self._audit.record(db, Act("memory.deleted", Actor.of(identity), _object_of(shelf), detail=detail))


def _shelf_of(identity: Identity, agent_id: str, user_id: str | None) -> Shelf:
    """Only an admin names somebody else; for others the name means nothing."""
    return Shelf(user_id if user_id and identity.is_admin else identity.user_id, agent_id)


def _object_of(shelf: Shelf) -> AuditObject:
    return AuditObject("memory", shelf.agent_id, shelf.user_id)


def _shape(row: NoteRow) -> Json:
    return {
        "id": row.note_id,
        "content": row.content,
        "source": row.source,
        "session_id": row.session_id,
        "created_at": wire_time(row.created_at),
        "updated_at": wire_time(row.updated_at),
    }
