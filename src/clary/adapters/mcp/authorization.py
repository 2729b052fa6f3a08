"""Authorization servers of MCP servers: found, registered with, asked for tokens (RFC 9728, 8414, 7591, 6749)."""

import asyncio
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from clary.adapters.mcp.limits import McpLimits
from clary.features.mcp_servers.ports import AuthorizationServer, McpFailedError, OAuthClient, Tokens
from clary.kit.safe_http import OutboundGuard

if TYPE_CHECKING:
    from clary.adapters.mcp.oauth_exchange import OAuthExchange


class McpAuthorization:
    """Fills the port `AuthorizationDoor`. Each step has as much time as a listing."""

    def __init__(self, guard: OutboundGuard, limits: McpLimits | None = None) -> None:
        self._guard = guard
        self._limits = limits or McpLimits()

    async def discover(self, url: str) -> AuthorizationServer:
        """See the port."""
        async with self._exchange() as exchange:
            return await exchange.discover(url)

    async def register(self, server: AuthorizationServer, *, redirect_uri: str) -> OAuthClient:
        """See the port."""
        async with self._exchange() as exchange:
            return await exchange.register(server, redirect_uri)

    async def exchange(
        self, server: AuthorizationServer, client: OAuthClient, *, code: str, verifier: str, redirect_uri: str
    ) -> Tokens:
        """See the port."""
        return await self._tokens(
            server,
            client,
            {
                "grant_type": "authorization_code",
                "code": code,
                "redirect_uri": redirect_uri,
                "code_verifier": verifier,
            },
        )

    async def refresh(self, server: AuthorizationServer, client: OAuthClient, *, refresh_token: str) -> Tokens:
        """See the port."""
        return await self._tokens(server, client, {"grant_type": "refresh_token", "refresh_token": refresh_token})

    async def _tokens(self, server: AuthorizationServer, client: OAuthClient, grant: Mapping[str, Any]) -> Tokens:
        async with self._exchange() as exchange:
            return await exchange.tokens(server, client, {**grant, "resource": server.resource})

    @asynccontextmanager
    async def _exchange(self) -> AsyncGenerator["OAuthExchange"]:
        made = await asyncio.to_thread(_exchange_class)
        try:
            async with asyncio.timeout(self._limits.list_seconds), made(self._guard, self._limits) as exchange:
                yield exchange
        except TimeoutError:
            raise McpFailedError("timeout") from None


def _exchange_class() -> "type[OAuthExchange]":
    """Imports the SDK; takes most of a second at the first time."""
    from clary.adapters.mcp.oauth_exchange import OAuthExchange

    return OAuthExchange
