"""People as other services know them: found, linked, made at first sight (platform.md 3.2, 5.4).

Upstream login and the trusted proxy decide whom a claim may meet; what that does to users is done here, in their
transaction. Nobody is ever found by name or address alone.
"""

import hashlib
from dataclasses import dataclass, replace

from clary.db.session import Session, after_commit
from clary.features.accounts.credentials import Credentials
from clary.features.accounts.errors import IdentityEmailTakenError, IdentityTakenError, UsernameTakenError
from clary.features.accounts.policy import HAND, is_avatar, name_from_outside, optional_email, username_key
from clary.features.accounts.ports import GroupMapping, TokensElsewhere
from clary.features.accounts.repository import AccountRepository, IdentityRepository
from clary.features.accounts.tables import UserIdentityRow, UserRow
from clary.features.audit.service import SYSTEM, Act, Actor, AuditLog, AuditObject
from clary.kit.clock import Clock
from clary.kit.ids import new_hex

NAME_ATTEMPTS = 20
PROXY = "trusted_proxy"


@dataclass(frozen=True, slots=True)
class OutsideClaims:
    """What another service says about somebody.

    `names`: candidates for the user name, best first. `is_admin` None: the role is left alone; else the role by
    mapping. `groups` None: left alone; else the names of our groups, already translated. `sent_groups`: the names as
    sent, kept to see a change. `user_id`: a wanted id, already judged (3.2).
    """

    provider_id: str
    subject: str
    names: tuple[str | None, ...] = ()
    nickname: str | None = None
    email: str | None = None
    email_verified: bool = False
    avatar_url: str | None = None
    is_admin: bool | None = None
    groups: tuple[str, ...] | None = None
    create_groups: bool = False
    group_source: str = ""
    sent_groups: tuple[str, ...] | None = None
    user_id: str | None = None

    def without_groups(self) -> "OutsideClaims":
        """The same claims without a word about groups."""
        return replace(self, groups=None, sent_groups=None)

    def with_user_id(self, user_id: str) -> "OutsideClaims":
        """The same claims of somebody whose new account should have this id."""
        return replace(self, user_id=user_id)


@dataclass(frozen=True, slots=True)
class OutsideUser:
    """A user, as those who bring people in from outside need to know it."""

    user_id: str
    username: str
    role: str
    is_active: bool
    is_email_verified: bool


