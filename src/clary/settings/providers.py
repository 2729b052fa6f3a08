"""`CLARY_AUTH_PROVIDERS`: the ways to sign in elsewhere, as JSON (platform.md 5.3). A reason never shows a value."""

import re
from collections.abc import Iterator
from typing import Annotated, Any, Literal, cast
from urllib.parse import urlsplit

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from clary.features.upstream_login.ports import Provider
from clary.kit.safe_http import OutboundBlockedError, OutboundGuard
from clary.settings.environment import file_text
from clary.settings.prices import read_json
from clary.settings.values import CommaList, Switch, WebAddress, is_loopback

MAX_ID = 32
DISCOVERY = "/.well-known/openid-configuration"
OIDC_SCOPE = "openid profile email"
TAKEN_IDS = frozenset({"native", "hand"})
"""Words that say elsewhere where a login or a role comes from."""

_ID = re.compile(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?")
_NOT_IN_ID = re.compile(r"[^a-z0-9]+")
Short = Annotated[str, Field(max_length=200)]
Claim = Annotated[str, Field(min_length=1, max_length=200)]


class ProviderEntry(BaseModel):
    """One entry as written. A key that means nothing is refused: a mistyped limit must not leave a door open."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True, coerce_numbers_to_str=True)

    id: Short = ""
    type: Literal["oidc", "oauth2"] = "oidc"
    name: Short = ""
    button_text: Short = ""
    description: Short = ""
    icon: Short = ""
    enabled: Switch = True
    default: Switch = False
    client_id: Annotated[str, Field(min_length=1, max_length=500)]
    client_secret: str | None = None
    client_secret_file: str | None = None
    issuer: WebAddress | None = None
    discovery_url: WebAddress | None = None
    authorize_url: WebAddress | None = None
    token_url: WebAddress | None = None
    userinfo_url: WebAddress | None = None
    emails_url: WebAddress | None = None
    scope: str | None = None
    extra_params: dict[str, str] = {}
    token_auth: Literal["client_secret_basic", "client_secret_post"] | None = None
    subject_claim: Claim = "sub"
    username_claim: Claim = "preferred_username"
    name_claim: Claim = "name"
    email_claim: Claim = "email"
    avatar_claim: Claim = "picture"
    trust_email: Switch = False
    link_by_email: Switch = True
    allow_signup: Switch = True
    allowed_domains: CommaList = ()
    allowed_groups: CommaList = ()
    role_claim: Claim | None = None
    admin_values: CommaList = ("admin",)
    admin_groups: CommaList = ()
    admin_emails: CommaList = ()
    admin_subjects: CommaList = ()
    groups_claim: Claim | None = None
    group_map: dict[str, str] = {}
    group_create: Switch = False
    upstream_logout: Switch = False
    end_session_url: WebAddress | None = None


def read_providers(value: Any) -> Any:
    """The providers of a JSON text, of `@` and a path, or of a list given in code.

    Raises:
        ValueError: the first thing that is wrong.
    """
    entries = read_json(value) if isinstance(value, str) else value
    if not isinstance(entries, (list, tuple)):
        raise ValueError("must be a JSON array")
    found: list[Provider] = []
    for number, entry in enumerate(cast("list[Any]", entries), 1):
        provider = entry if isinstance(entry, Provider) else _provider(entry, number)
        if any(each.id == provider.id for each in found):
            raise ValueError(f"entry {number}: its id is used twice")
        found.append(provider)
    if sum(each.is_default for each in found) > 1:
        raise ValueError("more than one entry is the default")
    return tuple(found)


AuthProviders = Annotated[tuple[Provider, ...], BeforeValidator(read_providers)]


def _provider(value: Any, number: int) -> Provider:
    if not isinstance(value, dict):
        raise ValueError(f"entry {number} must be an object")
    given = {key: each for key, each in cast("dict[str, Any]", value).items() if each is not None}
    try:
        entry = ProviderEntry.model_validate(given)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        path = ".".join(map(str, first["loc"]))
        raise ValueError(f"entry {number}: {path}: {first['msg'].removeprefix('Value error, ')}") from None
    for reason in _faults(entry):
        raise ValueError(f"entry {number}: {reason}")
    return _checked(entry, number)


def _faults(entry: ProviderEntry) -> Iterator[str]:
    addresses = {name: getattr(entry, name) for name in ("authorize_url", "token_url", "userinfo_url")}
    if entry.type == "oidc":
        if entry.discovery_url is None and entry.issuer is None:
            yield "discovery_url or issuer is required"
        for name, address in {**addresses, "emails_url": entry.emails_url}.items():
            if address is not None:
                yield f"{name} belongs to the type oauth2 only"
    for name, address in addresses.items():
        if entry.type == "oauth2" and address is None:
            yield f"{name} is required"
    if entry.client_secret is not None and entry.client_secret_file is not None:
        yield "client_secret and client_secret_file are both given; keep one of them"


def _id(entry: ProviderEntry, number: int) -> str:
    if entry.id:
        found = entry.id
        if len(found) > MAX_ID or not _ID.fullmatch(found):
            raise ValueError(f"entry {number}: id must be up to {MAX_ID} lower-case letters, digits and inner hyphens")
    else:
        found = _NOT_IN_ID.sub("-", entry.name.lower()).strip("-")[:MAX_ID].strip("-")
        if not found:
            raise ValueError(f"entry {number}: an id, or a name with letters or digits, is required")
    if found in TAKEN_IDS:
        raise ValueError(f"entry {number}: this id has a meaning of its own")
    return found


def _secret(entry: ProviderEntry, number: int) -> str | None:
    if entry.client_secret_file is None:
        return entry.client_secret or None
    try:
        return file_text(entry.client_secret_file).strip() or None
    except ValueError as error:
        raise ValueError(f"entry {number}: client_secret_file: {error}") from None


def _checked(entry: ProviderEntry, number: int) -> Provider:
    provider_id = _id(entry, number)
    discovery = entry.discovery_url
    if entry.type == "oidc" and discovery is None:
        discovery = f"{(entry.issuer or '').rstrip('/')}{DISCOVERY}"
    kept = {name: getattr(entry, name) for name in _SAME_NAMES}
    return Provider(
        id=provider_id,
        protocol=entry.type,
        name=entry.name or provider_id,
        is_enabled=entry.enabled,
        is_default=entry.default,
        client_secret=_secret(entry, number),
        discovery_url=discovery,
        scope=entry.scope if entry.scope is not None else (OIDC_SCOPE if entry.type == "oidc" else ""),
        trusts_email=entry.trust_email,
        links_by_email=entry.link_by_email,
        allows_signup=entry.allow_signup,
        allowed_domains=tuple(each.lower().removeprefix("@") for each in entry.allowed_domains),
        admin_emails=tuple(each.lower() for each in entry.admin_emails),
        creates_groups=entry.group_create,
        signs_out=entry.upstream_logout,
        **kept,
    )


_SAME_NAMES = (
    *("client_id", "button_text", "description", "icon", "issuer", "authorize_url", "token_url", "userinfo_url"),
    *("emails_url", "extra_params", "token_auth", "subject_claim", "username_claim", "name_claim", "email_claim"),
    *("avatar_claim", "allowed_groups", "role_claim", "admin_values", "admin_groups", "admin_subjects"),
    *("groups_claim", "group_map", "end_session_url"),
)


def unsafe_address(provider: Provider, outbound_allow: tuple[str, ...]) -> str | None:
    """The first address of a provider that is neither https nor allowed to be http; None when all are fine."""
    names = ("issuer", "discovery_url", "authorize_url", "token_url", "userinfo_url", "emails_url", "end_session_url")
    for name in names:
        address = getattr(provider, name)
        if address is not None and not is_safe(address, outbound_allow):
            return name
    return None


def is_safe(address: str, outbound_allow: tuple[str, ...]) -> bool:
    """https; http only for this machine or a host on the outbound allow-list (platform.md 5.2)."""
    parts = urlsplit(address)
    if parts.scheme == "https" or is_loopback(parts.hostname or ""):
        return True
    try:
        OutboundGuard(outbound_allow).check_url(address, https_only=True)
    except OutboundBlockedError:
        return False
    return True
