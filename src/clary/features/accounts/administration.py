"""What administrators change about other people: role, status, password (platform.md 4.3, 4.5, 4.8).

At least one active administrator always remains. What takes rights away ends every session of the user.
"""

from collections.abc import Callable

from clary.db.database import Database
from clary.db.session import Session, after_commit
from clary.features.accounts.credentials import Credentials
from clary.features.accounts.errors import LastAdminError, UserNotFoundError
from clary.features.accounts.policy import HAND, clean_email, require_password, username_key
from clary.features.accounts.ports import PasswordHashing, TokensElsewhere
from clary.features.accounts.repository import AccountRepository
from clary.features.accounts.tables import UserRow
from clary.features.permissions.service import Role


class UserAdministration:
    """Each method is one transaction of its own; a change counts in every process within a second."""

    def __init__(
        self,
        *,
        database: Database,
        passwords: PasswordHashing,
        credentials: Credentials,
        new_password: Callable[[], str],
    ) -> None:
        self._database = database
        self._passwords = passwords
        self._credentials = credentials
        self._new_password = new_password
        self._tokens: list[TokensElsewhere] = []

    def add_tokens(self, tokens: TokensElsewhere) -> None:
        """Makes somebody known who gives out tokens in users' names; these end with the sessions."""
        self._tokens.append(tokens)

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

    async def set_role(self, *, user_id: str, role: Role) -> None:
        """Gives or takes the role; taking it ends all sessions of the user.

        Raises:
            UserNotFoundError, LastAdminError
        """
        async with self._database.write() as db:
            user = await self._get(db, user_id)
            is_demotion = user.role == "admin" and role != "admin"
            if is_demotion:
                await self._require_other_admin(db, user)
            user.role, user.role_source = role, HAND
            await self._changed(db, user_id, ends_sessions=is_demotion)

    async def set_disabled(self, *, user_id: str, disabled: bool) -> None:
        """Disables a user, which ends all sessions and keeps all data, or enables one again.

        Raises:
            UserNotFoundError, LastAdminError
        """
        async with self._database.write() as db:
            user = await self._get(db, user_id)
            if disabled:
                await self._require_other_admin(db, user)
            user.status = "disabled" if disabled else "active"
            await self._changed(db, user_id, ends_sessions=disabled)

    async def reset_password(self, *, user_id: str, password: str | None = None) -> str | None:
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
            await self._changed(db, user_id, ends_sessions=True)
        return chosen if password is None else None

    async def _get(self, db: Session, user_id: str) -> UserRow:
        user = await AccountRepository(db).find_user(user_id)
        if user is None:
            raise UserNotFoundError
        return user

    async def _require_other_admin(self, db: Session, user: UserRow) -> None:
        if user.role == "admin" and not await AccountRepository(db).has_active_admin(besides=user.user_id):
            raise LastAdminError

    async def _changed(self, db: Session, user_id: str, *, ends_sessions: bool) -> None:
        if ends_sessions:
            await AccountRepository(db).end_other_sessions(user_id, keep=None)
            for tokens in self._tokens:
                await tokens.end_tokens(db, user_id=user_id)
        after_commit(db, lambda: self._credentials.forget_user(user_id))
