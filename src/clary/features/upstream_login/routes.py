"""Login and callback of providers outside (platform.md 5.2); the older paths are aliases of one implementation."""

import re
from typing import Annotated
from urllib.parse import quote

from fastapi import Depends, Request
from starlette.responses import RedirectResponse, Response

from clary.errors import ProblemError
from clary.features.accounts.guards import request_origin, set_session_cookies
from clary.features.permissions.guards import MaybeUser
from clary.features.upstream_login.policy import COOKIE_PREFIX, FLOW_SECONDS
from clary.features.upstream_login.service import Returned, UpstreamLogin, Wish, cookie_name
from clary.http.access import public
from clary.http.cookies import clear_cookie, set_cookie
from clary.http.routing import slice_router

router = slice_router("/api", "upstream login")
FLOW_COOKIE = re.compile(COOKIE_PREFIX + r"[0-9a-f]{8}")
TRUE = frozenset({"true", "1"})


async def _upstream(request: Request) -> UpstreamLogin:
    return request.app.state.upstream_login


Upstream = Annotated[UpstreamLogin, Depends(_upstream)]


@router.get("/auth/upstream/login/{provider_id}", summary="Sign in elsewhere", openapi_extra=public(answers="protocol"))
@router.get(
    "/user/oauth/login/{provider_id}", summary="Sign in elsewhere (alias)", openapi_extra=public(answers="protocol")
)
async def begin_with(
    provider_id: str,
    request: Request,
    upstream: Upstream,
    user: MaybeUser,
    next: str | None = None,
    redirect_uri: str | None = None,
    link: str | None = None,
) -> Response:
    """302 to the provider; `link=true` adds the identity to the caller."""
    return await _begin(request, upstream, _wish(request, user, provider_id, next, redirect_uri, link))


@router.get("/auth/upstream/login", summary="Sign in elsewhere, default", openapi_extra=public(answers="protocol"))
@router.get("/user/oauth/login", summary="Sign in elsewhere, default (alias)", openapi_extra=public(answers="protocol"))
async def begin_with_default(
    request: Request,
    upstream: Upstream,
    user: MaybeUser,
    next: str | None = None,
    redirect_uri: str | None = None,
    link: str | None = None,
) -> Response:
    """302 to the default provider."""
    return await _begin(request, upstream, _wish(request, user, None, next, redirect_uri, link))


def _wish(
    request: Request,
    user: MaybeUser,
    provider_id: str | None,
    next_address: str | None,
    redirect_uri: str | None,
    link: str | None,
) -> Wish:
    return Wish(
        provider_id=provider_id,
        next_address=next_address,
        redirect_uri=redirect_uri,
        links=(link or "").lower() in TRUE,
        identity=user,
        fetch_site=request.headers.get("sec-fetch-site"),
        peer_origin=request.state.peer.origin,
        cookies=[name for name in request.cookies if FLOW_COOKIE.fullmatch(name)],
    )


async def _begin(request: Request, upstream: UpstreamLogin, wish: Wish) -> Response:
    onward = upstream.next_address(wish.next_address, peer_origin=wish.peer_origin)
    try:
        if request.state.is_head:
            upstream.require_provider(wish.provider_id)
            return Response()
        address, begun = await upstream.begin(wish)
    except ProblemError as problem:
        return _failed(request, upstream, problem, onward)
    answer = _redirect(address)
    path = _cookie_path(upstream)
    for name in begun.dropped:
        clear_cookie(request, answer, name, path=path)
    set_cookie(request, answer, begun.cookie_name, begun.cookie, FLOW_SECONDS, path=path)
    return answer


@router.get(
    "/auth/upstream/callback/{provider_id}", summary="Back from a provider", openapi_extra=public(answers="protocol")
)
@router.get(
    "/user/oauth/callback/{provider_id}",
    summary="Back from a provider (alias)",
    openapi_extra=public(answers="protocol"),
)
async def come_back(
    provider_id: str,
    request: Request,
    upstream: Upstream,
    user: MaybeUser,
    code: str | None = None,
    state: str | None = None,
    iss: str | None = None,
    error: str | None = None,
) -> Response:
    """302 to where the browser wanted to go, with a session; the flow is over in any case."""
    name, peer_origin = cookie_name(state or ""), request.state.peer.origin
    onward = upstream.next_address(None, peer_origin=peer_origin)
    try:
        upstream.require_provider(provider_id)
        if request.state.is_head:
            return Response()
        flow = await upstream.resume(state=state, cookie=request.cookies.get(name))
        onward = upstream.next_address(flow.next, peer_origin=peer_origin)
        returned = Returned(code, error, iss, user, request_origin(request))
        signed = await upstream.arrive(flow, returned, provider_id=provider_id)
    except ProblemError as problem:
        return _failed(request, upstream, problem, onward, over=name)
    answer = _redirect(onward)
    clear_cookie(request, answer, name, path=_cookie_path(upstream))
    if signed is not None:
        set_session_cookies(request, answer, signed)
    return answer


def _failed(
    request: Request, upstream: UpstreamLogin, problem: ProblemError, onward: str, *, over: str | None = None
) -> Response:
    """A browser goes to the login page, which knows the slug; for anybody else the problem is raised.

    `over`: the cookie of a flow that has ended.
    """
    answer = _redirect(f"{upstream.place.web_base}/login?error={problem.slug}&next={quote(onward, safe='')}")
    if over is not None and over in request.cookies:
        clear_cookie(request, answer, over, path=_cookie_path(upstream))
        problem.headers["Set-Cookie"] = answer.headers["set-cookie"]
    if "text/html" in request.headers.get("accept", "").lower():
        return answer
    raise problem


def _redirect(address: str) -> Response:
    return RedirectResponse(address, status_code=302, headers={"Cache-Control": "no-store"})


def _cookie_path(upstream: UpstreamLogin) -> str:
    return f"{upstream.place.api_prefix}/api"
