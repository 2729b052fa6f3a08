"""Lines become messages (stream-runtime.md 4.4, 4.5 rule 8, 8)."""

from typing import Any

from clary.features.conversations.merge import merged_lines


def line(kind: str, message_id: str, **more: Any) -> dict[str, Any]:
    return {"role": "assistant", "type": kind, "message_id": message_id, "session_id": "s", "metadata": {}, **more}


def call(name: str | None, arguments: str | None, call_id: str | None = None, **more: Any) -> list[dict[str, Any]]:
    kind = "function" if call_id else None
    return [{"id": call_id, "type": kind, **more, "function": {"name": name, "arguments": arguments}}]


def test_deltas_of_one_id_are_one_message_even_when_reasoning_alternates_with_text() -> None:
    lines = [
        line("reasoning_content", "r", content="They ask"),
        line("do_subtask_result", "m", content="Lea", timestamp=1.5),
        line("reasoning_content", "r", content=" why."),
        line("do_subtask_result", "m", content="ves", timestamp=1.7),
        line("do_subtask_result", "m", content=" 变红", timestamp=1.9),
    ]
    assert merged_lines(lines) == [
        line("reasoning_content", "r", content="They ask why."),
        line("do_subtask_result", "m", content="Leaves 变红", timestamp=1.5),
    ]


def test_tool_results_replace_and_are_never_joined() -> None:
    result = {"role": "tool", "type": "tool_call_result", "message_id": "t", "tool_call_id": "c", "metadata": {}}
    lines = [{**result, "content": "old"}, {**result, "content": {"success": True}}]
    assert merged_lines(lines) == [{**result, "content": {"success": True}}]


def test_a_superseded_answer_keeps_its_text_and_is_marked() -> None:
    lines = [
        line("do_subtask_result", "m1", content="Half"),
        line("do_subtask_result", "m1", content="", metadata={"superseded": True}),
        line("do_subtask_result", "m2", content="Whole"),
    ]
    assert merged_lines(lines) == [
        line("do_subtask_result", "m1", content="Half", metadata={"superseded": True}),
        line("do_subtask_result", "m2", content="Whole"),
    ]


def test_a_marker_for_a_message_nobody_saw_makes_no_message() -> None:
    assert merged_lines([line("do_subtask_result", "m1", content="", metadata={"superseded": True})]) == []


def test_fragments_of_a_call_are_joined_until_the_complete_line_replaces_them() -> None:
    fragments = [
        line("tool_call", "c", tool_calls=call(None, "", None, index=0)),
        line("tool_call", "c", tool_calls=call("file_read", '{"file', "call_1", index=0)),
        line("tool_call", "c", tool_calls=call(None, None, None, index=0)),
        line("tool_call", "c", tool_calls=call(None, '_path": 1}', None, index=0)),
    ]
    whole = line("tool_call", "c", tool_calls=call("file_read", '{"file_path": 1}', "call_1"))
    so_far = line("tool_call", "c", tool_calls=call("file_read", '{"file_path": 1}', "call_1", index=0))
    assert merged_lines(fragments) == [so_far]
    assert merged_lines([*fragments, whole]) == [whole]


def test_control_lines_usage_and_errors_are_no_history() -> None:
    lines = [
        line("token_usage", "u", content=""),
        line("error", "e", content="down"),
        line("sandbox_approval_requested", "a", role="system", content="?"),
        {"type": "tool_progress", "tool_call_id": "c", "text": "…"},
        {"type": "stream_end", "status": "completed"},
    ]
    assert merged_lines(lines) == []


def test_merging_changes_none_of_the_lines() -> None:
    first = line("do_subtask_result", "m", content="a")
    merged_lines(
        [first, line("do_subtask_result", "m", content="b"), line("x", "m", content="", metadata={"superseded": True})]
    )
    assert first == line("do_subtask_result", "m", content="a")
