"""The protocol under both prefixes (platform.md 6.2–6.7), and the administration of clients and grants (6.1)."""

from collections.abc import Mapping
from typing import Annotated, Any
from urllib.parse import parse_qsl, quote

from fastapi import APIRouter, Query, Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response

from clary.features.audit.service import Actor
from clary.features.oauth2.errors import ConsentExpiredError
from clary.features.oauth2.guards import At, AtBrowser, Clients, Server
from clary.features.oauth2.payloads import (
    ClientCreateRequest,
    ClientUpdateRequest,
    SecretRequest,
    read_registration,
)
from clary.features.oauth2.ports import ProtocolError
from clary.features.oauth2.service import OAuthServer, consent_html, failure_html, metadata, once, page_policy
from clary.features.permissions.guards import CurrentUser
from clary.http.access import needs, public
from clary.http.envelope import Envelope, answer
from clary.http.paging import PageOf20
from clary.http.problems import CsrfFailedError, RouteNotFoundError, ThrottledError
from clary.http.requests import FORM, content_type
from clary.http.routing import slice_router
from clary.http.unit_of_work import ReadUnit, UnitOfWork

Json = dict[str, Any]
PROTOCOL = public(answers="protocol", takes_forms=True)
NO_STORE = {"Cache-Control": "no-store", "Pragma": "no-cache"}
DOCUMENT = {"Cache-Control": "public, max-age=300"}


async def read_metadata(request: Request, server: Server) -> JSONResponse:
    """The server's description of itself (RFC 8414, OpenID Connect Discovery)."""
    document = metadata(
        server.issuer_at(request.state.peer.origin), registers=server.registers, allows_plain=server.allows_plain
    )
    return JSONResponse(document, headers=DOCUMENT)


async def read_jwks(server: Server) -> JSONResponse:
    """The public keys of id_tokens."""
    return JSONResponse((await server.id_tokens()).jwks, headers=DOCUMENT)


async def authorize(request: Request, server: Server, browser: AtBrowser, place: At) -> Response:
    """Sends the browser on to sign in, to consent, or back to the client with a code."""
    pairs = parse_qsl(request.url.query, keep_blank_values=True)
    try:
        address = await server.authorization.authorize(pairs, browser, place)
    except ProtocolError as error:
        if "text/html" in request.headers.get("accept", ""):
            return _failure_page(error.description or error.error, error.status)
        return _refusal(error, challenges=False)
    return RedirectResponse(address, 302, headers=NO_STORE)


async def show_consent(request: Request, server: Server, browser: AtBrowser, place: At) -> Response:
    """The page that asks the person."""
    if browser.identity is None:
        onward = quote(f"{place.path}?{place.query}", safe="")
        return RedirectResponse(f"{place.web_base}/login?next={onward}", 302, headers=NO_STORE)
    wanted = request.query_params.get("request", "")
    page = await server.authorization.consent_page(request=wanted, identity=browser.identity, place=place)
    headers = {**NO_STORE, "Content-Security-Policy": page_policy(page.redirect_uri)}
    return HTMLResponse(consent_html(page), headers=headers)


async def answer_consent(request: Request, server: Server, browser: AtBrowser, place: At) -> Response:
    """What the person decided: on to the client with a code, or with `access_denied`."""
    if content_type(request.headers.get("content-type", ""))[0] != FORM:
        raise CsrfFailedError
    pairs = parse_qsl((await request.body()).decode("utf-8", "replace"), keep_blank_values=True)
    form = dict(pairs)
    if browser.identity is None:
        raise ConsentExpiredError
    address = await server.authorization.answer(
        request=form.get("request", ""),
        csrf=form.get("csrf", ""),
        allows=form.get("decision") == "allow",
        ticked=[value for name, value in pairs if name == "scope"],
        identity=browser.identity,
        issuer=place.issuer,
    )
    return RedirectResponse(address, 303, headers=NO_STORE)


async def token(request: Request, server: Server) -> JSONResponse:
    """Tokens for a code or a refresh token."""
    try:
        form = await _form(request)
        body = await server.tokens.token(
            form, _headers(request), address=request.state.peer.address, issuer=_issuer(request, server)
        )
    except ProtocolError as error:
        return _refusal(error)
    except ThrottledError as problem:
        return _throttled(problem)
    return JSONResponse(body, headers=NO_STORE)


