"""Conversations as files (product.md 2.1)."""

import io
import json
import zipfile
from typing import Any

import pytest

from clary.features.conversations.errors import SessionNotFoundError
from clary.features.conversations.export import as_markdown, as_zip, disposition
from clary.features.conversations.service import TodoStore
from features.conversations.world import ALICE, BOB, World, text

pytestmark = pytest.mark.anyio


def test_markdown_shows_text_and_folds_calls_and_results_without_letting_them_break_out() -> None:
    call = {"id": "c", "function": {"name": "<img src=x>", "arguments": '{"a": 1}'}}
    messages: list[dict[str, Any]] = [
        {"role": "user", "type": "normal", "content": [{"type": "text", "text": "hi"}]},
        {"role": "assistant", "type": "reasoning_content", "content": "hm"},
        {"role": "assistant", "type": "tool_call", "tool_calls": [call]},
        {"role": "tool", "type": "tool_call_result", "content": "````\n</details>"},
        {"role": "tool", "type": "tool_call_result", "content": {"success": True}},
        {"role": "assistant", "type": "do_subtask_result", "content": "Done."},
    ]
    assert as_markdown("Title", messages) == (
        "# Title\n\n## User\n\nhi\n\n"
        "<details><summary>Reasoning</summary>\n\n```\nhm\n```\n\n</details>\n\n"
        '<details><summary>Tool call: &lt;img src=x&gt;</summary>\n\n```\n{"a": 1}\n```\n\n</details>\n\n'
        "<details><summary>Tool result</summary>\n\n`````\n````\n</details>\n`````\n\n</details>\n\n"
        '<details><summary>Tool result</summary>\n\n```\n{"success":true}\n```\n\n</details>\n\n'
        "## Assistant\n\nDone.\n"
    )


@pytest.mark.parametrize(
    ("title", "header"),
    [
        ("plain", "attachment; filename=\"plain.md\"; filename*=UTF-8''plain.md"),
        ("标题", "attachment; filename=\"__.md\"; filename*=UTF-8''%E6%A0%87%E9%A2%98.md"),
        ('a"b/c\r\nX: 1', "attachment; filename=\"a_b_c__X_ 1.md\"; filename*=UTF-8''a_b_c__X_%201.md"),
        ("..", "attachment; filename=\"conversation.md\"; filename*=UTF-8''conversation.md"),
        ("x" * 300, f"attachment; filename=\"{'x' * 100}.md\"; filename*=UTF-8''{'x' * 100}.md"),
    ],
)
def test_any_title_makes_a_safe_file_name_with_its_extension(title: str, header: str) -> None:
    assert disposition(title, "md") == header


async def test_the_archive_holds_history_runs_and_tasks(world: World) -> None:
    row = await world.conversation(ALICE, "s1", text("user", "hi", "m1"), title="Greeting")
    await world.run(row, "run-1", status="completed", line_count=3)
    await TodoStore(world.database, row.conversation_id, world.clock).upsert([{"id": "1", "content": "do"}])
    packed = as_zip(await world.conversations.archive(identity=ALICE, session_id="s1"))
    with zipfile.ZipFile(io.BytesIO(packed)) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    assert set(files) == {"conversation.json", "conversation.md", "runs.json", "tasks.json"}
    conversation = json.loads(files["conversation.json"])
    assert [each["content"] for each in conversation["messages"]] == ["hi"]
    assert not [key for key in conversation if key.startswith("next_stream")]
    assert files["conversation.md"] == b"# Greeting\n\n## User\n\nhi\n"
    assert [(run["run_id"], run["line_count"]) for run in json.loads(files["runs.json"])] == [("run-1", 3)]
    assert [task["content"] for task in json.loads(files["tasks.json"])["tasks"]] == ["do"]


async def test_a_stranger_gets_no_archive(world: World) -> None:
    await world.conversation(ALICE, "s1")
    with pytest.raises(SessionNotFoundError):
        await world.conversations.archive(identity=BOB, session_id="s1")


async def test_a_run_in_the_archive_has_as_many_lines_as_its_log(world: World) -> None:
    row = await world.conversation(ALICE, "s1", text("user", "hi", "m1"))
    await world.run(row, "run-1", status="completed", line_count=7)
    world.clock.advance(1)
    active = await world.run(row, "run-2", stored_lines=1)
    await world.append(active, *[{"role": "assistant", "type": "do_subtask_result", "content": "x"}] * 3)
    files = await world.conversations.archive(identity=ALICE, session_id="s1")
    counts = [(run["run_id"], run["line_count"]) for run in json.loads(files["runs.json"])]
    assert counts == [("run-1", 7), ("run-2", 3)]
