"""What administrators change about other people: fields, role, status, password (platform.md 4.3, 4.5, 4.8).

At least one active administrator always remains. What takes rights away ends every session and token of the user.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast

from clary.db.database import Database
from clary.db.session import Session, after_commit
from clary.features.accounts.credentials import Credentials
from clary.features.accounts.errors import EmailTakenError, LastAdminError, UserNotFoundError
from clary.features.accounts.policy import HAND, clean_email, require_password, username_key
from clary.features.accounts.ports import PasswordHashing, RunStopper, TokensElsewhere
from clary.features.accounts.repository import AccountRepository
from clary.features.accounts.tables import UserRow
from clary.features.audit.service import Act, Actor, AuditLog, AuditObject, changes
from clary.features.permissions.service import Role, Target
from clary.kit.clock import Clock


@dataclass(frozen=True, slots=True)
class Person:
    """A user as others see one; `nickname` falls back to the name."""

    user_id: str
    username: str
    nickname: str
    role: Role
    is_active: bool


@dataclass(frozen=True, slots=True)
class Profile:
    """What a person lets others know, as far as they are told (platform.md 6.6); groups by name."""

    user_id: str
    username: str
    nickname: str | None
    role: Role
    email: str | None
    email_verified: bool
    avatar_url: str | None
    groups: tuple[str, ...]
    updated_at: datetime
    is_active: bool


def person_of(row: UserRow) -> Person:
    """A user as others see one."""
    name = row.nickname or row.username
    return Person(row.user_id, row.username, name, cast("Role", row.role), row.status == "active")


PERSONAL = frozenset({"nickname", "email", "phonenum", "avatar_url", "username"})
"""Fields that name a person in the audit log."""


class UserAdministration:
    """Each method is one transaction of its own; a change counts in every process within a second. `by`: who acts."""

    def __init__(
        self,
        *,
        database: Database,
        passwords: PasswordHashing,
        credentials: Credentials,
        audit: AuditLog,
        clock: Clock,
        new_password: Callable[[], str],
    ) -> None:
        self._database = database
        self._passwords = passwords
        self._credentials = credentials
        self._audit = audit
        self._clock = clock
        self._new_password = new_password
        self._tokens: list[TokensElsewhere] = []
        self._stopper: RunStopper | None = None

    def add_tokens(self, tokens: TokensElsewhere) -> None:
        """Makes somebody known who gives out tokens in users' names; these end with the sessions."""
        self._tokens.append(tokens)

    def stop_runs_with(self, stopper: RunStopper) -> None:
        """Names who ends the runs of somebody who is locked out."""
        self._stopper = stopper

    async def get_user_id(self, account: str) -> str:
        """The id of the user with this name or e-mail address, as at sign-in.

        Raises:
            UserNotFoundError, EmailInvalidError
        """
        async with self._database.read() as db:
            accounts = AccountRepository(db)
            email = clean_email(account) if "@" in account else None
            user = await (accounts.find_by_email(email) if email else accounts.find_by_name(username_key(account)))
        if user is None:
            raise UserNotFoundError
        return user.user_id

    async def find_account(self, db: Session, *, account: str) -> Person | None:
        """The user with this name, e-mail address or id."""
        accounts = AccountRepository(db)
        by_name = await accounts.find_by_name(username_key(account))
        user = by_name or await accounts.find_user(account) or await accounts.find_by_email(account.strip().lower())
        return person_of(user) if user is not None else None

    async def find_target(self, db: Session, *, object_id: str) -> Target | None:
        """What the permission rule has to know of a user."""
        user = await AccountRepository(db).find_user(object_id)
        return Target("user", object_id, object_id) if user is not None else None

    async def update(self, *, user_id: str, fields: dict[str, Any], by: Actor) -> None:
        """Changes what is named: `nickname`, `email`, `phonenum` (None clears), `role`, `disabled`; all or nothing.

        An address that an administrator gives counts as verified.

        Raises:
            UserNotFoundError, LastAdminError, EmailInvalidError, EmailTakenError
        """
        wanted, disabled = dict(fields), fields.get("disabled")
        if "email" in wanted:
            wanted["email"] = clean_email(wanted["email"])
        async with self._database.write() as db:
            user = await self._get(db, user_id)
            await self._put_fields(db, user, {key: wanted[key] for key in wanted.keys() & PERSONAL}, by)
            if wanted.get("role") is not None:
                await self._put_role(db, user, wanted["role"], by)
            if disabled is not None:
                await self._put_disabled(db, user, disabled, by)
            after_commit(db, lambda: self._credentials.forget_user(user_id))
        if disabled:
            await self._stop_runs(user_id)

    async def set_role(self, *, user_id: str, role: Role, by: Actor) -> None:
        """Gives or takes the role; taking it ends all sessions of the user.

        Raises:
            UserNotFoundError, LastAdminError
        """
        await self.update(user_id=user_id, fields={"role": role}, by=by)

    async def set_disabled(self, *, user_id: str, disabled: bool, by: Actor) -> None:
        """Disables a user, which ends all sessions and runs and keeps all data, or enables one again.

        Raises:
            UserNotFoundError, LastAdminError
        """
        await self.update(user_id=user_id, fields={"disabled": disabled}, by=by)

    async def reset_password(self, *, user_id: str, password: str | None = None, by: Actor) -> str | None:
        """Sets a password and ends all sessions; returns it if it was generated here, to be shown once.

        Raises:
            UserNotFoundError, PasswordTooShortError, PasswordIsNameError
        """
        chosen = password or self._new_password()
        async with self._database.read() as db:
            user = await self._get(db, user_id)
        require_password(chosen, username=user.username, email=user.email)
        hashed = await self._passwords.hash(chosen)
        async with self._database.write() as db:
            (await self._get(db, user_id)).password_hash = hashed
            await self.end_everything(db, user_id)
            await self._audit.record(db, Act("user.password_reset", by, _user(user_id)))
        return chosen if password is None else None

    async def end_everything(self, db: Session, user_id: str) -> None:
        """Ends every session and token of a user in the caller's transaction (4.3)."""
        await AccountRepository(db).end_other_sessions(user_id, keep=None)
        for tokens in self._tokens:
            await tokens.end_tokens(db, user_id=user_id)
        after_commit(db, lambda: self._credentials.forget_user(user_id))

    async def _put_fields(self, db: Session, user: UserRow, wanted: dict[str, str | None], by: Actor) -> None:
        changed = {key: value or None for key, value in wanted.items() if getattr(user, key) != (value or None)}
        email = changed.get("email")
        if email is not None and await AccountRepository(db).find_by_email(email) is not None:
            raise EmailTakenError
        detail = changes({key: getattr(user, key) for key in changed}, changed)
        for key, value in changed.items():
            setattr(user, key, value)
        user.updated_at = self._clock.now() if changed else user.updated_at
        if "email" in changed:
            user.email_verified = email is not None
        if changed:
            await self._audit.record(db, Act("user.updated", by, _user(user.user_id), detail=detail, person=PERSONAL))

    async def _put_role(self, db: Session, user: UserRow, role: Role, by: Actor) -> None:
        before, user.role_source = user.role, HAND
        if before == role:
            return
        if before == "admin":
            await self._require_other_admin(db, user)
            await self.end_everything(db, user.user_id)
        user.role = role
        detail = {"role": {"old": before, "new": role}}
        await self._audit.record(db, Act("user.role_changed", by, _user(user.user_id), detail=detail))

    async def _put_disabled(self, db: Session, user: UserRow, disabled: bool, by: Actor) -> None:
        if disabled:
            await self._require_other_admin(db, user)
            await self.end_everything(db, user.user_id)
        user.status = "disabled" if disabled else "active"
        await self._audit.record(db, Act("user.disabled" if disabled else "user.enabled", by, _user(user.user_id)))

    async def _stop_runs(self, user_id: str) -> None:
        if self._stopper is not None:
            await self._stopper.stop_runs_of(user_id)

    async def _get(self, db: Session, user_id: str) -> UserRow:
        user = await AccountRepository(db).find_user(user_id)
        if user is None:
            raise UserNotFoundError
        return user

    async def _require_other_admin(self, db: Session, user: UserRow) -> None:
        if user.role == "admin" and not await AccountRepository(db).has_active_admin(besides=user.user_id):
            raise LastAdminError


def _user(user_id: str) -> AuditObject:
    return AuditObject("user", user_id, user_id)