class Identities:
    """The door for whoever brings people in from outside; every method works in the caller's transaction."""

    def __init__(self, *, credentials: Credentials, groups: GroupMapping, audit: AuditLog, clock: Clock) -> None:
        self._credentials = credentials
        self._groups = groups
        self._audit = audit
        self._clock = clock
        self._tokens: list[TokensElsewhere] = []

    def add_tokens(self, tokens: TokensElsewhere) -> None:
        """Makes somebody known who gives out tokens in users' names; these end with a role that is taken back."""
        self._tokens.append(tokens)

    async def find_by_identity(self, db: Session, *, provider_id: str, subject: str) -> OutsideUser | None:
        """The user an identity is linked to, active or not."""
        return _seen(await IdentityRepository(db).find_user(provider_id, subject))

    async def find_by_email(self, db: Session, *, email: str) -> OutsideUser | None:
        """Whoever has this address, as compared; for the rules of 5.4, which decide what follows."""
        address = optional_email(email)
        return _seen(await AccountRepository(db).find_by_email(address)) if address else None

    async def is_current(self, db: Session, *, user: OutsideUser, claims: OutsideClaims) -> bool:
        """Whether these claims would change nothing about a known user."""
        known = await IdentityRepository(db).find(claims.provider_id, claims.subject)
        row = await AccountRepository(db).find_user(user.user_id)
        if known is None or row is None:
            return False
        same_groups = claims.sent_groups is None or known.groups == list(claims.sent_groups)
        is_mapped = row.role_source == claims.provider_id
        gains = claims.is_admin is True and row.role != "admin" and row.role_source != HAND
        loses = claims.is_admin is False and row.role == "admin" and is_mapped
        fills = row.nickname is None and _nickname(claims) is not None
        if loses:
            # The last active administrator keeps the role, so that nothing would change.
            loses = await AccountRepository(db).has_active_admin(besides=row.user_id)
        return same_groups and not gains and not loses and not fills

    async def has_identity_of(self, db: Session, *, user_id: str, provider_id: str) -> bool:
        """Whether a user has an identity of this provider already."""
        return await IdentityRepository(db).has(user_id, provider_id)

    async def link(self, db: Session, *, user_id: str, claims: OutsideClaims, actor: Actor = SYSTEM) -> None:
        """Links an identity to a user; harmless when it is linked to this user already. Audited.

        Raises:
            IdentityTakenError: it belongs to somebody else.
        """
        identities = IdentityRepository(db)
        known = await identities.find(claims.provider_id, claims.subject)
        if known is None and not await identities.add(self._row(user_id, claims)):
            known = await identities.find(claims.provider_id, claims.subject)
        if known is not None:
            if known.user_id != user_id:
                raise IdentityTakenError
            return
        await self._audit.record(
            db,
            Act(
                "auth.identity_linked",
                actor,
                AuditObject("user", user_id, user_id),
                detail={"provider_id": claims.provider_id},
            ),
        )

    async def create_from_outside(self, db: Session, *, claims: OutsideClaims) -> OutsideUser:
        """Makes a user without password, with its identity, role and groups. Audited.

        The name is the first usable of `names`, else `user_` + 12 hex of SHA-256(subject); a clash appends `_` + 6
        hex. An address that somebody has is left out when unverified.

        Raises:
            IdentityEmailTakenError: somebody else has the verified address.
        """
        accounts = AccountRepository(db)
        email = optional_email(claims.email)
        if email is not None and await accounts.find_by_email(email) is not None:
            if claims.email_verified:
                raise IdentityEmailTakenError
            email = None
        fallback = "user_" + hashlib.sha256(claims.subject.encode()).hexdigest()[:12]
        user = await self._save_new(accounts, claims, name_from_outside(claims.names) or fallback, email)
        await accounts.flush()
        await self._audit.record(
            db,
            Act(
                "user.created",
                SYSTEM,
                AuditObject("user", user.user_id, user.user_id),
                detail={"username": user.username, "role": user.role, "provider_id": claims.provider_id},
                person=frozenset({"username"}),
            ),
        )
        await self.link(db, user_id=user.user_id, claims=claims)
        await self._put_groups(db, user.user_id, claims)
        seen = _seen(user)
        assert seen is not None
        return seen

    async def update_from_outside(self, db: Session, *, user_id: str, claims: OutsideClaims) -> None:
        """What a sign-in changes about an existing user (5.4): empty fields are filled, the mapped role and the
        groups follow. A role given by hand stays, and so does the last active admin's."""
        accounts, identities = AccountRepository(db), IdentityRepository(db)
        user = await accounts.find_user(user_id)
        known = await identities.find(claims.provider_id, claims.subject)
        if user is None:
            return
        before = known.groups if known is not None else None
        if known is not None:
            known.name, known.username = _cut(claims.nickname), _cut(next(filter(None, claims.names), None))
            known.email = optional_email(claims.email)
            known.groups = known.groups if claims.sent_groups is None else list(claims.sent_groups)
        user.nickname = user.nickname or _nickname(claims)
        user.avatar_url = user.avatar_url or _avatar(claims)
        email = optional_email(claims.email)
        if user.email is None and email and claims.email_verified and await accounts.find_by_email(email) is None:
            user.email, user.email_verified = email, True
        await self._put_role(db, user, claims)
        # A proxy says the same with every request; what it repeats is no news.
        if claims.provider_id != PROXY or before is None or before != list(claims.sent_groups or ()):
            await self._put_groups(db, user_id, claims)

    async def _put_role(self, db: Session, user: UserRow, claims: OutsideClaims) -> None:
        if claims.is_admin is None or user.role_source == HAND:
            return
        before = user.role
        if claims.is_admin and user.role != "admin":
            user.role, user.role_source = "admin", claims.provider_id
        elif not claims.is_admin and user.role == "admin" and user.role_source == claims.provider_id:
            if not await AccountRepository(db).has_active_admin(besides=user.user_id):
                return
            user.role, user.role_source = "user", None
            await AccountRepository(db).end_other_sessions(user.user_id, keep=None)
            for tokens in self._tokens:
                await tokens.end_tokens(db, user_id=user.user_id)
        if user.role == before:
            return
        after_commit(db, lambda: self._credentials.forget_user(user.user_id))
        detail = {"role": [before, user.role], "provider_id": claims.provider_id}
        target = AuditObject("user", user.user_id, user.user_id)
        await self._audit.record(db, Act("user.role_changed", SYSTEM, target, detail=detail))

    async def _put_groups(self, db: Session, user_id: str, claims: OutsideClaims) -> None:
        if claims.groups is not None:
            await self._groups.replace_memberships(
                db, user_id=user_id, source=claims.group_source, names=claims.groups, create=claims.create_groups
            )

    async def _save_new(
        self, accounts: AccountRepository, claims: OutsideClaims, name: str, email: str | None
    ) -> UserRow:
        wanted = name
        for _ in range(NAME_ATTEMPTS):
            if await accounts.find_by_name(username_key(wanted)) is None:
                user = self._user(claims, wanted, email)
                if await accounts.add_user(user):
                    return user
            wanted = f"{name[:57]}_{new_hex(6)}"
        raise UsernameTakenError

    def _user(self, claims: OutsideClaims, name: str, email: str | None) -> UserRow:
        return UserRow(
            user_id=claims.user_id or new_hex(32),
            username=name,
            username_key=username_key(name),
            email=email,
            email_verified=claims.email_verified and email is not None,
            nickname=_nickname(claims),
            phonenum=None,
            avatar_url=_avatar(claims),
            role="admin" if claims.is_admin else "user",
            role_source=claims.provider_id if claims.is_admin else None,
            status="active",
            password_hash=None,
            created_at=self._clock.now(),
            last_login_at=None,
        )

    def _row(self, user_id: str, claims: OutsideClaims) -> UserIdentityRow:
        return UserIdentityRow(
            provider_id=claims.provider_id,
            subject=claims.subject,
            user_id=user_id,
            name=_cut(claims.nickname),
            username=_cut(next(filter(None, claims.names), None)),
            email=optional_email(claims.email),
            groups=None if claims.sent_groups is None else list(claims.sent_groups),
            linked_at=self._clock.now(),
        )


def _seen(user: UserRow | None) -> OutsideUser | None:
    if user is None:
        return None
    return OutsideUser(
        user.user_id,
        user.username,
        user.role,
        user.status == "active",
        user.email is not None and user.email_verified,
    )


def _cut(text: str | None) -> str | None:
    return text[:255] if text else None


def _nickname(claims: OutsideClaims) -> str | None:
    return (claims.nickname or "").strip()[:64] or None


def _avatar(claims: OutsideClaims) -> str | None:
    return claims.avatar_url if claims.avatar_url and is_avatar(claims.avatar_url) else None
