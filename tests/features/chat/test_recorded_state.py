"""Where a run stands, out of its rows: a call that ended it just before its process died (stream-runtime.md 6.9)."""

import json
from typing import Any

import pytest

from clary.features.chat.config import RunConfig
from clary.features.chat.state_of import RecordedRun, RunTodos, state_of
from clary.features.conversations.service import MessageRow
from clary.features.llm_providers.ports import ProviderSnapshot
from clary.runtime.loop import LoopState
from clary.runtime.tools import Todo

PROVIDER = ProviderSnapshot("p", "openai", "u", "", "https://api.example.com/v1", "sk", "m")
CONFIG = RunConfig(
    "a", "A", "", (), 5, None, None, PROVIDER, PROVIDER, (), {}, "en", "en-US", False, False, False, None, {}
)
REPORT = {"status": "success", "result": "done"}


class NoTodos:
    async def read(self) -> list[Todo]:
        return []

    async def upsert(self, items: Any) -> list[Todo]:
        raise NotImplementedError


def row(role: str, kind: str, **more: Any) -> MessageRow:
    """A message of the run."""
    given = {"content": "x", "tool_calls": None, "details": {}, "is_error": False, "folded": "", "timestamp": 1.0}
    return MessageRow(row_id=1, run_id="run", message_id="m", role=role, type=kind, **{**given, **more})


def call(name: str, call_id: str = "c1") -> MessageRow:
    function = {"name": name, "arguments": json.dumps(REPORT)}
    return row("assistant", "tool_call", tool_calls=[{"id": call_id, "type": "function", "function": function}])


def result(call_id: str = "c1", **more: Any) -> MessageRow:
    return row("tool", "tool_call_result", tool_call_id=call_id, **more)


def state(*rows: MessageRow) -> LoopState:
    record = RecordedRun("run", rows, [], compaction=None, todos=RunTodos(NoTodos(), []))
    return state_of(record, CONFIG, {})


FINISH, ASKED = call("sys_finish_task"), call("questionnaire_async")


@pytest.mark.parametrize(
    ("rows", "ended_by", "report"),
    [
        ([FINISH, result()], "finished", REPORT),
        ([FINISH, call("file_read", "c2"), result(), result("c2")], "finished", REPORT),
        ([ASKED, result(), row("assistant", "final_answer")], "need_user_input", None),
        ([FINISH, result(is_error=True)], None, None),
        ([FINISH], None, None),
        ([ASKED, result(), row("user", "user_input")], None, None),
        ([call("file_read"), result()], None, None),
    ],
)
def test_only_a_call_that_succeeded_last_ends_the_run(
    rows: list[MessageRow], ended_by: str | None, report: dict[str, str] | None
) -> None:
    found = state(*rows)
    assert (found.ended_by, found.report) == (ended_by, report)
