"""The requests of an authorization, in the order of the MCP specification. Nothing here follows a redirect."""

from collections.abc import Mapping
from types import TracebackType
from typing import Any, Self
from urllib.parse import quote

import httpx2
from mcp.client.auth.utils import (
    build_oauth_authorization_server_metadata_discovery_urls,
    build_protected_resource_metadata_discovery_urls,
    extract_resource_metadata_from_www_auth,
    extract_scope_from_www_auth,
    issuers_match,
)
from mcp.shared.auth import OAuthClientInformationFull, OAuthMetadata, OAuthToken, ProtectedResourceMetadata
from mcp.shared.auth_utils import check_resource_allowed, resource_url_from_server_url
from pydantic import BaseModel, ValidationError

from clary.adapters.mcp.bounds import Ending, RefusedError
from clary.adapters.mcp.limits import McpLimits
from clary.adapters.mcp.transport import GuardedTransport, checked_address
from clary.features.mcp_servers.ports import AuthorizationServer, FailureKind, McpFailedError, OAuthClient, Tokens
from clary.kit.safe_http import OutboundGuard

MAX_BYTES = 256 * 1024
MAX_VALUE = 16_384
ASKING = {
    "jsonrpc": "2.0",
    "id": 0,
    "method": "initialize",
    "params": {
        "protocolVersion": "2025-06-18",
        "capabilities": {},
        "clientInfo": {"name": "clary", "version": "1"},
    },
}


class OAuthExchange:
    """One exchange; a context manager."""

    def __init__(self, guard: OutboundGuard, limits: McpLimits) -> None:
        self._guard = guard
        self._http = httpx2.AsyncClient(
            transport=GuardedTransport(guard, ending=Ending(), origin=None, max_message_bytes=MAX_BYTES),
            timeout=httpx2.Timeout(limits.list_seconds, connect=limits.connect_seconds),
            trust_env=False,
            follow_redirects=False,
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._http.aclose()

    async def discover(self, url: str) -> AuthorizationServer:
        """The authorization server of an MCP server.

        Raises:
            McpFailedError
        """
        challenge = await self._send(
            "POST", url, json=ASKING, headers={"Accept": "application/json, text/event-stream"}
        )
        resource = await self._resource(url, challenge)
        issuer = str(resource.authorization_servers[0]) if resource is not None else None
        for place in build_oauth_authorization_server_metadata_discovery_urls(issuer, url):
            found = await self._read(OAuthMetadata, place)
            if found is not None and (issuer is None or issuers_match(str(found.issuer), issuer)):
                return self._server(found, url, resource, extract_scope_from_www_auth(challenge))
        raise McpFailedError("unauthorized")

    async def register(self, server: AuthorizationServer, redirect_uri: str) -> OAuthClient:
        """Registers this server as a client.

        Raises:
            McpFailedError
        """
        if server.registration_endpoint is None:
            raise McpFailedError("unauthorized")
        wanted = {
            "client_name": "Clary",
            "redirect_uris": [redirect_uri],
            "grant_types": ["authorization_code", "refresh_token"],
            "response_types": ["code"],
            "token_endpoint_auth_method": "none",
            "application_type": "web",
            **({"scope": server.scope} if server.scope else {}),
        }
        answer = await self._send("POST", server.registration_endpoint, json=wanted)
        made = _parsed(OAuthClientInformationFull, answer) if answer.status_code in (200, 201) else None
        if made is None or max(len(made.client_id), len(made.client_secret or "")) > MAX_VALUE:
            raise McpFailedError("unauthorized")
        method = made.token_endpoint_auth_method or ("client_secret_basic" if made.client_secret else "none")
        return OAuthClient(made.client_id, made.client_secret, method)

    async def tokens(self, server: AuthorizationServer, client: OAuthClient, grant: Mapping[str, Any]) -> Tokens:
        """Tokens for a grant.

        Raises:
            McpFailedError
        """
        form, headers = {**grant, "client_id": client.client_id}, {"Accept": "application/json"}
        auth: httpx2.BasicAuth | None = None
        if client.client_secret and client.method == "client_secret_basic":
            auth = httpx2.BasicAuth(quote(client.client_id, safe=""), quote(client.client_secret, safe=""))
        elif client.client_secret:
            form["client_secret"] = client.client_secret
        answer = await self._send("POST", server.token_endpoint, data=form, headers=headers, auth=auth)
        made = _parsed(OAuthToken, answer) if answer.status_code == 200 else None
        if made is None:
            raise McpFailedError("unauthorized" if 400 <= answer.status_code < 500 else "bad_protocol")
        if not made.access_token.isascii() or len(made.access_token) > MAX_VALUE or not made.access_token.isprintable():
            raise McpFailedError("bad_protocol")
        return Tokens(made.access_token, made.refresh_token, made.expires_in)

    async def _resource(self, url: str, challenge: httpx2.Response) -> ProtectedResourceMetadata | None:
        named = extract_resource_metadata_from_www_auth(challenge) if challenge.status_code in (401, 403) else None
        for place in build_protected_resource_metadata_discovery_urls(named, url):
            found = await self._read(ProtectedResourceMetadata, place)
            if found is not None:
                # Tokens for another resource would be handed to a server that must not see them.
                if not check_resource_allowed(resource_url_from_server_url(url), str(found.resource)):
                    raise McpFailedError("unauthorized")
                return found
        return None

    async def _read(self, shape: type[Any], place: str) -> Any:
        answer = await self._send("GET", place, headers={"Accept": "application/json"})
        return _parsed(shape, answer) if answer.status_code == 200 else None

    def _server(
        self, found: OAuthMetadata, url: str, resource: ProtectedResourceMetadata | None, scope: str | None
    ) -> AuthorizationServer:
        methods = found.code_challenge_methods_supported
        if methods is not None and "S256" not in methods:
            raise McpFailedError("unauthorized")
        registration = found.registration_endpoint
        for address in (found.authorization_endpoint, found.token_endpoint, registration):
            if address is not None:
                checked_address(self._guard, str(address), https_only=True)
        wanted = scope or (" ".join(resource.scopes_supported or ()) if resource is not None else "")
        return AuthorizationServer(
            issuer=str(found.issuer),
            authorization_endpoint=str(found.authorization_endpoint),
            token_endpoint=str(found.token_endpoint),
            registration_endpoint=None if registration is None else str(registration),
            resource=str(resource.resource) if resource is not None else resource_url_from_server_url(url),
            scope=wanted[:1000] or None,
            sends_issuer=found.authorization_response_iss_parameter_supported is True,
        )

    async def _send(self, method: str, url: str, **more: Any) -> httpx2.Response:
        address = checked_address(self._guard, url, https_only=True)
        try:
            return await self._http.request(method, address, **more)
        except RefusedError as refusal:
            raise McpFailedError(refusal.kind) from None
        except httpx2.HTTPError as error:
            raise McpFailedError(_kind(error)) from None


def _kind(error: httpx2.HTTPError) -> FailureKind:
    if isinstance(error, httpx2.TimeoutException):
        return "timeout"
    return "unreachable" if isinstance(error, httpx2.NetworkError) else "bad_protocol"


def _parsed(shape: type[Any], answer: httpx2.Response) -> Any:
    """A body of a shape; None for any other."""
    assert issubclass(shape, BaseModel)
    try:
        return shape.model_validate_json(answer.content)
    except ValidationError:
        return None
