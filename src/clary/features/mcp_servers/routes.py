"""`/api/mcp` (product.md 8.2)."""

from typing import Annotated, Any

from fastapi import Query
from starlette.responses import RedirectResponse

from clary.features.mcp_servers.guards import Here, McpAuthorizations, Servers
from clary.features.mcp_servers.payloads import (
    ApproveRequest,
    McpServerRequest,
    RefreshRequest,
    ServerResponse,
    ToggleRequest,
)
from clary.features.mcp_servers.service import Returned
from clary.features.permissions.guards import CurrentUser
from clary.http.access import needs
from clary.http.envelope import Envelope, answer, said
from clary.http.routing import slice_router
from clary.http.unit_of_work import ReadUnit

router = slice_router("/api/mcp", "mcp")
Json = dict[str, Any]
OwnerId = Annotated[str | None, Query(alias="user_id")]


@router.post("/add", summary="Add an MCP server", openapi_extra=needs("write"))
async def add_server(body: McpServerRequest, user: CurrentUser, servers: Servers, here: Here) -> Envelope[Json]:
    """Connects and pins what it offers; `needs_authorization` comes with the address at which the person agrees."""
    added = await servers.add(identity=user, wanted=body, place=here)
    return answer(added, said(f"MCP server {body.name} 添加成功"))


@router.get("/list", summary="List MCP servers", openapi_extra=needs("read"))
async def list_servers(user: CurrentUser, servers: Servers, db: ReadUnit) -> Envelope[dict[str, list[ServerResponse]]]:
    """Own ones, everybody's for an admin; oldest first, secrets as masks."""
    listed = await servers.list_servers(db, identity=user)
    return answer({"servers": listed}, said("获取MCP服务器列表成功"))


@router.get("/oauth/callback", summary="Back from an authorization", openapi_extra=needs("write", answers="protocol"))
async def come_back(
    user: CurrentUser,
    authorizations: McpAuthorizations,
    here: Here,
    state: str | None = None,
    code: str | None = None,
    error: str | None = None,
    iss: str | None = None,
) -> RedirectResponse:
    """302 to where the person wanted to go, with `mcp_error` if it failed."""
    onward = await authorizations.finish(identity=user, returned=Returned(state, code, error, iss), place=here)
    return RedirectResponse(onward, status_code=302, headers={"Cache-Control": "no-store"})


@router.put("/{server_name}", summary="Change an MCP server", openapi_extra=needs("write"))
async def update_server(
    server_name: str,
    body: McpServerRequest,
    user: CurrentUser,
    servers: Servers,
    here: Here,
    owner_id: OwnerId = None,
) -> Envelope[Json]:
    """Connects first; secrets that are absent or masked stay, unless the origin is another one."""
    changed = await servers.update(identity=user, name=server_name, owner_id=owner_id, wanted=body, place=here)
    return answer(changed)


@router.delete("/{server_name}", summary="Delete an MCP server", openapi_extra=needs("write"))
async def delete_server(
    server_name: str, user: CurrentUser, servers: Servers, owner_id: OwnerId = None
) -> Envelope[Json]:
    """Pins, tokens and connections go with it."""
    deleted = await servers.delete(identity=user, name=server_name, owner_id=owner_id)
    return answer(deleted, said(f"MCP服务器 '{deleted['server_name']}' 删除成功"))


@router.post("/{server_name}/refresh", summary="Look at an MCP server again", openapi_extra=needs("write"))
async def refresh_server(
    server_name: str,
    user: CurrentUser,
    servers: Servers,
    owner_id: OwnerId = None,
    body: RefreshRequest | None = None,
) -> Envelope[Json]:
    """One that cannot be reached is told as `disabled` with an `error`; its switch stays as it is."""
    return answer(await servers.refresh(identity=user, name=server_name, owner_id=owner_id))


@router.put("/{server_name}/toggle", summary="Switch an MCP server on or off", openapi_extra=needs("write"))
async def toggle_server(
    server_name: str,
    user: CurrentUser,
    servers: Servers,
    owner_id: OwnerId = None,
    body: ToggleRequest | None = None,
) -> Envelope[Json]:
    """Without a body it flips."""
    disabled = body.disabled if body is not None else None
    return answer(await servers.toggle(identity=user, name=server_name, owner_id=owner_id, disabled=disabled))


@router.get("/{server_name}/tools", summary="Show the tools of an MCP server", openapi_extra=needs("read"))
async def list_tools(
    server_name: str, user: CurrentUser, servers: Servers, db: ReadUnit, owner_id: OwnerId = None
) -> Envelope[Json]:
    """What is pinned, beside what was seen last."""
    return answer(await servers.list_tools(db, identity=user, name=server_name, owner_id=owner_id))


@router.post("/{server_name}/approve", summary="Approve changed tools", openapi_extra=needs("write"))
async def approve_tools(
    server_name: str, body: ApproveRequest, user: CurrentUser, servers: Servers, owner_id: OwnerId = None
) -> Envelope[Json]:
    """Only what waits under this very hash."""
    return answer(await servers.approve(identity=user, name=server_name, owner_id=owner_id, hash_=body.hash))


@router.get("/{server_name}/oauth/start", summary="Begin an authorization", openapi_extra=needs("write"))
async def start_authorization(
    server_name: str,
    user: CurrentUser,
    authorizations: McpAuthorizations,
    here: Here,
    next: str | None = None,
    agent_id: str | None = None,
) -> Envelope[Json]:
    """The address at which the person agrees; with `agent_id` for the server of a shared agent's owner."""
    address = await authorizations.start(
        identity=user, name=server_name, agent_id=agent_id, next_address=next, place=here
    )
    return answer({"authorization_url": address})


@router.delete("/{server_name}/oauth", summary="End an authorization", openapi_extra=needs("write"))
async def end_authorization(
    server_name: str, user: CurrentUser, authorizations: McpAuthorizations, agent_id: str | None = None
) -> Envelope[Json]:
    """Forgets the caller's own tokens."""
    await authorizations.forget(identity=user, name=server_name, agent_id=agent_id)
    return answer({})
