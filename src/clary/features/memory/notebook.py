"""The notes as the tools of a run see them (stream-runtime.md 9.8)."""

from collections.abc import Sequence

from clary.db.database import Database
from clary.db.session import Session
from clary.features.memory.errors import MemoryFullError, MemoryNotFoundError
from clary.features.memory.keeping import NoteKeeping
from clary.features.memory.policy import MAX_CHARACTERS, clean_content
from clary.features.memory.ports import AgentAccess
from clary.features.memory.repository import Shelf
from clary.features.memory.tables import NoteRow
from clary.kit.clock import wire_time
from clary.kit.text import Text
from clary.runtime.tools import Note, ToolFailedError
from clary.runtime.toolset import Language, words

_BAD_CONTENT = Text("记忆内容须为 1 到 {n} 个字符的文本", "A note is a text of 1 to {n} characters").fill(
    n=MAX_CHARACTERS
)
_NO_AGENT = Text("该智能体已不存在，无法保存记忆", "The agent is gone; nothing can be noted for it")


class PersonalNotes:
    """Implements `runtime.tools.NoteBook` for one person and one agent; each call is a transaction of its own."""

    def __init__(
        self,
        *,
        database: Database,
        keeping: NoteKeeping,
        agents: AgentAccess,
        shelf: Shelf,
        session_id: str | None,
        language: Language,
    ) -> None:
        self._database = database
        self._keeping = keeping
        self._agents = agents
        self._shelf = shelf
        self._session_id = session_id
        self._language: Language = language

    async def search(self, query: str, limit: int) -> Sequence[Note]:
        """See `NoteBook.search`."""
        async with self._database.read() as db:
            return [note_of(row) for row in (await self._keeping.search(db, self._shelf, query))[:limit]]

    async def save(self, content: str, note_id: str | None = None) -> Note:
        """See `NoteBook.save`."""
        try:
            text = clean_content(content)
        except ValueError:
            raise self._failure(_BAD_CONTENT.fill(n=MAX_CHARACTERS)) from None
        try:
            async with self._database.write() as db:
                return note_of(await self._save(db, text, note_id))
        except (MemoryFullError, MemoryNotFoundError) as problem:
            raise self._failure(problem.message) from None

    async def forget(self, note_id: str) -> bool:
        """See `NoteBook.forget`."""
        async with self._database.write() as db:
            return await self._keeping.remove(db, self._shelf, note_id)

    async def _save(self, db: Session, text: str, note_id: str | None) -> NoteRow:
        if note_id:
            return await self._keeping.change(db, self._shelf, note_id, text)
        # A run outlives its agent; its notes would belong to nothing that anybody could open.
        if not await self._agents.exists(db, agent_id=self._shelf.agent_id):
            raise self._failure(_NO_AGENT)
        return await self._keeping.add(db, self._shelf, text, source="agent", session_id=self._session_id)

    def _failure(self, text: Text) -> ToolFailedError:
        return ToolFailedError(words(text, self._language))


def note_of(row: NoteRow) -> Note:
    """A row as the runtime knows it."""
    return Note(row.note_id, row.content, wire_time(row.updated_at) or "")