async def revoke(request: Request, server: Server) -> Response:
    """Ends a token (RFC 7009); the answer is the same for one that is not there."""
    try:
        form = await _form(request)
        await server.tokens.revoke(form, _headers(request), address=request.state.peer.address)
    except ProtocolError as error:
        return _refusal(error)
    except ThrottledError as problem:
        return _throttled(problem)
    return Response(b"", headers=NO_STORE)


async def introspect(request: Request, server: Server) -> JSONResponse:
    """What a token is (RFC 7662)."""
    try:
        form = await _form(request)
        body = await server.tokens.introspect(
            form, _headers(request), address=request.state.peer.address, issuer=_issuer(request, server)
        )
    except ProtocolError as error:
        return _refusal(error)
    except ThrottledError as problem:
        return _throttled(problem)
    return JSONResponse(body, headers=NO_STORE)


async def userinfo(request: Request, server: Server) -> JSONResponse:
    """Who the owner of an access token is."""
    scheme, _, sent = request.headers.get("authorization", "").partition(" ")
    bearer = sent.strip() if scheme.lower() == "bearer" else None
    claims = await server.tokens.userinfo(bearer, issuer=_issuer(request, server))
    if claims is not None:
        return JSONResponse(claims, headers=NO_STORE)
    challenge = 'Bearer realm="clary"' + (', error="invalid_token"' if bearer else "")
    headers = {**NO_STORE, "WWW-Authenticate": challenge}
    return JSONResponse({"error": "invalid_token"}, 401, headers=headers)


async def register(request: Request, server: Server) -> JSONResponse:
    """A client registers itself (RFC 7591), where that is on."""
    if not server.registers:
        raise RouteNotFoundError
    try:
        fields = await _registration(request, server)
        async with request.app.state.database.write() as db:
            made = await server.clients.create(db, fields=fields, by=Actor.of(None), source="registered")
    except ProtocolError as error:
        return _refusal(error, challenges=False)
    except ThrottledError as problem:
        return _throttled(problem)
    shown = {name: value for name, value in made.shown.items() if value is not None}
    body = {**shown, "client_id_issued_at": server.epoch()}
    if made.secret is not None:
        body |= {"client_secret": made.secret, "client_secret_expires_at": 0}
    return JSONResponse(body, 201, headers=NO_STORE)


async def _registration(request: Request, server: OAuthServer) -> Json:
    wait = await server.count_registration(request.state.peer.address)
    if wait is not None:
        raise ThrottledError(wait)
    return read_registration(await request.body(), allowed=server.registration_scopes)


def _issuer(request: Request, server: OAuthServer) -> str:
    return server.issuer_at(request.state.peer.origin)


async def _form(request: Request) -> dict[str, str]:
    """The parameters of a form, each once; a query is no place for them (6.5)."""
    kind, _ = content_type(request.headers.get("content-type", ""))
    if kind != FORM or request.url.query:
        raise ProtocolError("invalid_request", "parameters are sent as a form")
    text = (await request.body()).decode("utf-8", "replace")
    return once((name, value) for name, value in parse_qsl(text, keep_blank_values=True) if value)


def _headers(request: Request) -> Mapping[str, str]:
    return {"Authorization": request.headers.get("authorization", "")}


def _refusal(error: ProtocolError, *, challenges: bool = True) -> JSONResponse:
    headers = dict(NO_STORE)
    if error.status == 401 and challenges:
        headers["WWW-Authenticate"] = 'Basic realm="clary"'
    body = {"error": error.error} | ({"error_description": error.description} if error.description else {})
    return JSONResponse(body, error.status, headers=headers)


def _throttled(problem: ThrottledError) -> JSONResponse:
    return JSONResponse({"error": "temporarily_unavailable"}, 429, headers={**NO_STORE, **problem.headers})


def _failure_page(message: str, status: int) -> HTMLResponse:
    headers = {**NO_STORE, "Content-Security-Policy": page_policy()}
    return HTMLResponse(failure_html(message), status, headers=headers)


