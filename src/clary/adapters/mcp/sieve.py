"""Lets a listing through tool by tool: the SDK would refuse a whole one for the sake of one broken definition."""

import contextvars
from collections.abc import Callable
from types import TracebackType
from typing import Any, Self, cast

from mcp.client._transport import ReadStream
from mcp.shared.message import SessionMessage
from mcp.types import JSONRPCResponse
from mcp.types.methods import validate_server_result
from pydantic import ValidationError

Item = SessionMessage | Exception
Json = dict[str, Any]
MAX_NAME = 1000
FRAME: Json = {"resultType": "complete", "ttlMs": 0, "cacheScope": "private"}
"""What newer revisions want around a listing; older ones do not mind it."""


class ListingSieve:
    """A stream of messages from a server, in which listings keep the tools that can be used."""

    def __init__(self, inner: ReadStream[Item], max_tools: int, version: Callable[[], str | None]) -> None:
        self._inner = inner
        self._max_tools = max_tools
        self._version = version
        self.left_out: list[str] = []
        self.is_too_large = False

    @property
    def last_context(self) -> contextvars.Context | None:
        """The context of the request that the last message belongs to, where the transport knows it."""
        return getattr(self._inner, "last_context", None)

    async def receive(self) -> Item:
        """The next message."""
        return self._sifted(await self._inner.receive())

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Item:
        return self._sifted(await self._inner.__anext__())

    async def aclose(self) -> None:
        """Closes what is below."""
        await self._inner.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc_val: BaseException | None, exc_tb: TracebackType | None
    ) -> None:
        await self.aclose()

    def _sifted(self, item: Item) -> Item:
        if isinstance(item, SessionMessage) and isinstance(item.message, JSONRPCResponse):
            tools = item.message.result.get("tools")
            if isinstance(tools, list):
                item.message.result["tools"] = self._usable(cast("list[Any]", tools))
        return item

    def _usable(self, tools: list[Any]) -> list[Json]:
        if len(tools) > self._max_tools:
            self.is_too_large = True
            return []
        return [tool for tool in tools if self._is_usable(tool)]

    def _is_usable(self, tool: Any) -> bool:
        if not isinstance(tool, dict):
            return False
        definition = cast("Json", tool)
        schema = definition.get("inputSchema")
        if isinstance(schema, dict):
            cast("Json", schema).setdefault("type", "object")
        try:
            validate_server_result("tools/list", self._version() or "2025-11-25", {**FRAME, "tools": [definition]})
        except ValidationError:
            self.left_out.append(str(definition.get("name", ""))[:MAX_NAME])
            return False
        except (KeyError, ValueError):
            # A revision without a table of its own: what does not fit shows when the listing is read.
            return True
        return True
