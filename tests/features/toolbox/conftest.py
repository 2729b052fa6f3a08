"""A context for tools, and in-memory twins of what it holds."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from clary.features.toolbox.service import Toolbox
from clary.runtime.tools import (
    OutputSink,
    SandboxCommand,
    SandboxResult,
    Todo,
    ToolContext,
)
from clary.runtime.toolset import check_arguments


@dataclass
class MemoryTodos:
    """A task list that lives in memory."""

    items: dict[str, Todo] = field(default_factory=dict)

    async def read(self) -> Sequence[Todo]:
        """See `TodoList.read`."""
        return list(self.items.values())

    async def upsert(self, items: Sequence[dict[str, Any]]) -> Sequence[Todo]:
        """See `TodoList.upsert`."""
        for item in items:
            old = self.items.get(item["id"], Todo(item["id"], ""))
            fields = {name: item[name] for name in ("content", "status", "conclusion") if name in item}
            if item.get("completed"):
                fields["status"] = "completed"
            self.items[item["id"]] = replace(old, **fields)
        return await self.read()


@dataclass
class ScriptedSandbox:
    """Answers every command alike and remembers it."""

    result: SandboxResult = field(default_factory=lambda: SandboxResult(0, "out\n", "", False, False, 0.1234))
    unavailable_reason: str | None = None
    commands: list[SandboxCommand] = field(default_factory=list)

    async def probe(self) -> None:
        """Nothing to find out."""

    async def run(self, command: SandboxCommand, on_output: OutputSink | None = None) -> SandboxResult:
        """See `Sandbox.run`."""
        self.commands.append(command)
        if on_output is not None and self.result.stdout:
            await on_output("stdout", self.result.stdout)
        return self.result


@dataclass
class Bench:
    """A workspace with everything a tool can be given."""

    workspace: Path
    todos: MemoryTodos = field(default_factory=MemoryTodos)
    sandbox: ScriptedSandbox = field(default_factory=ScriptedSandbox)
    heard: list[tuple[str, str]] = field(default_factory=list)
    toolbox: Toolbox = field(default_factory=Toolbox)

    more: dict[str, Any] = field(default_factory=dict)

    def context(self, language: str = "zh") -> ToolContext:
        """What a tool is given; `more` holds further fields."""

        async def progress(stream: str, text: str) -> None:
            self.heard.append((stream, text))

        return ToolContext("call_1", self.workspace, self.todos, self.sandbox, progress, language, **self.more)  # type: ignore[arg-type]

    async def call(self, name: str, language: str = "zh", **arguments: Any) -> Any:
        """Checks the arguments as the loop does, and runs the tool."""
        tool = self.toolbox.get(name)
        checked = check_arguments(tool.spec, json.dumps(arguments))
        return await tool.run(checked, self.context(language))


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    """A workspace beside a canary."""
    (tmp_path / "secret.txt").write_text("canary root:")
    workspace = tmp_path / "ws"
    workspace.mkdir()
    return Bench(workspace)
