"""Where a run stands after a crash, out of its record (stream-runtime.md 6.9)."""

import json
from typing import Any

import pytest

from clary.features.chat.state_of import RecordedRun, state_of
from clary.features.conversations.service import MessageRow

RUN = "run"


def call(name: str, arguments: dict[str, Any], call_id: str) -> MessageRow:
    made = {"id": call_id, "type": "function", "function": {"name": name, "arguments": json.dumps(arguments)}}
    return row("assistant", "tool_call", tool_calls=[made])


def result(call_id: str, *, is_error: bool = False) -> MessageRow:
    return row("tool", "tool_call_result", content="{}", tool_call_id=call_id, is_error=is_error)


def row(role: str, kind: str, **more: Any) -> MessageRow:
    fields = {"content": None, "tool_calls": None, "tool_call_id": None, "is_error": False, "details": {}}
    fields |= {"hidden_from_model": False, "error_info": None, "response_id": None, "model_text": None, "row_id": 1}
    return MessageRow(run_id=RUN, role=role, type=kind, **{**fields, **more})


class Config:
    accepts_images = False


FINISHED = {"status": "success", "result": "42"}


@pytest.mark.parametrize(
    ("rows", "ended"),
    [
        ([call("sys_finish_task", FINISHED, "c1"), result("c1")], ("finished", FINISHED)),
        ([call("questionnaire_async", {}, "c1"), result("c1")], ("need_user_input", None)),
        ([call("questionnaire_async", {}, "c1"), result("c1", is_error=True)], (None, None)),
        (
            [call("questionnaire_async", {}, "c1"), result("c1"), row("user", "user_input", content="go on")],
            (None, None),
        ),
        ([call("file_read", {}, "c1"), result("c1")], (None, None)),
    ],
)
def test_a_call_that_ends_the_run_counts_until_something_follows_it(rows: list[MessageRow], ended: Any) -> None:
    record = RecordedRun(RUN, rows, (), compaction=None, todos=None)  # type: ignore[arg-type]
    state = state_of(record, Config(), {})  # type: ignore[arg-type]
    assert (state.ended_by, state.report) == ended


@pytest.mark.parametrize(
    ("rows", "asked", "decision"),
    [
        ([call("questionnaire", {"questionnaire_kind": "plan_confirmation"}, "call_plan_1")], 1, None),
        ([call("questionnaire", {"questionnaire_kind": "plan_confirmation"}, "call_7"), result("call_7")], 0, None),
        (
            [
                call("questionnaire", {}, "call_plan_1"),
                row(
                    "tool",
                    "tool_call_result",
                    content={"answers": {"decision": "adjust_plan"}},
                    tool_call_id="call_plan_1",
                ),
            ],
            1,
            "adjust_plan",
        ),
    ],
)
def test_only_the_servers_own_question_decides_about_a_plan(
    rows: list[MessageRow], asked: int, decision: str | None
) -> None:
    record = RecordedRun(RUN, rows, (), compaction=None, todos=None)  # type: ignore[arg-type]
    state = state_of(record, Config(), {})  # type: ignore[arg-type]
    assert (state.plans_asked, state.plan_decision) == (asked, decision)
