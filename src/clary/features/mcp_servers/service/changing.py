"""What a request makes of a row: addresses, and secrets that stay, go or are replaced (product.md 8.1, 8.2)."""

from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from clary.features.mcp_servers.errors import McpAddressInvalidError, StdioForbiddenError
from clary.features.mcp_servers.payloads import McpServerRequest, is_address
from clary.features.mcp_servers.ports import StdioPrograms
from clary.features.mcp_servers.service.authorizing import OwnPlace
from clary.features.mcp_servers.service.vault import Secrets
from clary.features.mcp_servers.tables import McpServerRow
from clary.http.problems import OutboundRefusedError
from clary.kit.safe_http import OutboundBlockedError, OutboundGuard
from clary.kit.text import mask_secret

Json = dict[str, Any]


class AddressCheck:
    """Which addresses may be saved."""

    def __init__(self, guard: OutboundGuard, programs: StdioPrograms) -> None:
        self._guard = guard
        self._programs = programs

    async def require(self, wanted: McpServerRequest, place: OwnPlace) -> str:
        """The address to save; for stdio the id of a listed program.

        Raises:
            StdioForbiddenError, McpAddressInvalidError, OutboundRefusedError
        """
        if wanted.protocol == "stdio":
            command = (wanted.command or "").strip()
            if wanted.args or wanted.env or not command or await self._programs.find(command) is None:
                raise StdioForbiddenError
            return command
        if not is_address(wanted.address):
            raise McpAddressInvalidError
        return self.require_url(wanted.address, place)

    def require_url(self, url: str, place: OwnPlace | None) -> str:
        """An address in the form in which it is connected to.

        Raises:
            OutboundRefusedError: the guard refuses it, or it is this server itself.
        """
        try:
            checked = str(self._guard.check_url(url))
        except OutboundBlockedError:
            raise OutboundRefusedError from None
        if place is not None and place.is_own_face(checked):
            raise OutboundRefusedError
        return checked


@dataclass(frozen=True, slots=True)
class Configuration:
    """The fields of a row that decide about connections."""

    protocol: str
    url: str
    auth: str
    oauth: Json | None
    secrets: Secrets
    is_same_origin: bool
    is_same_client: bool


def first_configuration(wanted: McpServerRequest, url: str) -> Configuration:
    """That of a new server."""
    return _configuration(wanted, url, Secrets(), None, keeps=False)


def next_configuration(wanted: McpServerRequest, url: str, row: McpServerRow, kept: Secrets) -> Configuration:
    """That of a changed one: what was not sent stays, unless the origin is another one."""
    keeps = _origin(wanted.protocol, url) == _origin(row.protocol, row.url)
    return _configuration(wanted, url, kept, row, keeps=keeps)


def _configuration(
    wanted: McpServerRequest, url: str, kept: Secrets, row: McpServerRow | None, *, keeps: bool
) -> Configuration:
    old_oauth = row.oauth if row is not None and keeps else None
    oauth = old_oauth
    client_secret = kept.client_secret if keeps else None
    if wanted.oauth is not None:
        oauth = {"client_id": wanted.oauth.client_id, "scope": wanted.oauth.scope}
        client_secret = _merged(wanted.oauth.client_secret, kept.client_secret, keeps=keeps)
    api_key = _merged(wanted.api_key, kept.api_key, keeps=keeps)
    auth = wanted.auth
    if auth is None and row is not None and row.auth == "oauth" and keeps and not wanted.api_key:
        auth = "oauth"
    auth = auth or ("api_key" if api_key else "none")
    if auth != "api_key":
        api_key = None
    if auth != "oauth":
        oauth, client_secret = None, None
    secrets = Secrets(api_key, _merged_headers(wanted.headers, kept.headers, keeps=keeps), client_secret)
    is_same_client = oauth == old_oauth and client_secret == kept.client_secret
    return Configuration(wanted.protocol, url, auth, oauth, secrets, keeps, is_same_client and keeps)


def _merged(sent: str | None, kept: str | None, *, keeps: bool) -> str | None:
    """Absent or masked: unchanged; empty: removed."""
    if sent is None or (kept is not None and sent == mask_secret(kept)):
        return kept if keeps else None
    return sent or None


def _merged_headers(sent: dict[str, str] | None, kept: dict[str, str], *, keeps: bool) -> dict[str, str]:
    if sent is None:
        return kept if keeps else {}
    merged = {name: _merged(value, kept.get(name), keeps=keeps) for name, value in sent.items()}
    return {name: value for name, value in merged.items() if value}


def _origin(protocol: str, url: str) -> tuple[str, str, int]:
    if protocol == "stdio":
        return "stdio", url, 0
    parts = urlsplit(url)
    return parts.scheme, parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)
