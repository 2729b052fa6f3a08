"""What a connected server offers: page after page, within bounds."""

from contextlib import suppress
from typing import Any

import orjson
from mcp import Client, MCPError
from mcp import types as wire
from pydantic import ValidationError

from clary.adapters.mcp.content import definition_of
from clary.adapters.mcp.limits import McpLimits
from clary.adapters.mcp.sieve import ListingSieve
from clary.features.mcp_servers.ports import Listing, McpFailedError

Json = dict[str, Any]


class Lister:
    """Lists what one server has. The sieve sits in its stream and says what it took away."""

    def __init__(self, client: Client, sieve: ListingSieve, limits: McpLimits) -> None:
        self._client = client
        self._sieve = sieve
        self._limits = limits

    async def tools(self) -> Listing:
        """The tools as they are now.

        Raises:
            McpFailedError: `too_large`; and whatever the SDK raises
        """
        sieve, tools, size = self._sieve, dict[str, Json](), 0
        sieve.left_out, sieve.is_too_large = [], False
        cursor: str | None = None
        for _ in range(self._limits.max_pages):
            page = await self._page(cursor)
            if page is None:
                break
            for tool in page.tools:
                definition = definition_of(tool)
                size += len(orjson.dumps(definition))
                if tool.name in tools:
                    sieve.left_out.append(tool.name)
                tools.setdefault(tool.name, definition)
            if sieve.is_too_large or len(tools) > self._limits.max_tools or size > self._limits.max_definition_bytes:
                raise McpFailedError("too_large")
            cursor = page.next_cursor
            if cursor is None:
                break
        else:
            raise McpFailedError("too_large")
        return Listing(tuple(tools.values()), self._client.instructions or "", left_out=tuple(sieve.left_out))

    async def _page(self, cursor: str | None) -> wire.ListToolsResult | None:
        """A page of tools; None from a server that has resources or prompts alone."""
        try:
            return await self._client.list_tools(cursor=cursor)
        except MCPError as error:
            if error.code == wire.METHOD_NOT_FOUND and cursor is None:
                return None
            raise

    async def extras(self) -> tuple[tuple[Json, ...], tuple[Json, ...]]:
        """Resources and prompts of the first page; a server that fails at these is a server without them."""
        can, resources, prompts = self._client.server_capabilities, list[Json](), list[Json]()
        with suppress(MCPError, ValidationError):
            if can.resources is not None:
                listed = await self._client.list_resources()
                resources = [
                    {"uri": str(each.uri), "name": each.name, "description": each.description or ""}
                    for each in listed.resources
                ]
        with suppress(MCPError, ValidationError):
            if can.prompts is not None:
                prompts = [
                    {
                        "name": each.name,
                        "description": each.description or "",
                        "arguments": [
                            {"name": one.name, "required": bool(one.required)} for one in each.arguments or ()
                        ],
                    }
                    for each in (await self._client.list_prompts()).prompts
                ]
        return tuple(resources), tuple(prompts)
