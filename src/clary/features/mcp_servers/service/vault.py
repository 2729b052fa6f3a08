"""Secrets at rest: sealed for their row, opened only to be used or masked."""

from dataclasses import dataclass, field
from typing import Any, Final

from clary.features.mcp_servers.ports import OAuthClient, Tokens
from clary.features.mcp_servers.tables import McpServerRow, McpTokenRow
from clary.kit import json_text
from clary.kit.crypto import DecryptionError, SecretBox
from clary.kit.text import mask_secret

Json = dict[str, Any]
MASK: Final = "***"


@dataclass(frozen=True, slots=True)
class Secrets:
    """The secrets of a server."""

    api_key: str | None = field(default=None, repr=False)
    headers: dict[str, str] = field(default_factory=dict[str, str], repr=False)
    client_secret: str | None = field(default=None, repr=False)

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to keep."""
        return not (self.api_key or self.headers or self.client_secret)


class McpVault:
    """Seals and opens what rows keep."""

    def __init__(self, box: SecretBox) -> None:
        self._box = box

    def seal(self, secrets: Secrets, *, server_id: str) -> str | None:
        """The form in which a row keeps its secrets."""
        if secrets.is_empty:
            return None
        fields = {"api_key": secrets.api_key, "headers": secrets.headers, "client_secret": secrets.client_secret}
        return self.seal_json(fields, place=f"mcp_servers.sealed:{server_id}")

    def open(self, row: McpServerRow) -> Secrets:
        """The secrets of a row.

        Raises:
            DecryptionError: sealed with a key this server does not have.
        """
        if row.sealed is None:
            return Secrets()
        return Secrets(**self.open_json(row.sealed, place=f"mcp_servers.sealed:{row.id}"))

    def masks(self, row: McpServerRow) -> tuple[str | None, dict[str, str]]:
        """What may be shown of key and headers. A row that can no longer be opened still has a list to appear in."""
        try:
            secrets = self.open(row)
        except DecryptionError:
            return MASK, {}
        shown = {name: mask_secret(value) for name, value in secrets.headers.items()}
        return (None if secrets.api_key is None else mask_secret(secrets.api_key)), shown

    def seal_client(self, client: OAuthClient, redirect_uri: str, *, server_id: str) -> str:
        """Who this server is to an authorization server, and for which address."""
        fields = {"id": client.client_id, "secret": client.client_secret, "method": client.method, "uri": redirect_uri}
        return self.seal_json(fields, place=f"mcp_servers.sealed_client:{server_id}")

    def open_client(self, row: McpServerRow, redirect_uri: str) -> OAuthClient | None:
        """The client that was registered for this address, if there is one."""
        if row.sealed_client is None:
            return None
        try:
            fields = self.open_json(row.sealed_client, place=f"mcp_servers.sealed_client:{row.id}")
        except DecryptionError:
            return None
        return OAuthClient(fields["id"], fields["secret"], fields["method"]) if fields["uri"] == redirect_uri else None

    def seal_tokens(self, fields: Json, *, server_id: str, user_id: str) -> str:
        """A person's tokens, with what renewing them takes."""
        return self.seal_json(fields, place=f"mcp_tokens.sealed:{server_id}:{user_id}")

    def open_tokens(self, row: McpTokenRow) -> Json:
        """See `seal_tokens`.

        Raises:
            DecryptionError
        """
        return self.open_json(row.sealed, place=f"mcp_tokens.sealed:{row.server_id}:{row.user_id}")

    def seal_json(self, fields: Json, *, place: str) -> str:
        """Any object for any place."""
        return self._box.seal(json_text.dumps_text(fields), place=place)

    def open_json(self, sealed: str, *, place: str) -> Json:
        """See `seal_json`.

        Raises:
            DecryptionError
        """
        return json_text.loads(self._box.open(sealed, place=place))


def token_fields(tokens: Tokens, **more: Any) -> Json:
    """What is sealed of tokens."""
    return {"access_token": tokens.access_token, "refresh_token": tokens.refresh_token, **more}
