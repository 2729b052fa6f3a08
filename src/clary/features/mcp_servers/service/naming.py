"""What the tools of saved servers are called, and which tool a name means (product.md 6.2, "Clashes")."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from clary.features.mcp_servers.policy import OwnedTool, is_taken, names_of, offered, prefixed, wire_names
from clary.features.mcp_servers.tables import McpServerRow

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class NamedTool:
    """A pinned tool under its wire name. `is_offered`: the server still has it, as far as is known."""

    name: str
    row: McpServerRow
    definition: Json
    is_offered: bool

    @property
    def original(self) -> str:
        """What the server calls it."""
        return str(self.definition["name"])


def named_tools(rows: Sequence[McpServerRow], built_in: frozenset[str]) -> list[NamedTool]:
    """Every pinned tool of one owner's servers, given oldest first. Switched-off servers keep their names."""
    pairs = [(row, tool) for row in rows for tool in (row.pin or {}).get("tools", ())]
    names = wire_names((OwnedTool(row.name, str(tool["name"])) for row, tool in pairs), built_in)
    present = {row.id: set(names_of(offered(row.pin, row.waiting))) for row in rows}
    return [
        NamedTool(name, row, tool, str(tool["name"]) in present[row.id])
        for name, (row, tool) in zip(names, pairs, strict=True)
    ]


def index_of(tools: Iterable[NamedTool], built_in: frozenset[str]) -> dict[str, NamedTool]:
    """Every name that means a tool: its wire name, `<server>__<tool>`, and the bare name for the oldest server's."""
    found: dict[str, NamedTool] = {}
    every = list(tools)
    for tool in every:
        found.setdefault(tool.name, tool)
    for tool in every:
        for name in (prefixed(tool.row.name, tool.original), f"{tool.row.name}__{tool.original}"):
            found.setdefault(name, tool)
    for tool in every:
        if not is_taken(tool.original, built_in):
            found.setdefault(tool.original, tool)
    return found


def names_server(
    owned: Sequence[McpServerRow], row: McpServerRow, names: Iterable[str], built_in: frozenset[str]
) -> bool:
    """Whether one of the names means a tool of this server; a server nobody has seen yet is named by its prefix."""
    index = index_of(named_tools(owned, built_in), built_in)
    mark = prefixed(row.name, "")
    return any(
        (name in index and index[name].row.id == row.id) or name.startswith((mark, f"{row.name}__")) for name in names
    )
