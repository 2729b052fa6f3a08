"""Notes as runs see them (stream-runtime.md 9.8, product.md 13 A6)."""

import pytest

from clary.db.database import Database
from clary.db.session import Session
from clary.features.audit.service import AuditLog
from clary.features.memory.service import MemoryService
from clary.features.permissions.service import Identity
from clary.kit.clock import SystemClock
from clary.kit.ids import new_hex
from clary.runtime.tools import NoteBook, ToolFailedError

pytestmark = pytest.mark.anyio


class EveryAgent:
    """Agents that everybody may use; `gone` was deleted."""

    async def require_usable(self, db: Session, *, identity: Identity, agent_id: str) -> None:
        """See `AgentAccess`."""

    async def exists(self, db: Session, *, agent_id: str) -> bool:
        """See `AgentAccess`."""
        return agent_id != "gone"


@pytest.fixture
def memory(database: Database) -> MemoryService:
    """Notes of nobody yet."""
    clock = SystemClock()
    audit = AuditLog(database=database, clock=clock, new_salt=lambda: new_hex(32))
    return MemoryService(
        database=database, agents=EveryAgent(), audit=audit, clock=clock, new_note_id=lambda: new_hex(32)
    )


async def contents(book: NoteBook, query: str) -> list[str]:
    return [each.content for each in await book.search(query, 5)]


async def test_a_run_saves_finds_changes_and_forgets(memory: MemoryService) -> None:
    book = memory.notebook("u1", "agent_1", session_id="s1")
    note = await book.save(" 用户喜欢绿茶 ")
    assert (note.content, note.updated_at[-1]) == ("用户喜欢绿茶", "Z")
    assert await book.save("用户喜欢绿茶") == note
    changed = await book.save("用户喜欢红茶", note.id)
    assert (changed.id, await contents(book, "喝什么红茶？")) == (note.id, ["用户喜欢红茶"])
    assert (await book.forget(note.id), await book.forget(note.id), await contents(book, "红茶")) == (True, False, [])


async def test_a_search_gives_the_best_and_no_more_than_asked(memory: MemoryService) -> None:
    book = memory.notebook("u1", "agent_1")
    for number in range(9):
        await book.save(f"tea number {number}")
    await book.save("green tea")
    assert [each.content for each in await book.search("green tea", 2)] == ["green tea", "tea number 8"]


async def test_a_run_meets_no_notes_but_those_of_its_person_and_agent(memory: MemoryService) -> None:
    note = await memory.notebook("u1", "agent_1").save("u1 likes tea")
    for other in (memory.notebook("u2", "agent_1"), memory.notebook("u1", "agent_2")):
        assert await contents(other, "tea") == []
        with pytest.raises(ToolFailedError, match="记忆不存在"):
            await other.save("stolen", note.id)
        assert await other.forget(note.id) is False
    assert await contents(memory.notebook("u1", "agent_1"), "tea") == ["u1 likes tea"]


async def test_what_cannot_be_saved_is_told_in_the_language_of_the_run(memory: MemoryService) -> None:
    book = memory.notebook("u1", "agent_1", language="en")
    for wrong in ("", "x" * 2001, "a\ud800"):
        with pytest.raises(ToolFailedError, match="A note is a text of 1 to 2000 characters"):
            await book.save(wrong)
    with pytest.raises(ToolFailedError, match="Memory note not found"):
        await book.save("x", "../x")
    with pytest.raises(ToolFailedError, match="The agent is gone"):
        await memory.notebook("u1", "gone", language="en").save("x")


async def test_up_to_five_matching_notes_are_recalled(memory: MemoryService, database: Database) -> None:
    book = memory.notebook("u1", "agent_1")
    for text in ("lives in Shanghai", *(f"tea {number}" for number in range(7))):
        await book.save(text)
    async with database.read() as db:
        recalled = await memory.recall(db, user_id="u1", agent_id="agent_1", text="Which tea do you recommend?")
        nothing = await memory.recall(db, user_id="u2", agent_id="agent_1", text="Which tea do you recommend?")
    assert ([each.content for each in recalled], nothing) == ([f"tea {number}" for number in (6, 5, 4, 3, 2)], [])
