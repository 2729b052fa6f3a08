"""Which tools of MCP servers a run gets, fixed for the whole run (product.md 6.2, 8; stream-runtime.md 3.2, 9.9).

The answer is a snapshot that can be stored as JSON: a run that is taken over after a crash gets the same tools under
the same names. It holds no secret in the clear; what a request brought along is sealed in it.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from clary.db.session import Session
from clary.features.mcp_servers.errors import REASONS
from clary.features.mcp_servers.policy import (
    MAX_LISTED_NAMES,
    OwnedTool,
    extras_of,
    read_only,
    shown_description,
    shown_schema,
    wire_names,
    with_hash,
    without_hidden,
)
from clary.features.mcp_servers.ports import FailureKind, Listing, McpClient, McpFailedError
from clary.features.mcp_servers.repository import McpServerRepository, McpTokenRepository
from clary.features.mcp_servers.service.describing import state_of, warnings_about
from clary.features.mcp_servers.service.extra import ExtraConnections
from clary.features.mcp_servers.service.naming import NamedTool, index_of, named_tools
from clary.features.mcp_servers.tables import McpServerRow
from clary.features.permissions.service import Identity
from clary.kit.text import Text, cut

Json = dict[str, Any]
Warnings = list[dict[str, str]]

UNREACHABLE = Text("MCP 服务器 {name} 无法使用: {reason}", "MCP server {name} cannot be used: {reason}")
UNAVAILABLE: dict[str, Text] = {
    "frozen": Text("工具定义已变化，等待确认", "The tool definitions changed and wait for approval"),
    "needs_authorization": Text("需要授权", "Authorization is needed"),
}


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a run asks for.

    `agent_names` are tools that the saved agent names: they come from the servers of its owner. `request_names` are
    those only the request names: they come from the caller's. `extra` is `extra_mcp_config`, already checked.
    """

    caller_id: str
    agent_owner_id: str = ""
    agent_id: str = ""
    agent_names: Sequence[str] = ()
    request_names: Sequence[str] = ()
    extra: Mapping[str, Any] = field(default_factory=dict[str, Any])
    hops: int = 0


@dataclass(frozen=True, slots=True)
class UnreachableServer:
    """A server of the request that could not be used; one `error` line of the run (`error_info.kind` says which)."""

    name: str
    kind: FailureKind
    message: str
    error_kind: str = "mcp_unreachable"


@dataclass(frozen=True, slots=True)
class RunOffer:
    """A snapshot, what was left out, and servers that deserve an `error` line."""

    snapshot: Json
    warnings: Warnings = field(default_factory=Warnings)
    unreachable: list[UnreachableServer] = field(default_factory=list[UnreachableServer])


