"""A full workspace stops tools (product.md 4.4)."""

import asyncio
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from anyio import fail_after

from clary.features.toolbox import filling
from clary.features.toolbox.service import Toolbox
from clary.runtime.tools import OutputSink, SandboxCommand, SandboxResult, ToolFailedError

pytestmark = pytest.mark.anyio

FULL = "Storage quota exceeded, limit 2 MB"


@dataclass
class Chest:
    """Room for files of ten bytes; `looks`: how often it is still found with room in it."""

    limit_mb: int = 2
    looks: int = 1_000_000
    asked: list[tuple[str, int]] = field(default_factory=list)

    def fits(self, workspace: Path, relative: str, size: int) -> bool:
        """See `Room.fits`."""
        self.asked.append((relative, size))
        return size <= 10

    def is_exceeded(self, workspace: Path) -> bool:
        """See `Room.is_exceeded`."""
        self.looks -= 1
        return self.looks < 0


@dataclass
class EndlessSandbox:
    """Runs until it is cancelled."""

    unavailable_reason: str | None = None
    ended: bool = False

    async def probe(self) -> None:
        """Nothing to find out."""

    async def run(self, command: SandboxCommand, on_output: OutputSink | None = None) -> SandboxResult:
        """See `Sandbox.run`."""
        try:
            await asyncio.Event().wait()
        finally:
            self.ended = True
        raise AssertionError


async def refused(bench, name: str, **arguments: Any) -> str:
    """Why a call is refused."""
    with pytest.raises(ToolFailedError) as failure, fail_after(10):
        await bench.call(name, "en", **arguments)
    return failure.value.message


async def test_a_file_that_does_not_fit_is_not_written(bench) -> None:
    chest = Chest()
    bench.toolbox = Toolbox(room=chest)
    await bench.call("file_write", file_path="a", content="0123456789")
    patch = "*** Begin Patch\n*** Add File: b\n+0123456789\n*** End Patch"
    assert await refused(bench, "file_write", file_path="b", content="0123456789x") == FULL
    assert await refused(bench, "file_update", file_path="a", search_pattern="9", replacement="99") == FULL
    assert await refused(bench, "apply_patch", patch=patch) == FULL
    assert {path.name: path.read_text() for path in bench.workspace.iterdir()} == {"a": "0123456789"}
    assert chest.asked == [("a", 10), ("b", 11), ("a", 11), (".clary/patch", 11)]
    # What takes away needs no room.
    await bench.call("apply_patch", patch="*** Begin Patch\n*** Delete File: a\n*** End Patch")
    assert list(bench.workspace.iterdir()) == []


async def test_no_program_starts_in_a_full_workspace(bench) -> None:
    bench.toolbox = Toolbox(room=Chest(looks=0))
    for name, arguments in (("execute_shell_command", {"command": "x"}), ("execute_python_code", {"code": "x"})):
        assert await refused(bench, name, **arguments) == FULL
    assert bench.sandbox.commands == []


async def test_a_program_that_fills_its_workspace_is_ended(bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(filling, "LOOK_SECONDS", 0.001)
    bench.toolbox, bench.sandbox = Toolbox(room=Chest(looks=3)), EndlessSandbox()
    assert await refused(bench, "execute_shell_command", command="yes > file") == FULL
    assert bench.sandbox.ended


async def test_cancelling_ends_the_program_too(bench) -> None:
    bench.sandbox = EndlessSandbox()
    running = asyncio.create_task(bench.call("execute_python_code", code="x"))
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(running, 0.05)
    assert bench.sandbox.ended


def test_what_a_run_goes_on_without_is_written_only_where_there_is_room(tmp_path: Path) -> None:
    chest = Chest()
    assert filling.kept_where_room(chest, tmp_path, "mcp/a", b"0123456789") == "/workspace/mcp/a"
    assert filling.kept_where_room(chest, tmp_path, "mcp/b", b"0123456789x") is None
    assert filling.kept_where_room(chest, tmp_path, "../b", b"") is None
    assert [each.name for each in tmp_path.rglob("*")] == ["mcp", "a"]
