"""The quota also stops tools (product.md 4.4)."""

import asyncio
from pathlib import Path

import anyio
import pytest

from clary.features.toolbox.service import Toolbox
from clary.features.workspaces.service import LimitedSandbox
from clary.kit.safe_folders import FolderRoom
from clary.runtime.tools import OutputSink, SandboxCommand, SandboxResult, ToolContext, ToolFailedError
from features.toolbox.conftest import MemoryTodos

pytestmark = pytest.mark.anyio

ROOM = FolderRoom(1000, 10)
DONE = SandboxResult(0, "out", "", False, False, 0.1)


class WritingSandbox:
    """Writes a file of some size, then ends or goes on for ever."""

    unavailable_reason = None

    def __init__(self, size: int, *, ends: bool) -> None:
        self.size, self.ends, self.ended = size, ends, False

    async def probe(self) -> None:
        """Nothing to find out."""

    async def run(self, command: SandboxCommand, on_output: OutputSink | None = None) -> SandboxResult:
        """See `Sandbox.run`."""
        (command.workspace / "big").write_bytes(b"x" * self.size)
        try:
            if not self.ends:
                await asyncio.Event().wait()
        finally:
            self.ended = True
        return DONE


async def test_a_program_that_fills_the_workspace_is_ended_and_none_starts_after_it(tmp_path: Path) -> None:
    endless = WritingSandbox(1001, ends=False)
    command = SandboxCommand(["x"], tmp_path)
    with anyio.fail_after(10), pytest.raises(ToolFailedError, match="The workspace is full"):
        await LimitedSandbox(endless, ROOM, look_seconds=0.01).run(command)
    assert endless.ended
    later = WritingSandbox(1, ends=True)
    with pytest.raises(ToolFailedError, match="The workspace is full"):
        await LimitedSandbox(later, ROOM).run(command)
    assert not later.ended


async def test_a_program_within_its_room_ends_as_it_does_and_is_ended_with_its_caller(tmp_path: Path) -> None:
    command = SandboxCommand(["x"], tmp_path)
    assert await LimitedSandbox(WritingSandbox(999, ends=True), ROOM).run(command) == DONE
    endless = WritingSandbox(999, ends=False)
    with anyio.move_on_after(0.05):
        await LimitedSandbox(endless, ROOM, look_seconds=0.01).run(command)
    assert endless.ended


async def test_a_file_tool_writes_what_fits_and_nothing_else(tmp_path: Path) -> None:
    async def hear(stream: str, text: str) -> None:
        pass

    box = Toolbox(room=FolderRoom(2000, 3))
    context = ToolContext("c", tmp_path, MemoryTodos(), WritingSandbox(0, ends=True), hear)

    async def write(path: str, size: int) -> None:
        await box.get("file_write").run({"file_path": path, "content": "x" * size}, context)

    await write("a.txt", 1500)
    await write("a.txt", 1600)
    for path, size in (("b.txt", 1000), ("a.txt", 2001)):
        with pytest.raises(ToolFailedError, match="The workspace is full"):
            await write(path, size)
    with pytest.raises(ToolFailedError) as refused:
        await write("../x", 1)
    assert refused.value.error_type == "PERMISSION_DENIED"
    await write("b.txt", 1)
    await write("c.txt", 1)
    with pytest.raises(ToolFailedError, match="The workspace is full"):
        await write("d.txt", 1)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.txt", "b.txt", "c.txt"]
