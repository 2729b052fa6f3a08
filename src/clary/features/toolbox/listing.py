"""The tools as people see them: built-in ones in their order, then those of MCP servers (product.md 6.1)."""

from collections.abc import Callable
from typing import Any, Final, Literal

from clary.db.session import Session
from clary.features.permissions.service import Identity
from clary.features.toolbox.payloads import built_in_item, foreign_item
from clary.features.toolbox.ports import ForeignTools, NoForeignTools
from clary.features.toolbox.task_tools import TASK_TOOLS
from clary.features.toolbox.toolbox import KNOWLEDGE_TOOL, SEARCH_TOOLS, Toolbox
from clary.runtime.tools import Sandbox
from clary.runtime.toolset import Language

GROUPS: Final = {
    KNOWLEDGE_TOOL: "knowledge_base",
    **dict.fromkeys(SEARCH_TOOLS, "unified_search_server"),
    **dict.fromkeys(TASK_TOOLS, "task_scheduler"),
}
"""Built-in tools that are shown as services, and the group they stand in."""
ToolType = Literal["basic", "sage_mcp", "mcp"]


class ToolList:
    """What GET `/api/tools` answers from."""

    def __init__(
        self, *, toolbox: Toolbox, sandbox: Callable[[], Sandbox], foreign: ForeignTools | None = None
    ) -> None:
        self._toolbox = toolbox
        self._sandbox = sandbox
        self._foreign = foreign or NoForeignTools()

    async def list_tools(
        self, db: Session, *, identity: Identity, only: str | None, language: Language
    ) -> list[dict[str, Any]]:
        """All tools, or those of one `type`; an unknown type has none."""
        found: list[dict[str, Any]] = []
        if only in (None, "basic", "sage_mcp"):
            found = [item for item in self._built_in(language) if only in (None, item["type"])]
        if only in (None, "mcp"):
            found += [foreign_item(tool) for tool in await self._foreign.list_tools(db, identity)]
        return found

    def _built_in(self, language: Language) -> list[dict[str, Any]]:
        sandbox = self._sandbox()
        return [
            built_in_item(
                spec,
                group=GROUPS.get(spec.name),
                unavailable_reason=self._toolbox.unavailable_reason(spec.name, sandbox),
                language=language,
            )
            for spec in self._toolbox.specs(self._toolbox.names, language)
        ]
