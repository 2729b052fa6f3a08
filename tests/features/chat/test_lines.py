"""Lines as the contract spells them."""

import json
from types import SimpleNamespace
from typing import Any

import pytest

from clary.features.chat.lines import LineBuilder, Stamps, fallback_end
from clary.features.chat.starting import opened_view
from clary.features.runs.service import RunRow
from clary.runtime.events import AnnouncedCall, CallStreamed, ToolProgressed, ToolStepDone
from clary.runtime.messages import ToolCall


def builder(*times: float) -> LineBuilder:
    moments = iter(times or (1.0,) * 50)
    return LineBuilder(session_id="s1", agent_name="Tütor 红", stamps=Stamps(lambda: next(moments)))


def read(line: bytes) -> dict[str, Any]:
    assert b"\n" not in line
    return json.loads(line)


def test_a_delta_is_one_line_with_raw_text_and_every_field() -> None:
    line = builder(1.5).text("m1", "do_subtask_result", 'a\n"红"\u2028')
    assert "红".encode() in line
    assert read(line) == {
        "role": "assistant",
        "type": "do_subtask_result",
        "content": 'a\n"红"\u2028',
        "message_id": "m1",
        "session_id": "s1",
        "timestamp": 1.5,
        "agent_name": "Tütor 红",
        "metadata": {},
    }


def test_timestamps_never_decrease_even_when_the_clock_does() -> None:
    lines = builder(5.0, 3.0, 6.0)
    stamps = [read(lines.text("m", "do_subtask_result", "x"))["timestamp"] for _ in range(3)]
    assert stamps == [5.0, 5.0, 6.0]


def test_after_a_takeover_times_go_on_where_the_log_stopped() -> None:
    lines = builder(2.0)
    lines.stamps.not_before(9.25)
    assert read(lines.text("m", "do_subtask_result", "x"))["timestamp"] == 9.25


def test_a_call_line_has_exactly_one_call_and_no_content() -> None:
    line = read(builder().call(AnnouncedCall("m1", ToolCall("c1", "look", '{"a": 1}'))))
    assert line["tool_calls"] == [
        {"id": "c1", "type": "function", "function": {"name": "look", "arguments": '{"a": 1}'}}
    ]
    assert "content" not in line


def test_a_fragment_carries_nulls_where_the_first_one_had_values() -> None:
    line = read(builder().call_fragment(CallStreamed("m1", None, None, '{"a"')))
    assert line["tool_calls"] == [
        {"id": None, "type": None, "index": 0, "function": {"name": None, "arguments": '{"a"'}}
    ]


def test_results_say_is_error_only_when_they_failed() -> None:
    call = ToolCall("c1", "look", "{}")
    good = read(*builder().result(ToolStepDone(call, "m1", {"ok": 1}, "x", is_error=False)))
    bad = read(*builder().result(ToolStepDone(call, "m2", {"error": True}, "x", is_error=True)))
    assert (good["role"], good["tool_call_id"], good["content"], "is_error" in good) == ("tool", "c1", {"ok": 1}, False)
    assert bad["is_error"] is True


def test_progress_and_end_have_no_message_fields() -> None:
    progress = read(builder(1.0).progress(ToolProgressed("c1", "stdout", "hi", closed=False)))
    assert progress == {
        "type": "tool_progress",
        "session_id": "s1",
        "tool_call_id": "c1",
        "text": "hi",
        "stream": "stdout",
        "closed": False,
        "ts": 1.0,
    }
    end = read(builder(1.0).end(lines_before=4, status="completed", run_id="r1", reason="answered"))
    assert end == {
        "type": "stream_end",
        "session_id": "s1",
        "timestamp": 1.0,
        "total_stream_count": 4,
        "status": "completed",
        "run_id": "r1",
        "end_reason": "answered",
    }


def test_the_fallback_end_names_the_run_only_where_there_is_one() -> None:
    assert read(fallback_end(session_id="s1", timestamp=1.0, run_id=None, status=None)) == {
        "type": "stream_end",
        "session_id": "s1",
        "timestamp": 1.0,
        "resume_fallback": True,
    }


@pytest.mark.parametrize("is_of_ended", [True, False])
def test_a_reader_is_told_of_an_end_that_came_while_its_view_opened(is_of_ended: bool) -> None:
    run = RunRow(run_id="r1", status="running")
    view: Any = SimpleNamespace(is_of_ended=is_of_ended)
    line = opened_view("s1", run, view, now=1.0).last_line()
    told = {"type": "stream_end", "session_id": "s1", "timestamp": 1.0, "resume_fallback": True, "run_id": "r1"}
    assert (read(line) if line is not None else None) == (told if is_of_ended else None)
