"""Use cases on users (platform.md 4.5–4.8)."""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Literal, cast

from clary.db.database import Database
from clary.db.session import Session, after_commit
from clary.features.accounts.administration import Person, Profile, UserAdministration, person_of
from clary.features.accounts.credentials import Caller, Credentials
from clary.features.accounts.deletion import UserDeletion
from clary.features.accounts.errors import (
    EmailTakenError,
    NoLocalPasswordError,
    UsernameTakenError,
    WrongOldPasswordError,
)
from clary.features.accounts.identities import Identities, OutsideClaims, OutsideUser
from clary.features.accounts.own_account import OwnAccount
from clary.features.accounts.payloads import MAX_CONFIG_BYTES
from clary.features.accounts.policy import (
    DEVICE_SECONDS,
    HAND,
    KNOWN_ADDRESS_LIFE,
    REFRESH_LIFE,
    AuthMode,
    clean_email,
    clean_username,
    require_password,
    username_key,
)
from clary.features.accounts.ports import GroupDirectory, GroupName, Onboarding, PasswordHashing
from clary.features.accounts.proxied import ProxiedIdentities, ProxyRules
from clary.features.accounts.registration import Registration, RegistrationRules, Wanted
from clary.features.accounts.repository import AccountRepository, IdentityRepository
from clary.features.accounts.sign_in import Origin, SignedIn, SignIn, Tokens
from clary.features.accounts.signing_keys import ensure_signing_key, ensure_signing_keys
from clary.features.accounts.tables import UserConfigRow, UserRow
from clary.features.accounts.throttling import AddressRate, AttemptQueue, LoginBrake
from clary.features.audit.service import SYSTEM, Act, Actor, AuditLog, AuditObject
from clary.features.permissions.service import Identity, Role
from clary.http.paging import Page
from clary.http.problems import NotSignedInError, ValidationFailedError
from clary.kit import json_text
from clary.kit.clock import Clock, wire_time
from clary.kit.ids import new_hex, new_token
from clary.kit.text import Text

__all__ = [
    "AccountService",
    "Caller",
    "Credentials",
    "Identities",
    "NewUser",
    "Origin",
    "OutsideClaims",
    "OutsideUser",
    "OwnAccount",
    "AddressRate",
    "Person",
    "Profile",
    "ProxiedIdentities",
    "ProxyRules",
    "Registration",
    "RegistrationRules",
    "SignIn",
    "SignedIn",
    "Tokens",
    "UserAdministration",
    "UserDeletion",
    "Wanted",
    "claims",
    "ensure_signing_key",
    "ensure_signing_keys",
    "generate_password",
]

RESERVED_KEYS = Text("config: 以 _ 开头的键不允许", "config: keys starting with _ are not allowed")
PASSWORD_WANTED = Text("password: 必填", "password: Field required")
CONFIG_FULL = Text("config: 合并后超过 64 KiB", "config: larger than 64 KiB when merged")
Directory = Literal["all", "groups", "self"]
Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class NewUser:
    """A user to be made."""

    username: str
    password: str | None
    email: str | None = None
    phonenum: str | None = None
    nickname: str | None = None
    role: Role = "user"


