"""People whom a trusted proxy in front of the server has signed in (platform.md 3.2)."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import cast

from clary.db.database import Database
from clary.db.session import Session
from clary.features.accounts.credentials import Found
from clary.features.accounts.identities import PROXY, Identities, OutsideClaims, OutsideUser
from clary.features.accounts.ports import GroupDirectory
from clary.features.accounts.repository import AccountRepository
from clary.features.permissions.service import Identity, Role
from clary.http.problems import NotSignedInError
from clary.kit.clock import Clock
from clary.kit.text import has_control_characters

USABLE_ID = re.compile(r"[A-Za-z0-9_.@-]{1,64}")
MAX_VALUE = 128
MAX_GROUPS = 1000
KEEP_SECONDS = 1.0
MAX_KEPT = 10_000


@dataclass(frozen=True, slots=True)
class ProxyRules:
    """What the operator lets the proxy say. `trusts_role`: its word on the role counts."""

    trusts_role: bool = False
    admin_groups: frozenset[str] = frozenset()
    group_map: Mapping[str, str] | None = None
    creates_groups: bool = False


@dataclass(frozen=True, slots=True)
class ProxiedPerson:
    """What the headers of one request say; None: the header was not sent. `groups` "" means no group."""

    value: str
    email: str | None = None
    name: str | None = None
    groups: str | None = None
    role: str | None = None


@dataclass(frozen=True, slots=True)
class _Kept:
    found: Found
    until: float


class ProxiedIdentities:
    """Finds or makes the user of a request; an answer is kept for at most a second."""

    def __init__(
        self, *, database: Database, identities: Identities, groups: GroupDirectory, clock: Clock, rules: ProxyRules
    ) -> None:
        self._database = database
        self._identities = identities
        self._groups = groups
        self._clock = clock
        self._rules = rules
        self._kept: dict[ProxiedPerson, _Kept] = {}

    def forget_user(self, user_id: str) -> None:
        """Something about a user changed."""
        self._kept = {
            person: kept
            for person, kept in self._kept.items()
            if kept.found.identity is not None and kept.found.identity.user_id != user_id
        }

    async def find(self, values: Sequence[str], person: ProxiedPerson) -> Found | None:
        """The caller whom the header names; None: it was not sent.

        `values`: everything that stood in headers of this meaning. Contradictions and nonsense are nobody.
        """
        sent = {value.strip() for value in values if value.strip()}
        if not sent:
            return None
        value = sent.pop()
        if sent or len(value) > MAX_VALUE or has_control_characters(value):
            return Found(None, NotSignedInError.MALFORMED)
        kept = self._kept.get(person)
        if kept is not None and kept.until > self._clock.monotonic():
            return kept.found
        found = await self._look(person)
        if len(self._kept) > MAX_KEPT:
            self._kept.clear()
        self._kept[person] = _Kept(found, self._clock.monotonic() + KEEP_SECONDS)
        return found

    async def _look(self, person: ProxiedPerson) -> Found:
        claims = claims_of(person, self._rules)
        async with self._database.read() as db:
            user = await self._identities.find_by_identity(db, provider_id=PROXY, subject=person.value)
            is_current = user is not None and await self._identities.is_current(db, user=user, claims=claims)
            if user is not None and is_current:
                return await self._found(db, user)
        async with self._database.write() as db:
            user = await self._arrive(db, claims)
            return await self._found(db, user)

    async def _arrive(self, db: Session, claims: OutsideClaims) -> OutsideUser:
        """The user of this person, known, met by id, or made; with what the proxy says now."""
        user = await self._identities.find_by_identity(db, provider_id=PROXY, subject=claims.subject)
        if user is None:
            user = await self._by_id(db, claims)
        if user is None:
            return await self._identities.create_from_outside(db, claims=await self._with_id(db, claims))
        if not user.is_active:
            return user
        await self._identities.update_from_outside(db, user_id=user.user_id, claims=claims)
        fresh = await self._identities.find_by_identity(db, provider_id=PROXY, subject=claims.subject)
        return fresh or user

    async def _by_id(self, db: Session, claims: OutsideClaims) -> OutsideUser | None:
        """Existing clients key their data by the value; an administrator is never met by it."""
        row = await AccountRepository(db).find_user(claims.subject)
        if row is None or row.role == "admin":
            return None
        if row.status == "active":
            # Without the groups: what the proxy says of them is news for this user.
            await self._identities.link(db, user_id=row.user_id, claims=claims.without_groups())
        return OutsideUser(row.user_id, row.username, row.role, row.status == "active", row.email_verified)

    async def _with_id(self, db: Session, claims: OutsideClaims) -> OutsideClaims:
        value = claims.subject
        is_free = USABLE_ID.fullmatch(value) is not None and await AccountRepository(db).find_user(value) is None
        return claims.with_user_id(value) if is_free else claims

    async def _found(self, db: Session, user: OutsideUser) -> Found:
        if not user.is_active:
            return Found(None, NotSignedInError.EXPIRED)
        groups = await self._groups.groups_of(db, user_id=user.user_id)
        return Found(Identity(user.user_id, user.username, cast("Role", user.role), "proxy", group_ids=groups))


def claims_of(person: ProxiedPerson, rules: ProxyRules) -> OutsideClaims:
    """What the proxy says, by the operator's rules (5.4); an address counts as unverified."""
    sent = split_groups(person.groups)
    groups: tuple[str, ...] | None = None
    if sent is not None:
        known = rules.group_map or {}
        groups = tuple(known.get(name, name) for name in sent if name in known or rules.creates_groups)
    return OutsideClaims(
        provider_id=PROXY,
        subject=person.value,
        names=(person.value, person.name),
        nickname=person.name,
        email=person.email,
        is_admin=_is_admin(person, sent, rules),
        groups=groups,
        create_groups=rules.creates_groups,
        group_source=PROXY,
        sent_groups=sent,
    )


def split_groups(header: str | None) -> tuple[str, ...] | None:
    """The names of a comma list, without blanks and repeats; None: no header."""
    if header is None:
        return None
    names = dict.fromkeys(part.strip() for part in header.split(",") if part.strip())
    return tuple(list(names)[:MAX_GROUPS])


def _is_admin(person: ProxiedPerson, sent: tuple[str, ...] | None, rules: ProxyRules) -> bool | None:
    """None: the role is left alone, because nothing that could give or take it was said this time."""
    said: list[bool] = []
    if rules.trusts_role and person.role is not None:
        said.append(person.role.strip().lower() == "admin")
    if rules.admin_groups and sent is not None:
        said.append(bool(rules.admin_groups.intersection(sent)))
    return any(said) if said else None
