"""Rules of linking, roles and groups (platform.md 5.4), the callback address and the order of providers (5.1, 5.2).

Everything here is pure: it reads what a provider proved and what the database knows, and decides.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Literal, NamedTuple, cast

from clary.features.accounts.errors import IdentityEmailTakenError
from clary.features.accounts.service import OutsideClaims, OutsideUser
from clary.features.upstream_login.errors import SignupNotAllowedError, SubjectMissingError
from clary.features.upstream_login.ports import Evidence, Provider

FLOW_SECONDS = 600
FLOW_LIFE = timedelta(seconds=FLOW_SECONDS)
MAX_FLOW_COOKIES = 5
COOKIE_PREFIX = "clary_flow_"
MARK_DIGITS = 8
MAX_SUBJECT = 255
MAX_NAMES = 1000
MAX_NAME = 255
MAX_DEPTH = 10


@dataclass(frozen=True, slots=True)
class Person:
    """Who stands at the door, as far as the provider proved it. `groups` None: the provider says nothing about them."""

    subject: str
    names: tuple[str | None, ...] = ()
    nickname: str | None = None
    email: str | None = None
    is_email_verified: bool = False
    avatar_url: str | None = None
    roles: tuple[str, ...] = ()
    groups: tuple[str, ...] | None = None
    id_token: str | None = field(default=None, repr=False)

    @property
    def verified_email(self) -> str | None:
        """The address, if somebody vouches for it."""
        return self.email if self.is_email_verified else None


class Decision(NamedTuple):
    """What a sign-in does: into a known user, linking a user met by e-mail, or making a new one."""

    does: Literal["known", "link", "create"]
    user_id: str | None


def read_person(provider: Provider, evidence: Evidence) -> Person:
    """The person of some claims.

    Raises:
        SubjectMissingError
    """
    claims = evidence.claims
    subject = _subject(find_claim(claims, provider.subject_claim))
    email, is_verified = _email(provider, evidence)
    name = _text(find_claim(claims, provider.name_claim))
    username = _text(find_claim(claims, provider.username_claim))
    local_part = email.partition("@")[0] if email else None
    groups = None if provider.groups_claim is None else names_in(find_claim(claims, provider.groups_claim))
    return Person(
        subject=subject,
        names=(username, _text(claims.get("preferred_username")), name, local_part),
        nickname=name,
        email=email,
        is_email_verified=is_verified,
        avatar_url=_text(find_claim(claims, provider.avatar_claim)),
        roles=() if provider.role_claim is None else names_in(find_claim(claims, provider.role_claim)),
        groups=groups,
        id_token=evidence.id_token,
    )


def find_claim(claims: Mapping[str, Any], name: str) -> Any:
    """A claim by its name; dots step into objects. A claim that has the dots in its own name comes first."""
    if name in claims:
        return claims[name]
    found: Any = claims
    for part in name.split(".")[:MAX_DEPTH]:
        if not isinstance(found, Mapping):
            return None
        found = cast("Mapping[str, Any]", found).get(part)
    return found


def names_in(value: Any) -> tuple[str, ...]:
    """Names of a text or a list of texts, bounded; everything else in a list counts for nothing."""
    found = cast("list[Any]", value) if isinstance(value, list) else [value]
    texts = (each.strip() for each in found[:MAX_NAMES] if isinstance(each, str))
    return tuple(dict.fromkeys(text for text in texts if 0 < len(text) <= MAX_NAME))


def _text(value: Any) -> str | None:
    """A text; of a list the first that is not empty."""
    if isinstance(value, list):
        return next(filter(None, map(_text, cast("list[Any]", value)[:MAX_NAMES])), None)
    return value.strip() or None if isinstance(value, str) else None


def _subject(value: Any) -> str:
    if isinstance(value, list):
        value = _text(cast("object", value))
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    # Not stripped: a subject is compared as it was sent.
    if not isinstance(value, str) or not value.strip() or len(value) > MAX_SUBJECT:
        raise SubjectMissingError
    return value


def _email(provider: Provider, evidence: Evidence) -> tuple[str | None, bool]:
    """The address as compared, and whether somebody vouches for it; an absent flag vouches for nothing."""
    if evidence.emails is not None:
        for entry in evidence.emails:
            listed = _address(entry.get("email"))
            if listed and entry.get("primary") is True and entry.get("verified") is True:
                return listed, True
    address = _address(find_claim(evidence.claims, provider.email_claim))
    flag = evidence.claims.get("email_verified")
    # With a list of addresses the list alone says which are verified.
    vouched = evidence.emails is None and (flag is True or flag == "true")
    return address, address is not None and (provider.trusts_email or vouched)


def _address(value: Any) -> str | None:
    text = _text(value)
    return text.lower() if text and text.count("@") == 1 and len(text) <= MAX_NAME - 1 else None


def require_allowed(provider: Provider, person: Person) -> None:
    """The limits of a provider, at every sign-in.

    Raises:
        SignupNotAllowedError
    """
    domain = (person.verified_email or "").partition("@")[2]
    if provider.allowed_domains and domain not in provider.allowed_domains:
        raise SignupNotAllowedError
    if provider.allowed_groups and not set(provider.allowed_groups).intersection(person.groups or ()):
        raise SignupNotAllowedError


def decide(
    provider: Provider,
    person: Person,
    *,
    known: OutsideUser | None,
    by_email: OutsideUser | None,
    has_identity_here: bool,
) -> Decision:
    """The first rule of 5.4 that applies. `by_email`: who has the address; `has_identity_here`: of this provider.

    Raises:
        IdentityEmailTakenError, SignupNotAllowedError
    """
    if known is not None:
        return Decision("known", known.user_id)
    if by_email is not None and person.is_email_verified:
        is_open = by_email.is_active and by_email.role != "admin" and by_email.is_email_verified
        if provider.links_by_email and is_open and not has_identity_here:
            return Decision("link", by_email.user_id)
        raise IdentityEmailTakenError
    if not provider.allows_signup:
        raise SignupNotAllowedError
    return Decision("create", None)


def is_admin(provider: Provider, person: Person) -> bool:
    """The role by mapping."""
    return (
        bool(set(provider.admin_values).intersection(person.roles))
        or bool(set(provider.admin_groups).intersection(person.groups or ()))
        or person.verified_email in provider.admin_emails
        or person.subject in provider.admin_subjects
    )


def our_groups(provider: Provider, person: Person) -> tuple[str, ...] | None:
    """The names of our groups; None: the provider says nothing about groups."""
    if person.groups is None:
        return None
    known = provider.group_map
    return tuple(known.get(name, name) for name in person.groups if name in known or provider.creates_groups)


def outside_claims(provider: Provider, person: Person) -> OutsideClaims:
    """What the accounts slice needs to know."""
    return OutsideClaims(
        provider_id=provider.id,
        subject=person.subject,
        names=person.names,
        nickname=person.nickname,
        email=person.email,
        email_verified=person.is_email_verified,
        avatar_url=person.avatar_url,
        is_admin=is_admin(provider, person),
        groups=our_groups(provider, person),
        create_groups=provider.creates_groups,
        group_source=f"upstream:{provider.id}",
        sent_groups=person.groups,
    )


def in_order(providers: Iterable[Provider]) -> list[Provider]:
    """Enabled entries: the default one first, then by name."""
    return sorted(
        (each for each in providers if each.is_enabled), key=lambda each: (not each.is_default, each.name.lower())
    )


def callback_paths(provider_id: str) -> tuple[str, str]:
    """The path of the callback, and its alias."""
    return f"/api/auth/upstream/callback/{provider_id}", f"/api/user/oauth/callback/{provider_id}"


def callback_addresses(provider_id: str, *, own_origin: str, api_prefix: str) -> tuple[str, ...]:
    """Every address that may be given as `redirect_uri`; the first one is used without any."""
    paths = callback_paths(provider_id)
    return tuple(f"{own_origin}{prefix}{path}" for prefix in dict.fromkeys((api_prefix, "")) for path in paths)


def cookies_to_drop(sent: Sequence[str], beginnings: Mapping[str, datetime]) -> list[str]:
    """Marks of flow cookies that must go so that one more fits: those of ended flows first, then the oldest."""
    alive = sorted((mark for mark in sent if mark in beginnings), key=lambda mark: beginnings[mark])
    by_age = [mark for mark in sent if mark not in beginnings] + alive
    return by_age[: max(0, len(sent) - MAX_FLOW_COOKIES + 1)]