class AccountService:
    """The door of the slice."""

    def __init__(
        self,
        *,
        database: Database,
        passwords: PasswordHashing,
        credentials: Credentials,
        onboarding: Onboarding,
        groups: GroupDirectory,
        audit: AuditLog,
        clock: Clock,
        directory: Callable[[], Directory],
        mode: AuthMode,
        new_password: Callable[[], str],
    ) -> None:
        self._database = database
        self._passwords = passwords
        self._credentials = credentials
        self._onboarding = onboarding
        self._groups = groups
        self._audit = audit
        self._clock = clock
        self._directory = directory
        self._mode: AuthMode = mode
        self._new_password = new_password
        self._attempts = AttemptQueue()

    async def ensure_admin(self, *, username: str, password: str | None, email: str | None) -> str | None:
        """Makes the first admin when there is none; returns the generated password, once (4.5).

        Two processes starting together make one. Not in mode `oauth`, where a mapping gives the role.
        """
        if self._mode == "oauth":
            return None
        async with self._database.read() as db:
            if await AccountRepository(db).has_admin():
                return None
        chosen = password or self._new_password()
        row = await self._row(NewUser(username, chosen, email, role="admin"), verified=True)
        async with self._database.write() as db:
            accounts = AccountRepository(db)
            if await accounts.has_admin() or not await accounts.add_user(row):
                return None
            await self._record_new(db, row, SYSTEM)
        return chosen if password is None else None

    async def add_user(self, wanted: NewUser, *, by: Actor) -> str:
        """Makes a user; returns the id. `by`: who acts.

        Raises:
            UsernameInvalidError, EmailInvalidError, PasswordTooShortError, PasswordIsNameError, UsernameTakenError,
            EmailTakenError
        """
        row = await self._row(wanted, verified=True)
        async with self._database.write() as db:
            accounts = AccountRepository(db)
            if await accounts.find_by_name(row.username_key) is not None:
                raise UsernameTakenError
            if row.email is not None and await accounts.find_by_email(row.email) is not None:
                raise EmailTakenError
            if not await accounts.add_user(row):
                raise UsernameTakenError
            await self._record_new(db, row, by)
        return row.user_id

    async def _record_new(self, db: Session, row: UserRow, by: Actor) -> None:
        target = AuditObject("user", row.user_id, row.user_id)
        detail = {"username": row.username, "email": row.email, "role": row.role}
        await self._audit.record(
            db, Act("user.created", by, target, detail=detail, person=frozenset({"username", "email"}))
        )

    async def _row(self, wanted: NewUser, *, verified: bool) -> UserRow:
        username, email = clean_username(wanted.username), clean_email(wanted.email)
        password = None if self._mode == "oauth" else wanted.password
        if password is None and self._mode == "native":
            raise ValidationFailedError(PASSWORD_WANTED.render())
        if password is not None:
            require_password(password, username=username, email=email)
        return UserRow(
            user_id=new_hex(32),
            username=username,
            username_key=username_key(username),
            email=email,
            email_verified=verified and email is not None,
            nickname=wanted.nickname or None,
            phonenum=wanted.phonenum or None,
            avatar_url=None,
            role=wanted.role,
            role_source=HAND if wanted.role == "admin" else None,
            status="active",
            password_hash=None if password is None else await self._passwords.hash(password),
            created_at=self._clock.now(),
            last_login_at=None,
        )

    async def change_password(self, *, identity: Identity, old: str, new: str, address: str) -> None:
        """Sets a new password; every other session of the user ends.

        Raises:
            NoLocalPasswordError, WrongOldPasswordError, PasswordTooShortError, PasswordIsNameError,
            LoginThrottledError
        """
        async with self._attempts.turn(address):
            user = await self._require_old_password(identity, old, address)
        require_password(new, username=user.username, email=user.email)
        hashed = await self._passwords.hash(new)
        async with self._database.write() as db:
            fresh = await self._self(db, identity)
            fresh.password_hash = hashed
            accounts = AccountRepository(db)
            await accounts.end_other_sessions(identity.user_id, identity.login_session_id)
            target = AuditObject("user", identity.user_id, identity.user_id)
            await self._audit.record(db, Act("auth.password_changed", Actor.of(identity), target))
            await LoginBrake(db, self._clock.now(), account=user.username, address=address).succeeded()
            after_commit(db, lambda: self._credentials.forget_user(identity.user_id))

    async def _require_old_password(self, identity: Identity, old: str, address: str) -> UserRow:
        """The caller, who knows the present password; guessing it is braked as at sign-in."""
        async with self._database.write() as db:
            user = await self._self(db, identity)
            if user.password_hash is None or self._mode == "oauth":
                raise NoLocalPasswordError
            brake = LoginBrake(db, self._clock.now(), account=user.username, address=address)
            await brake.require_attempt(user_id=user.user_id, device_hash=None)
        if not await self._passwords.verify(old, user.password_hash):
            async with self._database.write() as db:
                await LoginBrake(db, self._clock.now(), account=user.username, address=address).failed()
            raise WrongOldPasswordError
        return user

    async def sweep(self) -> None:
        """Deletes sessions, counters and marks that have lost their meaning."""
        async with self._database.write() as db:
            await AccountRepository(db).drop_outdated(
                self._clock.now(),
                sessions=REFRESH_LIFE,
                devices=timedelta(seconds=DEVICE_SECONDS),
                places=KNOWN_ADDRESS_LIFE,
            )

    async def describe_session(self, db: Session, *, identity: Identity) -> Json:
        """UserInfoResponse (4.6), read from the database."""
        user = await self._self(db, identity)
        session = None
        if identity.login_session_id is not None:
            session = await AccountRepository(db).find_session(identity.login_session_id)
        groups = await self._groups.groups_by_user(db, user_ids=[user.user_id])
        return {
            "user": {**claims(user), "groups": groups.get(user.user_id, [])},
            "has_provider": await self._onboarding.has_provider(db, user_id=user.user_id),
            "has_agent": await self._onboarding.has_agent(db, user_id=user.user_id),
            "auth_method": session.method if session is not None else _method_of(identity),
            "expires_at": wire_time(session.expires_at) if session is not None else None,
        }

    async def read_config(self, db: Session, *, identity: Identity) -> Json:
        """What clients stored for this user."""
        row = await AccountRepository(db).config_of(identity.user_id)
        return dict(row.config) if row is not None else {}

    async def merge_config(self, db: Session, *, identity: Identity, config: Json) -> Json:
        """Merges by top-level key; null is a value.

        Raises:
            ValidationFailedError: a key starts with `_`, or the merged settings are too large.
        """
        if any(key.startswith("_") for key in config):
            raise ValidationFailedError(RESERVED_KEYS.render())
        accounts = AccountRepository(db)
        row = await accounts.config_of(identity.user_id)
        if row is None:
            row = UserConfigRow(user_id=identity.user_id, config={})
            accounts.add(row)
        merged = {**row.config, **config}
        if len(json_text.dumps(merged)) > MAX_CONFIG_BYTES:
            raise ValidationFailedError(CONFIG_FULL.render())
        row.config = merged
        return merged

    async def list_page(
        self, db: Session, *, page: Page, text: str | None, role: str | None, status: str | None
    ) -> Json:
        """Users for admins, newest first."""
        rows, total = await AccountRepository(db).list_users(
            offset=page.offset, limit=page.size, text=text, role=role, status=status
        )
        ids = [row.user_id for row in rows]
        groups = await self._groups.groups_by_user(db, user_ids=ids)
        linked = await IdentityRepository(db).providers_of(ids)
        items = [user_object(row, groups.get(row.user_id, []), linked.get(row.user_id, [])) for row in rows]
        return {"items": items, "total": total}

    async def list_options(self, db: Session, *, identity: Identity, text: str | None) -> list[Json]:
        """Names for a selector, as far as the directory is open."""
        only: Collection[str] | None = None
        directory = self._directory()
        if directory != "all" and not identity.is_admin:
            only = {identity.user_id}
            if directory == "groups":
                only |= await self._groups.companions_of(db, user_id=identity.user_id)
        rows = await AccountRepository(db).list_options(text=text, only=only)
        return [{"label": row.username, "value": row.user_id} for row in rows]

    async def find_profile(self, db: Session, *, user_id: str) -> Profile | None:
        """A person, disabled or not."""
        user = await AccountRepository(db).find_user(user_id)
        if user is None:
            return None
        groups = await self._groups.groups_by_user(db, user_ids=[user_id])
        return Profile(
            user.user_id,
            user.username,
            user.nickname,
            cast("Role", user.role),
            user.email,
            user.email_verified,
            user.avatar_url,
            tuple(group["name"] for group in groups.get(user_id, [])),
            user.updated_at or user.created_at,
            user.status == "active",
        )

    async def count_all(self, db: Session) -> int:
        """How many people there are."""
        return await AccountRepository(db).count_users()

    async def list_people(self, db: Session, *, user_ids: Collection[str]) -> dict[str, Person]:
        """User id → those of these people who exist, disabled ones too."""
        rows = await AccountRepository(db).list_by_ids(user_ids)
        return {row.user_id: person_of(row) for row in rows}

    async def _self(self, db: Session, identity: Identity) -> UserRow:
        user = await AccountRepository(db).find_user(identity.user_id)
        if user is None:
            raise NotSignedInError(NotSignedInError.EXPIRED)
        return user


def _method_of(identity: Identity) -> str:
    return "trusted_proxy" if identity.credential == "proxy" else identity.credential


def generate_password() -> str:
    """20 random characters."""
    return new_token()[:20]


def claims(user: UserRow) -> Json:
    """`claims` of 4.6: all strings, "" when empty."""
    return {
        "userid": user.user_id,
        "username": user.username,
        "nickname": user.nickname or user.username,
        "phonenum": user.phonenum or "",
        "email": user.email or "",
        "role": user.role,
        "avatar": user.avatar_url or "",
        "avatar_url": user.avatar_url or "",
    }


def user_object(user: UserRow, groups: list[GroupName], linked: list[str]) -> Json:
    """UserDTO of 4.8."""
    return {
        "user_id": user.user_id,
        "username": user.username,
        "nickname": user.nickname or user.username,
        "email": user.email,
        "phonenum": user.phonenum,
        "role": cast("Role", user.role),
        "status": user.status,
        "groups": groups,
        "auth_sources": [*(["native"] if user.password_hash else []), *linked],
        "created_at": wire_time(user.created_at),
        "last_login_at": wire_time(user.last_login_at),
    }
