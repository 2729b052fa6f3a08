"""The built-in tools that reach resources and prompts of a run's servers (product.md 6.2, 8.6)."""

from collections.abc import Sequence
from typing import Any

from clary.features.mcp_servers.policy import without_hidden
from clary.features.mcp_servers.service.calling import McpCalls, RunDoor, RunServer, find_server
from clary.kit.text import cut
from clary.runtime.messages import ToolSpec
from clary.runtime.tools import Tool, ToolContext

Json = dict[str, Any]
MAX_NAMES = 2000
SERVER: Json = {"type": "string", "description": "Name of the MCP server"}


def reading_tools(servers: Sequence[RunServer], calls: McpCalls, door: RunDoor) -> list[Tool]:
    """Those that have something to read in this run."""
    found: list[Tool] = []
    if any(server.entry["resources"] for server in servers):
        found += [ListResources(servers), ReadResource(servers, calls, door)]
    if any(server.entry["prompts"] for server in servers):
        found.append(GetPrompt(servers, calls, door))
    return found


class ListResources:
    """`list_mcp_resources`: what was seen when the servers were looked at last."""

    def __init__(self, servers: Sequence[RunServer]) -> None:
        self._servers = servers
        self.spec = ToolSpec(
            name="list_mcp_resources",
            description="List the resources that MCP servers of this run offer, of one server or of all.",
            parameters={"type": "object", "properties": {"server": SERVER}},
        )

    async def run(self, arguments: Json, context: ToolContext) -> Json | str:
        """See `Tool.run`."""
        wanted = arguments.get("server")
        servers = [find_server(self._servers, str(wanted), context.language)] if wanted else self._servers
        return {
            "resources": [
                {
                    "server": server.name,
                    "uri": each["uri"],
                    "name": without_hidden(each["name"]),
                    "description": cut(without_hidden(each["description"]), 500),
                }
                for server in servers
                for each in server.entry["resources"]
            ]
        }


class ReadResource:
    """`read_mcp_resource`."""

    def __init__(self, servers: Sequence[RunServer], calls: McpCalls, door: RunDoor) -> None:
        self._servers = servers
        self._calls = calls
        self._door = door
        self.spec = ToolSpec(
            name="read_mcp_resource",
            description="Read a resource of an MCP server of this run.",
            parameters={
                "type": "object",
                "properties": {
                    "server": SERVER,
                    "uri": {"type": "string", "description": "Address of the resource as listed"},
                },
                "required": ["server", "uri"],
            },
            timeout_seconds=calls.call_seconds,
        )

    async def run(self, arguments: Json, context: ToolContext) -> Json | str:
        """See `Tool.run`."""
        server = find_server(self._servers, arguments["server"], context.language)
        return await self._calls.read_resource(server, arguments["uri"], context, self._door)


class GetPrompt:
    """`get_mcp_prompt`: the prompts are listed in its description."""

    def __init__(self, servers: Sequence[RunServer], calls: McpCalls, door: RunDoor) -> None:
        self._servers = servers
        self._calls = calls
        self._door = door
        listed = "; ".join(
            f"{server.name}: {without_hidden(each['name'])}({', '.join(one['name'] for one in each['arguments'])})"
            for server in servers
            for each in server.entry["prompts"]
        )
        self.spec = ToolSpec(
            name="get_mcp_prompt",
            description=cut(f"Get a prompt of an MCP server of this run. Prompts: {listed}", MAX_NAMES),
            parameters={
                "type": "object",
                "properties": {
                    "server": SERVER,
                    "name": {"type": "string", "description": "Name of the prompt"},
                    "arguments": {
                        "type": "object",
                        "description": "Arguments of the prompt",
                        "additionalProperties": {"type": "string"},
                    },
                },
                "required": ["server", "name"],
            },
            timeout_seconds=calls.call_seconds,
        )

    async def run(self, arguments: Json, context: ToolContext) -> Json | str:
        """See `Tool.run`."""
        server = find_server(self._servers, arguments["server"], context.language)
        sent: Json = arguments.get("arguments") or {}
        given = {name: str(value) for name, value in sent.items()}
        return await self._calls.get_prompt(server, arguments["name"], given, context, self._door)
