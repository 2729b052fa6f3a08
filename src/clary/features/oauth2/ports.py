"""What the authorization server needs from the world."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

LOOPBACK = re.compile(r"(http://(?:127\.0\.0\.1|\[::1\]))(:[0-9]{1,5})?(/[^#\s\\]*)")


@dataclass(frozen=True, slots=True)
class Client:
    """A client as the protocol sees it. `secret_hashes`: those that count now; none for a public client."""

    client_id: str
    name: str
    uri: str | None
    redirect_uris: tuple[str, ...]
    auth_method: str
    secret_hashes: tuple[str, ...]
    grant_types: frozenset[str]
    scope: tuple[str, ...]
    skip_consent: bool
    require_pkce: bool
    introspect_all: bool
    source: str

    @property
    def is_public(self) -> bool:
        """Whether it has no secret."""
        return self.auth_method == "none"

    def allows_redirect(self, address: str) -> bool:
        """Whether an address is registered: as text; only a public client's loopback address may add a port (6.3)."""
        if address in self.redirect_uris:
            return True
        return self.is_public and any(_is_same_but_port(each, address) for each in self.redirect_uris)


def _is_same_but_port(registered: str, address: str) -> bool:
    found = LOOPBACK.fullmatch(address)
    return found is not None and found[1] + found[3] == registered and LOOPBACK.fullmatch(registered) is not None


@dataclass(frozen=True, slots=True)
class CodeGrant:
    """What a code stands for. `sent_redirect_uri`: as sent at authorize; None if it was left out."""

    code_hash: str
    client_id: str
    user_id: str
    sent_redirect_uri: str | None
    scope: tuple[str, ...]
    resource: str | None
    nonce: str | None
    challenge: str | None
    challenge_method: str | None
    auth_time: datetime
    login_session_id: str | None
    family_id: str


@dataclass(frozen=True, slots=True)
class RefreshGrant:
    """What a refresh token stands for."""

    token_hash: str
    client_id: str
    user_id: str
    scope: tuple[str, ...]
    resource: str | None
    auth_time: datetime
    family_id: str
    family_ends_at: datetime


@dataclass(frozen=True, slots=True)
class AskedFor:
    """An authorization request that is in order."""

    client: Client
    redirect_uri: str
    scope: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Redeemed:
    """A token request that is in order: exactly one of code and refresh is there."""

    client: Client
    code: CodeGrant | None
    refresh: RefreshGrant | None
    scope: tuple[str, ...]


class ProtocolError(Exception):
    """An error of the protocol (RFC 6749 4.1.2.1, 5.2). `redirect_uri`: where it may be told; None: nowhere."""

    def __init__(self, error: str, description: str = "", *, redirect_uri: str | None = None, status: int = 400):
        super().__init__(error)
        self.error = error
        self.description = description
        self.redirect_uri = redirect_uri
        self.status = status


class ProtocolStore(Protocol):
    """What the core looks up, inside one transaction, without waiting."""

    def find_client(self, client_id: str) -> Client | None:
        """An enabled client."""
        ...

    def find_code(self, code: str, client_id: str) -> CodeGrant | None:
        """What an unspent, living code of this client stands for."""
        ...

    def find_refresh(self, token: str, client_id: str) -> RefreshGrant | None:
        """What an unspent, living refresh token of this client stands for."""
        ...


class ProtocolCore(Protocol):
    """Judges requests by the RFCs."""

    def check_authorization(self, store: ProtocolStore, parameters: Mapping[str, str]) -> AskedFor:
        """An authorization request (6.3, steps 1 and 2 as far as the RFCs say).

        Raises:
            ProtocolError
        """
        ...

    def check_token(self, store: ProtocolStore, form: Mapping[str, str], headers: Mapping[str, str]) -> Redeemed:
        """A token request: client, grant, code or refresh token, redirect address, PKCE, scope (6.5).

        Raises:
            ProtocolError
        """
        ...

    def authenticate(self, store: ProtocolStore, form: Mapping[str, str], headers: Mapping[str, str]) -> Client:
        """The client of a revocation or introspection.

        Raises:
            ProtocolError
        """
        ...


class IdTokens(Protocol):
    """Signs id_tokens, and publishes the keys to check them."""

    @property
    def jwks(self) -> dict[str, Any]:
        """The public keys, as a JWK set."""
        ...

    def sign(self, claims: Mapping[str, Any], *, access_token: str) -> str:
        """An RS256 token with `at_hash` of the access token it comes with."""
        ...
