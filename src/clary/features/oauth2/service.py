"""The door of the slice, and what its parts have in common."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta

from clary.features.accounts.service import AddressRate
from clary.features.oauth2.authorizing import Authorization, Browser, ConsentPage, Place
from clary.features.oauth2.clients import ClientRegistry, MadeClient
from clary.features.oauth2.issuing import TokenIssuer
from clary.features.oauth2.pages import consent_html, failure_html, page_policy
from clary.features.oauth2.payloads import check_client
from clary.features.oauth2.policy import SCOPES, metadata, once
from clary.features.oauth2.ports import IdTokens
from clary.features.oauth2.reader import AccessTokenReader
from clary.features.oauth2.tokens import TokenEndpoints
from clary.kit.clock import Clock

REGISTRATIONS_PER_HOUR = 20

__all__ = [
    "SCOPES",
    "AccessTokenReader",
    "Authorization",
    "Browser",
    "ClientRegistry",
    "ConsentPage",
    "MadeClient",
    "OAuthServer",
    "Place",
    "TokenEndpoints",
    "TokenIssuer",
    "check_client",
    "consent_html",
    "failure_html",
    "metadata",
    "once",
    "page_policy",
]


@dataclass(frozen=True, slots=True)
class OAuthServer:
    """Everything the routes of the protocol need. `issuer` and `public_url` None: told by the address of a request."""

    authorization: Authorization
    tokens: TokenEndpoints
    clients: ClientRegistry
    id_tokens: Callable[[], Awaitable[IdTokens]]
    issuer: str | None
    public_url: str | None
    api_prefix: str
    web_base: str
    allows_plain: bool
    registers: bool
    registration_scopes: tuple[str, ...]
    rate: AddressRate
    clock: Clock

    async def count_registration(self, address: str) -> int | None:
        """Counts a client that registers itself; for one too many the seconds to wait are returned (6.7)."""
        return await self.rate.count(
            kind="oauth2_register", address=address, limit=REGISTRATIONS_PER_HOUR, window=timedelta(hours=1)
        )

    def epoch(self) -> int:
        """Now, in seconds."""
        return int(self.clock.now().timestamp())

    def own_address(self, origin: str) -> str:
        """Our address as clients see it."""
        return self.public_url or origin

    def issuer_at(self, origin: str) -> str:
        """The issuer (6.2)."""
        return self.issuer or f"{self.own_address(origin)}{self.api_prefix}/oauth2"
