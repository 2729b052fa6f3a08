"""The services of the slice, as types in a route's signature; and who sits at the browser."""

from typing import Annotated, cast

from fastapi import Depends, Request

from clary.features.oauth2.service import Browser, ClientRegistry, OAuthServer, Place


async def _server(request: Request) -> OAuthServer:
    return cast("OAuthServer", request.app.state.oauth2)


async def _clients(request: Request) -> ClientRegistry:
    return cast("OAuthServer", request.app.state.oauth2).clients


async def _browser(request: Request) -> Browser:
    """The cookie or proxied identity; a Bearer is not looked at (6.3, step 3)."""
    found = await request.app.state.browser_identity(request)
    return Browser(*found)


async def _place(request: Request) -> Place:
    server = cast("OAuthServer", request.app.state.oauth2)
    origin = request.state.peer.origin
    prefix = request.url.path.rpartition("/")[0]
    return Place(
        issuer=server.issuer_at(origin),
        own_address=server.own_address(origin),
        prefix=server.api_prefix + prefix,
        # Without the proxy's prefix: the rule of `next` knows `/oauth2/` and `/api/` as own places (5.2).
        path=request.url.path,
        query=request.url.query,
        web_base=server.web_base,
    )


Server = Annotated[OAuthServer, Depends(_server)]
Clients = Annotated[ClientRegistry, Depends(_clients)]
AtBrowser = Annotated[Browser, Depends(_browser)]
At = Annotated[Place, Depends(_place)]
