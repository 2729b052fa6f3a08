"""Which calls of one response overlap, and what failures tell (stream-runtime.md 9.5, 4.5)."""

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from clary.kit.clock import SystemClock
from clary.runtime.events import ToolStepDone
from clary.runtime.messages import ToolCall, ToolSpec
from clary.runtime.tool_runner import PendingCall, ToolEvent, ToolRunner
from clary.runtime.tools import Tool, ToolContext, ToolFailedError

pytestmark = pytest.mark.anyio


def named(arguments: Any) -> Sequence[str]:
    return [str(arguments["also"])] if "also" in arguments else []


class Writer:
    """Notes how many of its calls run at once."""

    spec = ToolSpec("write", "Writes.", {"type": "object"}, effect="write", path_arguments=("path",), files_in=named)

    def __init__(self) -> None:
        self.now = self.most = 0

    async def run(self, arguments: dict[str, Any], context: ToolContext) -> str:
        self.now += 1
        self.most = max(self.most, self.now)
        for _ in range(5):
            await asyncio.sleep(0)
        self.now -= 1
        return "ok"


class Picky:
    """Judges its arguments itself."""

    spec = ToolSpec("pick", "Picks.", {"type": "object", "required": ["one"]}, effect="read")

    async def run(self, arguments: dict[str, Any], context: ToolContext) -> str:
        raise ToolFailedError("not this one", "INVALID_ARGUMENTS" if arguments["one"] else "EXECUTION_ERROR")


async def events_of(tool: Tool, *arguments: str) -> list[ToolEvent]:
    async def keep(name: str, whole: str) -> None:
        return

    def context(call_id: str, progress: Any) -> ToolContext:
        return ToolContext(call_id, Path("/"), None, None, progress)  # type: ignore[arg-type]

    runner = ToolRunner(
        {tool.spec.name: tool},
        make_context=context,
        save_whole=keep,
        new_id=lambda: "id",
        clock=SystemClock(),
        max_result_tokens=1000,
        language="en",
        with_progress=False,
    )
    pending = [PendingCall(ToolCall(f"c{at}", tool.spec.name, raw)) for at, raw in enumerate(arguments)]
    async with asyncio.timeout(5):
        return [event async for event in runner.run(pending)]


async def most_at_once(*arguments: str) -> int:
    writer = Writer()
    await events_of(writer, *arguments)
    return writer.most


@pytest.mark.parametrize(
    "other",
    [
        '{"path": "/workspace/a.md"}',
        '{"path": "/sage-workspace/a.md"}',
        '{"path": "workspace/a.md"}',
        '{"path": "./x/../a.md", "also": "a.md"}',
        '{"path": "\\\\a.md"}',
        '{"also": "/workspace//a.md"}',
    ],
)
async def test_calls_that_touch_the_same_file_never_overlap_however_they_spell_it(other: str) -> None:
    assert await most_at_once('{"path": "a.md"}', other) == 1


async def test_other_files_and_paths_that_nobody_accepts_hold_up_nothing() -> None:
    assert await most_at_once('{"path": "a.md"}', '{"path": "b.md"}', '{"path": "../a.md"}', '{"path": "../a.md"}') == 4


async def test_a_tool_that_judges_its_arguments_itself_says_what_it_needs_and_was_given() -> None:
    events = await events_of(Picky(), '{"one": 1, "two": 2}', '{"one": 0}')
    contents = {event.call.id: event.content for event in events if isinstance(event, ToolStepDone)}
    told = {"error": True, "error_type": "INVALID_ARGUMENTS", "message": "not this one", "tool_name": "pick"}
    assert contents["c0"] == {**told, "required_params": ["one"], "provided_params": ["one", "two"]}
    assert contents["c1"] == {**told, "error_type": "EXECUTION_ERROR"}
