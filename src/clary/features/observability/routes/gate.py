"""The gate to Jaeger (platform.md 12.1)."""

from fastapi import Request
from starlette.responses import Response

from clary.features.observability.guards import CredentialFault, Gate
from clary.features.permissions.guards import MaybeUser
from clary.http.access import public
from clary.http.routing import slice_router

PREFIX = "/api/observability"
router = slice_router(PREFIX, "observability")
OPEN = public(answers="file", takes_forms=True)
METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]


@router.get("/jaeger/login", summary="Come in to Jaeger", openapi_extra=OPEN)
async def enter(request: Request, gate: Gate, user: MaybeUser, next: str | None = None) -> Response:
    """302: an admin to the target, a stranger to the sign-in page."""
    location = gate.entry(
        identity=user,
        wanted=next,
        original=request.headers.get("x-original-uri"),
        peer_origin=request.state.peer.origin,
    )
    return Response(status_code=302, headers={"Location": location, "Cache-Control": "no-store"})


@router.get("/jaeger/auth", summary="Ask whether Jaeger is open", openapi_extra=OPEN)
async def authorize(gate: Gate, user: MaybeUser, fault: CredentialFault) -> Response:
    """204 with the admin's name in headers that existing proxies copy."""
    headers = gate.headers_for(user, fault=fault)
    return Response(status_code=204, headers={**headers, "Cache-Control": "no-store"})


@router.get("/jaeger", summary="Go to Jaeger", openapi_extra=OPEN)
async def go(request: Request, gate: Gate, user: MaybeUser) -> Response:
    """307 to Jaeger's first page."""
    return _redirect(request, gate, user)


async def go_to(full_path: str, request: Request, gate: Gate, user: MaybeUser) -> Response:
    """307 to the same path on Jaeger, query and encoding kept."""
    return _redirect(request, gate, user)


for each in METHODS:
    router.add_api_route(
        "/jaeger/{full_path:anything}",
        go_to,
        methods=[each],
        summary="Go to a page of Jaeger",
        openapi_extra=OPEN,
        operation_id=f"go_to_jaeger_{each.lower()}",
    )


def _redirect(request: Request, gate: Gate, user: MaybeUser) -> Response:
    raw = bytes(request.scope.get("raw_path") or request.url.path.encode()).decode("latin-1")
    path = raw.split("?", 1)[0].split(f"{PREFIX}/jaeger", 1)[-1]
    # As it was sent: what means "not given" to us may mean something there.
    query = bytes(request.state.query).decode("latin-1")
    location = gate.address(identity=user, raw_path=path, query=query)
    return Response(status_code=307, headers={"Location": location, "Cache-Control": "no-store"})
