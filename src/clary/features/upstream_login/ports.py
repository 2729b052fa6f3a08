"""What upstream login needs from the world, and how an operator describes a provider."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from clary.features.upstream_login.errors import (
    ExchangeFailedError,
    MetadataIncompleteError,
    MetadataUnavailableError,
    TokenInvalidError,
    UserinfoFailedError,
)

__all__ = [
    "Endpoints",
    "Evidence",
    "ExchangeFailedError",
    "Grant",
    "IdentityProviders",
    "MetadataIncompleteError",
    "MetadataUnavailableError",
    "Provider",
    "TokenInvalidError",
    "UserinfoFailedError",
]


@dataclass(frozen=True, slots=True)
class Provider:
    """One entry of `CLARY_AUTH_PROVIDERS` (platform.md 5.3), checked. `str()` is its id; the secret is in no text.

    `issuer` None with `oidc`: the discovery document's own, once it was read. Lists are tuples of plain texts.
    """

    id: str
    client_id: str
    protocol: Literal["oidc", "oauth2"] = "oidc"
    name: str = ""
    button_text: str = ""
    description: str = ""
    icon: str = ""
    is_enabled: bool = True
    is_default: bool = False
    client_secret: str | None = field(default=None, repr=False)
    issuer: str | None = None
    discovery_url: str | None = None
    authorize_url: str | None = None
    token_url: str | None = None
    userinfo_url: str | None = None
    emails_url: str | None = None
    scope: str = ""
    extra_params: Mapping[str, str] = field(default_factory=dict[str, str])
    token_auth: str | None = None
    subject_claim: str = "sub"
    username_claim: str = "preferred_username"
    name_claim: str = "name"
    email_claim: str = "email"
    avatar_claim: str = "picture"
    trusts_email: bool = False
    links_by_email: bool = True
    allows_signup: bool = True
    allowed_domains: tuple[str, ...] = ()
    allowed_groups: tuple[str, ...] = ()
    role_claim: str | None = None
    admin_values: tuple[str, ...] = ("admin",)
    admin_groups: tuple[str, ...] = ()
    admin_emails: tuple[str, ...] = ()
    admin_subjects: tuple[str, ...] = ()
    groups_claim: str | None = None
    group_map: Mapping[str, str] = field(default_factory=dict[str, str])
    creates_groups: bool = False
    signs_out: bool = False
    end_session_url: str | None = None

    def __str__(self) -> str:
        return self.id


@dataclass(frozen=True, slots=True)
class Endpoints:
    """Where a provider answers. `announces_issuer`: its answers carry `iss` (RFC 9207)."""

    authorize: str
    token: str
    userinfo: str | None = None
    jwks: str | None = None
    end_session: str | None = None
    issuer: str | None = None
    announces_issuer: bool = False
    token_auth_methods: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Grant:
    """What the provider is asked to redeem."""

    code: str
    redirect_uri: str
    verifier: str
    nonce: str


@dataclass(frozen=True, slots=True)
class Evidence:
    """What a provider says about somebody, proven. `emails`: entries of `emails_url`, None without one."""

    claims: Mapping[str, Any]
    id_token: str | None = None
    emails: tuple[Mapping[str, Any], ...] | None = None


class IdentityProviders(Protocol):
    """Talks to providers; every address goes through the outbound guard."""

    async def endpoints(self, provider: Provider) -> Endpoints:
        """Where the provider answers; read anew once an hour.

        Raises:
            MetadataUnavailableError, MetadataIncompleteError
        """
        ...

    async def redeem(self, provider: Provider, grant: Grant) -> Evidence:
        """Exchanges a code and checks everything that comes back.

        Raises:
            ExchangeFailedError, TokenInvalidError, UserinfoFailedError, MetadataUnavailableError,
            MetadataIncompleteError
        """
        ...
