"""search_memory, save_memory, forget_memory, load_skill, load_workflow (stream-runtime.md 9.8, 9.9)."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest
from anyio import fail_after

from clary.runtime.tools import Note, PastMessage, Todo, ToolFailedError

pytestmark = pytest.mark.anyio


@dataclass
class MemoryNotes:
    """Notes that live in memory."""

    notes: dict[str, Note] = field(default_factory=dict)

    async def search(self, query: str, limit: int) -> Sequence[Note]:
        """See `NoteBook.search`."""
        return [note for note in self.notes.values() if query in note.content][:limit]

    async def save(self, content: str, note_id: str | None = None) -> Note:
        """See `NoteBook.save`."""
        note = Note(note_id or f"n{len(self.notes) + 1}", content, "2026-01-02T03:04:05Z")
        self.notes[note.id] = note
        return note

    async def forget(self, note_id: str) -> bool:
        """See `NoteBook.forget`."""
        return self.notes.pop(note_id, None) is not None


class FixedPast:
    """One older message."""

    async def search(self, query: str, limit: int) -> Sequence[PastMessage]:
        """See `PastMessages.search`."""
        return [PastMessage("user", f"about {query}", 12.5)]


@dataclass
class Shelf:
    """One skill."""

    names: Sequence[str] = ("pdf",)

    async def read(self, name: str) -> str | None:
        """See `SkillShelf.read`."""
        return "# PDF" if name in self.names else None


async def test_notes_are_kept_found_and_forgotten(bench) -> None:
    bench.more = {"notes": MemoryNotes()}
    assert await bench.call("save_memory", content="likes tea") == {
        "status": "success",
        "message": "记忆已保存",
        "id": "n1",
    }
    await bench.call("save_memory", content="likes green tea", id="n1")
    found = await bench.call("search_memory", query="tea")
    assert found["notes"] == [{"id": "n1", "content": "likes green tea", "updated_at": "2026-01-02T03:04:05Z"}]
    assert (await bench.call("forget_memory", id="n1"))["id"] == "n1"
    with pytest.raises(ToolFailedError):
        await bench.call("forget_memory", id="n1")


async def test_a_search_has_all_three_kinds(bench) -> None:
    bench.more = {"past": FixedPast(), "notes": MemoryNotes({"a": Note("a", "x launch", "t")})}
    (bench.workspace / "MEMORY.md").write_text("nothing\nthe launch is in May\n")
    assert await bench.call("search_memory", "en", query="launch") == {
        "status": "success",
        "message": "3 memories found",
        "query": "launch",
        "long_term_memory": [
            {"path": "/workspace/MEMORY.md", "snippets": [{"line_number": 2, "text": "the launch is in May"}]}
        ],
        "session_history": [{"role": "user", "content_preview": "about launch", "timestamp": 12.5}],
        "notes": [{"id": "a", "content": "x launch", "updated_at": "t"}],
    }


async def test_files_with_most_of_the_words_come_first_and_odd_ones_are_passed_over(bench) -> None:
    files = {
        "notes/a.md": "产品发布会在五月",
        "memory/b.md": "发布",
        "c.txt": "PRODUCT launch\nlaunch of the product in May",
        "skip.bin": "launch",
        ".clary/web/x.md": "launch product",
        "large.txt": "launch " * 200_000,
    }
    for name, text in files.items():
        path = bench.workspace / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    (bench.workspace / "out.md").symlink_to(bench.workspace.parent / "secret.txt")
    with fail_after(10):
        chinese = await bench.call("search_memory", query="产品发布会")
        english = await bench.call("search_memory", query="product launch May canary root")
    assert [hit["path"] for hit in chinese["long_term_memory"]] == ["/workspace/notes/a.md", "/workspace/memory/b.md"]
    assert english["long_term_memory"] == [
        {
            "path": "/workspace/c.txt",
            "snippets": [
                {"line_number": 1, "text": "PRODUCT launch"},
                {"line_number": 2, "text": "launch of the product in May"},
            ],
        }
    ]


async def test_without_notes_nothing_is_kept(bench) -> None:
    with pytest.raises(ToolFailedError):
        await bench.call("save_memory", content="x")
    assert (await bench.call("search_memory", query="%_\"'"))["long_term_memory"] == []


async def test_a_skill_of_the_run_is_loaded_and_another_is_named_as_missing(bench) -> None:
    bench.more = {"skills": Shelf()}
    assert await bench.call("load_skill", skill_name="pdf") == "技能 'pdf' 已加载"
    missing = "Error: Skill '../pdf' not found. Available skills: pdf"
    assert await bench.call("load_skill", skill_name="../pdf") == missing
    bench.more = {}
    assert await bench.call("load_skill", skill_name="pdf") == "Error: Skill 'pdf' not found. Available skills: "


async def test_a_workflow_becomes_the_task_list(bench) -> None:
    bench.more = {"workflows": {"report": ["collect", "write"]}}
    answer = await bench.call("load_workflow", "en", workflow_name="report")
    assert answer == "Workflow 'report' loaded; its 2 steps are the task list, follow them in order"
    assert await bench.todos.read() == [Todo("report-1", "collect"), Todo("report-2", "write")]
    assert await bench.call("load_workflow", workflow_name="x") == (
        "Error: Workflow 'x' not found. Available workflows: report"
    )
