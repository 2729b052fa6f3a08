"""The services of the slice, as types in a route's signature."""

from typing import Annotated

from fastapi import Depends, Request

from clary.features.mcp_servers.service import Authorizations, McpServers, OwnPlace


async def _servers(request: Request) -> McpServers:
    return request.app.state.mcp_servers


async def _authorizations(request: Request) -> Authorizations:
    return request.app.state.mcp_authorizations


async def _place(request: Request) -> OwnPlace:
    configured: OwnPlace = request.app.state.mcp_place
    return configured if configured.origin else configured.at(request.state.peer.origin)


Servers = Annotated[McpServers, Depends(_servers)]
McpAuthorizations = Annotated[Authorizations, Depends(_authorizations)]
Here = Annotated[OwnPlace, Depends(_place)]
"""Where the browser of this request finds the server."""
