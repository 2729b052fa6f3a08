"""A client with short times, and what it may reach of a run."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

from clary.adapters.mcp import McpGateway, McpLimits
from clary.features.mcp_servers.ports import CallDoor, Listing
from clary.kit.safe_http import OutboundGuard

Json = dict[str, Any]


class Listener:
    """A run that hears progress and answers questions."""

    def __init__(self, answer: Json | None = None) -> None:
        self.answer = answer
        self.heard: list[str] = []
        self.asked: list[str] = []
        self.offers: list[Listing] = []

    async def _check(self, listing: Listing) -> None:
        self.offers.append(listing)

    async def _progress(self, text: str) -> None:
        self.heard.append(text)

    async def _elicit(self, message: str, schema: Json) -> Json | None:
        self.asked.append(f"{message} {sorted(schema['properties'])}")
        return self.answer

    @property
    def door(self) -> CallDoor:
        """What its calls may reach."""
        return CallDoor(self._check, self._progress, self._elicit)


@asynccontextmanager
async def opened(*allow: str, **limits: Any) -> AsyncGenerator[McpGateway]:
    """A client that may reach loopback, or what is said."""
    times = {"connect_seconds": 5, "list_seconds": 5, "call_seconds": 10}
    made = McpGateway(OutboundGuard(allow or ["127.0.0.1"]), McpLimits(**{**times, **limits}))
    try:
        yield made
    finally:
        await made.close()