def _protocol_router() -> APIRouter:
    made = slice_router("", "oauth2")
    documents = [
        "/.well-known/oauth-authorization-server",
        "/.well-known/oauth-authorization-server/oauth2",
        "/.well-known/openid-configuration",
        "/.well-known/openid-configuration/oauth2",
    ]
    for prefix in ("/oauth2", "/api/oauth2"):
        documents += [f"{prefix}/metadata", f"{prefix}/.well-known/openid-configuration"]
        for path, endpoint, methods, summary in (
            ("jwks", read_jwks, ["GET"], "Keys of id_tokens"),
            ("authorize", authorize, ["GET"], "Ask for a code"),
            ("consent", show_consent, ["GET"], "Ask the person"),
            ("consent", answer_consent, ["POST"], "What the person decided"),
            ("token", token, ["POST"], "Redeem a code or refresh token"),
            ("revoke", revoke, ["POST"], "End a token"),
            ("introspect", introspect, ["POST"], "What a token is"),
            ("userinfo", userinfo, ["GET"], "Who the owner of a token is"),
            ("userinfo", userinfo, ["POST"], "Who the owner of a token is"),
            ("register", register, ["POST"], "Register a client"),
        ):
            made.add_api_route(
                f"{prefix}/{path}",
                endpoint,
                methods=methods,
                summary=summary,
                openapi_extra=PROTOCOL,
                response_model=None,
            )
    for path in documents:
        made.add_api_route(
            path,
            read_metadata,
            methods=["GET"],
            summary="About the server",
            openapi_extra=PROTOCOL,
            response_model=None,
        )
    return made


protocol_router = _protocol_router()
router = slice_router("/api/oauth2", "oauth2")


@router.get("/clients", summary="List clients", openapi_extra=needs("admin"))
async def list_clients(
    user: CurrentUser,
    clients: Clients,
    db: ReadUnit,
    page: PageOf20,
    q: Annotated[str | None, Query(max_length=200)] = None,
) -> Envelope[Json]:
    """Clients by name, never a secret."""
    return answer(await clients.list_page(db, page=page, text=q))


@router.post("/clients", summary="Make a client", openapi_extra=needs("admin"))
async def create_client(
    body: ClientCreateRequest, user: CurrentUser, clients: Clients, db: UnitOfWork
) -> Envelope[Json]:
    """The answer shows the secret, this once; null for a public client."""
    made = await clients.create(db, fields=body.sent(), by=Actor.of(user))
    return answer({**made.shown, "client_secret": made.secret})


@router.put("/clients/{client_id}", summary="Change a client", openapi_extra=needs("admin"))
async def update_client(
    client_id: str, body: ClientUpdateRequest, user: CurrentUser, clients: Clients, db: UnitOfWork
) -> Envelope[Json]:
    """Fields that are absent stay."""
    return answer(await clients.update(db, client_id=client_id, fields=body.sent(), by=Actor.of(user)))


@router.post("/clients/{client_id}/secret", summary="Give a client a new secret", openapi_extra=needs("admin"))
async def renew_secret(
    client_id: str, user: CurrentUser, clients: Clients, db: UnitOfWork, body: SecretRequest | None = None
) -> Envelope[Json]:
    """The old one works for `overlap_seconds`."""
    overlap = (body or SecretRequest()).overlap_seconds
    secret = await clients.renew_secret(db, client_id=client_id, overlap_seconds=overlap, by=Actor.of(user))
    return answer({"client_secret": secret})


@router.delete("/clients/{client_id}", summary="Delete a client", openapi_extra=needs("admin"))
async def delete_client(client_id: str, user: CurrentUser, clients: Clients, db: UnitOfWork) -> Envelope[Json]:
    """Codes, tokens and consents go with it."""
    await clients.delete(db, client_id=client_id, by=Actor.of(user))
    return answer(Json())


@router.get("/grants", summary="What apps may do for me", openapi_extra=needs("read", interactive=True))
async def list_grants(user: CurrentUser, clients: Clients, db: ReadUnit) -> Envelope[list[Json]]:
    """The caller's own consents."""
    return answer(await clients.list_grants(db, identity=user))


@router.delete("/grants/{client_id}", summary="Withdraw a consent", openapi_extra=needs("write", interactive=True))
async def remove_grant(client_id: str, user: CurrentUser, clients: Clients, db: UnitOfWork) -> Envelope[Json]:
    """Consent and all tokens of this client for the caller end."""
    await clients.remove_grant(db, identity=user, client_id=client_id)
    return answer(Json())
