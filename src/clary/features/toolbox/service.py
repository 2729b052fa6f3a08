"""The built-in tools by name."""

from collections.abc import Iterable, Sequence
from typing import Final, Protocol

from clary.features.toolbox.file_tools import FileReadTool, FileUpdateTool, FileWriteTool, ListDirTool
from clary.features.toolbox.limited_tool import WRITING_TOOLS, LimitedTool
from clary.features.toolbox.search_tools import GrepTool
from clary.features.toolbox.shell_tool import ShellTool
from clary.features.toolbox.todo_tools import TodoReadTool, TodoWriteTool
from clary.kit.clock import Clock, SystemClock
from clary.kit.safe_folders import FolderRoom
from clary.kit.text import Text, cut
from clary.runtime.messages import ToolSpec
from clary.runtime.tools import Sandbox, Tool, ToolFailedError
from clary.runtime.toolset import Language, words

SHELL_TOOL: Final = ShellTool.definition.name
ALIASES: Final = {
    "web_search": "search_web_page",
    "retrieve_on_zavixai_db": "search_knowledge_base",
    "sys_team_delegate_task": "sys_delegate_task",
}
"""Names accepted everywhere a tool is named, never listed (product.md 6.2)."""
_UNKNOWN: Final = Text("工具不存在: {name}", "Unknown tool: {name}")


class BuiltInTool(Tool, Protocol):
    """A tool that can be described in each language."""

    def spec_in(self, language: Language) -> ToolSpec:
        """The description in a language."""
        ...


def canonical_name(name: str) -> str:
    """The name a tool is listed under; a name that is no alias stays."""
    return ALIASES.get(name, name)


class Toolbox:
    """All built-in tools, in the order of product.md 6.2. Holds no state of any run."""

    def __init__(self, clock: Clock | None = None, *, room: FolderRoom | None = None) -> None:
        used = clock or SystemClock()
        tools: tuple[BuiltInTool, ...] = (
            FileReadTool(),
            FileWriteTool(),
            FileUpdateTool(used),
            ListDirTool(),
            GrepTool(used),
            ShellTool(),
            TodoWriteTool(),
            TodoReadTool(),
        )
        self._tools = {tool.spec.name: tool for tool in tools}
        if room is not None:
            # What a workspace may hold; None: as much as it can.
            limited = {name: LimitedTool(self._tools[name], room) for name in WRITING_TOOLS & self._tools.keys()}
            self._tools |= limited

    @property
    def names(self) -> tuple[str, ...]:
        """The names of all tools, in order."""
        return tuple(self._tools)

    def specs(self, names: Iterable[str], language: Language) -> Sequence[ToolSpec]:
        """The tools of these names or aliases, each once, in the box's order. Names that are not here are left out."""
        wanted = {canonical_name(name) for name in names}
        return [tool.spec_in(language) for name, tool in self._tools.items() if name in wanted]

    def find(self, name: str) -> BuiltInTool | None:
        """The tool of a name or alias."""
        return self._tools.get(canonical_name(name))

    def get(self, name: str, language: Language = "zh") -> BuiltInTool:
        """The tool of a name or alias.

        Raises:
            ToolFailedError: `TOOL_NOT_FOUND`.
        """
        tool = self.find(name)
        if tool is None:
            raise ToolFailedError(words(_UNKNOWN.fill(name=cut(name, 100)), language), "TOOL_NOT_FOUND")
        return tool

    def unavailable_reason(self, name: str, sandbox: Sandbox) -> str | None:
        """Why a tool cannot be used on this host, or None."""
        return sandbox.unavailable_reason if canonical_name(name) == SHELL_TOOL else None

    def available(self, sandbox: Sandbox) -> tuple[str, ...]:
        """The names of the tools that can be used on this host, in order (stream-runtime.md 9.16)."""
        return tuple(name for name in self._tools if self.unavailable_reason(name, sandbox) is None)
