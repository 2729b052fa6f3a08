"""The built-in tools by name (product.md 6.2)."""

from collections.abc import Collection, Iterable, Sequence
from typing import Final, Protocol

from clary.features.toolbox.code_tools import JavaScriptTool, PythonTool
from clary.features.toolbox.file_tools import FileReadTool, FileUpdateTool, FileWriteTool, ListDirTool
from clary.features.toolbox.image_tool import AnalyzeImageTool
from clary.features.toolbox.knowledge_tool import SearchKnowledgeTool
from clary.features.toolbox.loop_tools import DEFINITIONS, loop_tools
from clary.features.toolbox.memory_tools import ForgetMemoryTool, SaveMemoryTool, SearchMemoryTool
from clary.features.toolbox.patch_tool import ApplyPatchTool
from clary.features.toolbox.pictures import Pictures
from clary.features.toolbox.ports import NoBounds, Room, WebAccess
from clary.features.toolbox.search_tools import GlobTool, GrepTool
from clary.features.toolbox.session_tools import LoadSkillTool, LoadWorkflowTool
from clary.features.toolbox.shell_tool import ShellTool
from clary.features.toolbox.task_tools import TASK_TOOLS, task_tools
from clary.features.toolbox.todo_tools import TodoReadTool, TodoWriteTool
from clary.features.toolbox.web_search_tools import NO_SERVICE, SearchImageTool, SearchWebPageTool
from clary.features.toolbox.web_tools import FetchWebpagesTool
from clary.kit.clock import Clock, SystemClock
from clary.kit.text import Text, cut
from clary.runtime.messages import ToolSpec
from clary.runtime.tools import Sandbox, Tool, ToolFailedError
from clary.runtime.toolset import Language, words

SHELL_TOOL: Final = ShellTool.definition.name
PYTHON_TOOL: Final = PythonTool.definition.name
JAVASCRIPT_TOOL: Final = JavaScriptTool.definition.name
KNOWLEDGE_TOOL: Final = SearchKnowledgeTool.definition.name
SEARCH_TOOLS: Final = (SearchWebPageTool.definition.name, SearchImageTool.definition.name)
LOOP_TOOLS: Final = frozenset(definition.name for definition in DEFINITIONS)
"""Run by the loop itself; their tools here refuse."""
SESSION_TOOLS: Final = LOOP_TOOLS | {"todo_write", "todo_read", "load_skill", "load_workflow"}
"""Those that mean something only inside a conversation (product.md 6.3)."""
ALIASES: Final = {
    "web_search": "search_web_page",
    "retrieve_on_zavixai_db": "search_knowledge_base",
    "sys_team_delegate_task": "sys_delegate_task",
}
"""Names accepted everywhere a tool is named, never listed (product.md 6.2)."""
_NO_PROGRAM: Final = Text("未安装 {name} 运行环境", "No {name} runtime is installed")
_NO_SCHEDULER: Final = Text("定时任务未启用", "Scheduled tasks are switched off")
_NO_SANDBOX: Final = Text("沙箱不可用", "The sandbox is not available")
_PROGRAMS: Final = {PYTHON_TOOL: ("python3", "Python"), JAVASCRIPT_TOOL: ("node", "JavaScript")}
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
    """All built-in tools, in the order of product.md 6.2. Holds no state of any run.

    `programs`: which of `python3` and `node` programs in the sandbox would find; `room`: of workspaces.
    """

    def __init__(
        self,
        clock: Clock | None = None,
        *,
        web: WebAccess | None = None,
        room: Room | None = None,
        programs: Collection[str] = ("python3", "node"),
        has_scheduler: bool = True,
    ) -> None:
        self._web = web or WebAccess()
        self._programs = frozenset(programs)
        self._has_scheduler = has_scheduler
        tools = _built_in(clock or SystemClock(), self._web, room or NoBounds())
        self._tools = {tool.spec.name: tool for tool in tools}

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

    def get(self, name: str, language: Language = "zh", *, denied_commands: Collection[str] = ()) -> BuiltInTool:
        """The tool of a name or alias. `denied_commands`: first words that its shell refuses (product.md 3.1).

        Raises:
            ToolFailedError: `TOOL_NOT_FOUND`.
        """
        tool = self.find(name)
        if tool is None:
            raise ToolFailedError(words(_UNKNOWN.fill(name=cut(name, 100)), language), "TOOL_NOT_FOUND")
        return tool.denying(denied_commands) if denied_commands and isinstance(tool, ShellTool) else tool

    def unavailable_reason(self, name: str, sandbox: Sandbox) -> Text | None:
        """Why a tool cannot be used on this host, or None."""
        known = canonical_name(name)
        if known in (SHELL_TOOL, *_PROGRAMS) and sandbox.unavailable_reason is not None:
            return _NO_SANDBOX
        if known in TASK_TOOLS and not self._has_scheduler:
            return _NO_SCHEDULER
        program, title = _PROGRAMS.get(known, ("", ""))
        if program and program not in self._programs:
            return _NO_PROGRAM.fill(name=title)
        return NO_SERVICE if known in SEARCH_TOOLS and not self._web.services else None

    def available(self, sandbox: Sandbox) -> tuple[str, ...]:
        """The names of the tools that can be used on this host, in order (stream-runtime.md 9.16).

        Without those that the loop carries out itself.
        """
        names = (name for name in self._tools if name not in LOOP_TOOLS)
        return tuple(name for name in names if self.unavailable_reason(name, sandbox) is None)


def _built_in(clock: Clock, web: WebAccess, room: Room) -> tuple[BuiltInTool, ...]:
    return (
        FileReadTool(web.documents),
        FileWriteTool(room),
        FileUpdateTool(clock, room),
        ApplyPatchTool(room),
        ListDirTool(),
        GlobTool(),
        GrepTool(clock),
        ShellTool(room),
        PythonTool(room),
        JavaScriptTool(room),
        FetchWebpagesTool(web, room),
        AnalyzeImageTool(Pictures(web.pages, web.uploads)),
        SearchMemoryTool(clock),
        SaveMemoryTool(),
        ForgetMemoryTool(),
        TodoWriteTool(),
        TodoReadTool(),
        LoadSkillTool(),
        LoadWorkflowTool(),
        *loop_tools(),
        SearchKnowledgeTool(),
        SearchWebPageTool(web),
        SearchImageTool(web),
        *task_tools(),
    )