class McpOffers:
    """Reads pins; only servers of a request are connected to before a run uses them."""

    def __init__(self, *, client: McpClient, extra: ExtraConnections, built_in: Callable[[], frozenset[str]]) -> None:
        self._client = client
        self._extra = extra
        self._built_in = built_in

    async def list_tools_of(self, db: Session, *, identity: Identity) -> list[Json]:
        """Tools of GET /api/tools (product.md 6.1): the caller's, everybody's for an admin; by server and name."""
        rows = await McpServerRepository(db).list_seen(identity)
        holders = await McpTokenRepository(db).holders([row.id for row in rows if row.auth == "oauth"])
        tools = [tool for owned in _by_owner(rows) for tool in named_tools(owned, self._built_in())]
        shown = [
            _listed(tool, has_token=(tool.row.id, identity.user_id) in holders)
            for tool in tools
            if tool.is_offered and not tool.row.disabled
        ]
        return sorted(shown, key=lambda each: (each["user_id"], each["server_name"], each["name"]))

    async def find_known(self, db: Session, *, owner_id: str, names: Sequence[str]) -> frozenset[str]:
        """Those of the names that mean a tool of one of this owner's servers, whatever state it is in."""
        index = await self._index(db, owner_id)
        return frozenset(name for name in names if name in index)

    async def offer(self, db: Session, *, wanted: Wanted) -> RunOffer:
        """The saved part of a run's tools, in the caller's transaction: nothing is connected to.

        Names that are no tools of these servers are warned of as `unknown`; built-in names are not for this slice
        and must be taken out before.
        """
        warnings: Warnings = []
        chosen: list[NamedTool] = []
        for owner_id, names in ((wanted.agent_owner_id, wanted.agent_names), (wanted.caller_id, wanted.request_names)):
            index = await self._index(db, owner_id) if owner_id and names else {}
            for name in names:
                tool = await self._usable(db, index, name, wanted, warnings)
                if tool is not None and tool not in chosen:
                    chosen.append(tool)
        snapshot: Json = {
            "caller_id": wanted.caller_id,
            "hops": wanted.hops,
            "servers": {tool.row.id: _server(tool.row) for tool in chosen},
            "tools": self._entries(chosen),
            "pending": self._extra.sealed_all(wanted.extra),
        }
        return RunOffer(snapshot, warnings)

    async def connect(self, snapshot: Json) -> RunOffer:
        """Connects to the servers of the request, at once and within their time, and fixes what they offer.

        A snapshot that is complete comes back as it is: after a takeover nothing is fixed a second time.
        """
        pending: Json = snapshot["pending"]
        if not pending:
            return RunOffer(snapshot)
        offer = RunOffer({**snapshot, "servers": dict(snapshot["servers"]), "tools": list(snapshot["tools"])})
        offer.snapshot["pending"] = {}
        found = await asyncio.gather(*(self._reach(each, snapshot["hops"]) for each in pending.values()))
        for (extra_id, server), seen in zip(pending.items(), found, strict=True):
            if isinstance(seen, McpFailedError):
                _note_unreachable(offer, server["name"], seen.kind)
            else:
                self._add(offer, extra_id, server, seen)
        return offer

    async def _reach(self, server: Json, hops: int) -> Listing | McpFailedError:
        try:
            return await self._client.list_offer(self._extra.endpoint(server))
        except McpFailedError as failure:
            return failure

    def _add(self, offer: RunOffer, extra_id: str, server: Json, listing: Listing) -> None:
        offer.warnings.extend({**each, "field": "extra_mcp_config"} for each in warnings_about(listing))
        offer.snapshot["servers"][extra_id] = {**server, "is_extra": True, **extras_of(listing)}
        taken = [entry["name"] for entry in offer.snapshot["tools"]]
        owned = [OwnedTool(server["name"], str(tool["name"])) for tool in listing.tools]
        names = wire_names(owned, self._built_in(), taken)
        offer.snapshot["tools"] += [
            _entry(name, extra_id, server["name"], tool) for name, tool in zip(names, listing.tools, strict=True)
        ]

    async def _usable(
        self, db: Session, index: Mapping[str, NamedTool], name: str, wanted: Wanted, warnings: Warnings
    ) -> NamedTool | None:
        """The tool a name means, if it is offered to this caller; else a warning that says why not."""
        tool = index.get(name)
        reason: str | None = None
        if tool is None:
            reason = "unknown"
        elif tool.row.disabled or tool.row.state == "frozen":
            reason = state_of(tool.row)
        elif not tool.is_offered:
            reason = "gone"
        elif tool.row.auth == "oauth" and not await McpTokenRepository(db).find(tool.row.id, wanted.caller_id):
            reason = _how_to_connect(tool.row, wanted)
        if reason is None:
            return tool
        warnings.append({"field": "available_tools", "value": cut(without_hidden(name), 128), "reason": reason})
        return None

    async def _index(self, db: Session, owner_id: str) -> dict[str, NamedTool]:
        rows = await McpServerRepository(db).list_owned(owner_id)
        return index_of(named_tools(rows, self._built_in()), self._built_in())

    def _entries(self, chosen: Sequence[NamedTool]) -> list[Json]:
        """Tools of two owners may have one name: the later one is told apart."""
        entries: list[Json] = []
        used: set[str] = set()
        for tool in chosen:
            name = tool.name if tool.name not in used else with_hash(tool.row.id, tool.row.name, tool.original)
            used.add(name)
            entries.append(_entry(name, tool.row.id, tool.row.name, tool.definition))
        return entries


def _by_owner(rows: Sequence[McpServerRow]) -> list[list[McpServerRow]]:
    owners: dict[str, list[McpServerRow]] = {}
    for row in rows:
        owners.setdefault(row.owner_id, []).append(row)
    return list(owners.values())


def _listed(tool: NamedTool, *, has_token: bool) -> Json:
    """Tool of product.md 6.1."""
    row, definition = tool.row, tool.definition
    schema = shown_schema(definition["input_schema"])
    properties: Any = schema.get("properties")
    required: Any = schema.get("required")
    state = "needs_authorization" if row.auth == "oauth" and not has_token else state_of(row)
    reason = UNAVAILABLE.get(state)
    return {
        "name": tool.name,
        "description": shown_description(definition["description"]) or tool.original,
        "parameters": properties if isinstance(properties, dict) else {},
        "required": required if isinstance(required, list) else [],
        "input_schema": schema,
        "type": "mcp",
        "source": f"MCP Server: {row.name}",
        "user_id": row.owner_id,
        "effect": "read" if read_only(definition) else "external",
        "available": reason is None,
        "unavailable_reason": None if reason is None else reason.render(),
        "original_name": tool.original,
        "server_name": row.name,
        "state": state,
    }


def _server(row: McpServerRow) -> Json:
    extras = row.extras or {}
    return {
        "name": row.name,
        "is_extra": False,
        "resources": list(extras.get("resources", ()))[:MAX_LISTED_NAMES],
        "prompts": list(extras.get("prompts", ()))[:MAX_LISTED_NAMES],
    }


def _entry(name: str, server_id: str, server_name: str, definition: Json) -> Json:
    return {"name": name, "server_id": server_id, "server": server_name, "definition": definition}


def _how_to_connect(row: McpServerRow, wanted: Wanted) -> str:
    agent = f"?agent_id={wanted.agent_id}" if wanted.agent_id and row.owner_id != wanted.caller_id else ""
    return f"needs_authorization: GET /api/mcp/{row.name}/oauth/start{agent}"


def _note_unreachable(offer: RunOffer, name: str, kind: FailureKind) -> None:
    reason = REASONS[kind]
    message = Text(
        UNREACHABLE.fill(name=name, reason=reason.zh).zh, UNREACHABLE.fill(name=name, reason=reason.en).en
    ).render()
    offer.warnings.append({"field": "extra_mcp_config", "value": name, "reason": kind})
    offer.unreachable.append(UnreachableServer(name, kind, message))
