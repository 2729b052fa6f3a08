"""Small tools that only mean something inside one run."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any

from clary.features.chat.config import RunConfig
from clary.features.chat.things import RunThings
from clary.features.interventions.service import async_result_of, form_of
from clary.features.toolbox.ports import Room
from clary.features.toolbox.service import kept_where_room
from clary.kit.ids import new_hex
from clary.kit.text import cut
from clary.runtime.messages import ToolSpec
from clary.runtime.tools import Tool, ToolContext, ToolFailedError


class SpokenTool:
    """A tool described in the language of the prompt."""

    def __init__(self, tool: Tool, spec: ToolSpec) -> None:
        self._tool = tool
        self.spec = spec

    async def run(self, arguments: dict[str, Any], context: ToolContext) -> Any:
        """See `Tool.run`."""
        return await self._tool.run(arguments, context)


class AsyncQuestionnaireTool:
    """Shows questions and ends the run; the answer comes as the next message (stream-runtime.md 9.12)."""

    def __init__(self, spec: ToolSpec) -> None:
        self.spec = spec

    async def run(self, arguments: dict[str, Any], context: ToolContext) -> dict[str, Any]:
        """See `Tool.run`."""
        return async_result_of(form_of(arguments))


class FinishTool:
    """Takes the report of a child (stream-runtime.md 9.7)."""

    def __init__(self, spec: ToolSpec) -> None:
        self.spec = spec

    async def run(self, arguments: dict[str, Any], context: ToolContext) -> str:
        """See `Tool.run`."""
        return "reported"


class ExpandTool:
    """Loads the schemas of tools that were only named (stream-runtime.md 9.5, many tools)."""

    def __init__(self, spec: ToolSpec, deferred: frozenset[str]) -> None:
        self.spec = spec
        self._deferred = deferred

    async def run(self, arguments: dict[str, Any], context: ToolContext) -> str:
        """See `Tool.run`."""
        names = [str(name) for name in arguments["tool_names"]]
        unknown = [name for name in names if name not in self._deferred]
        if unknown:
            raise ToolFailedError(f"No such tools to expand: {cut(', '.join(unknown), 200)}", "INVALID_ARGUMENTS")
        return "Ready to call: " + ", ".join(names)


def saver_into(workspace: Path, room: Room) -> Callable[[str, bytes], Awaitable[str | None]]:
    """Keeps files of results of MCP servers in the workspace; gives back their path as the model names it."""

    async def save(name: str, data: bytes) -> str | None:
        return await asyncio.to_thread(kept_where_room, room, workspace, f"mcp/{new_hex(8)}-{name}", data)

    return save


class SnapshotShelf:
    """The skills a run was given, by the hashes it was given them with; implements `SkillShelf`."""

    def __init__(self, things: RunThings, config: RunConfig) -> None:
        self._things = things
        self._skills = config.skills
        self._by_key = {skill.name.casefold(): skill for skill in config.skills}

    @classmethod
    async def open(cls, things: RunThings, config: RunConfig, workspace: Path) -> "SnapshotShelf":
        """The shelf, with the bundled files of its skills in the workspace (stream-runtime.md 9.9)."""
        if config.skills:
            await things.place_skills(workspace, config.skills)
        return cls(things, config)

    @property
    def names(self) -> Sequence[str]:
        """See `SkillShelf.names`."""
        return [skill.name for skill in self._skills]

    async def read(self, name: str) -> str | None:
        """See `SkillShelf.read`."""
        skill = self._by_key.get(name.casefold())
        return await self._things.skill_text(skill) if skill is not None else None
