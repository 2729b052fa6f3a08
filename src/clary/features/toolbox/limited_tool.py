"""A tool that writes files only where there is room (product.md 4.4)."""

import asyncio
from typing import Any, Final, Protocol

from clary.kit import safe_paths
from clary.kit.safe_folders import FolderFullError, FolderRoom
from clary.runtime.messages import ToolSpec
from clary.runtime.tools import Tool, ToolContext, WorkspaceFullError
from clary.runtime.toolset import Language

WRITING_TOOLS: Final = frozenset({"file_write", "file_update", "apply_patch"})


class DescribedTool(Tool, Protocol):
    """A tool that can be described in each language."""

    def spec_in(self, language: Language) -> ToolSpec:
        """The description in a language."""
        ...


class LimitedTool:
    """Refuses a call whose texts would not fit into the workspace; a change of a file may go over by that file."""

    def __init__(self, tool: DescribedTool, room: FolderRoom) -> None:
        self._tool = tool
        self._room = room

    @property
    def spec(self) -> ToolSpec:
        """See `Tool.spec`."""
        return self._tool.spec

    def spec_in(self, language: Language) -> ToolSpec:
        """The description in a language."""
        return self._tool.spec_in(language)

    async def run(self, arguments: dict[str, Any], context: ToolContext) -> dict[str, Any] | str:
        """See `Tool.run`.

        Raises:
            WorkspaceFullError
        """
        await asyncio.to_thread(self._require_room, arguments, context)
        return await self._tool.run(arguments, context)

    def _require_room(self, arguments: dict[str, Any], context: ToolContext) -> None:
        added = sum(len(value.encode(errors="replace")) for value in arguments.values() if isinstance(value, str))
        try:
            place = safe_paths.locate(context.workspace, str(arguments.get("file_path", "")))
            self._room.require(context.workspace, place, added)
        except FolderFullError:
            raise WorkspaceFullError from None
        except safe_paths.PathError:
            # The tool itself says what is wrong with the path.
            return
