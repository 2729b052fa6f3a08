"""Every SQL statement of accounts."""

from collections.abc import Collection, Iterator, Sequence
from datetime import datetime, timedelta

from sqlalchemy import delete, func, or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from clary.db.session import add_unless_taken
from clary.features.accounts.tables import (
    EmailCodeRow,
    LoginAddressRow,
    LoginDeviceRow,
    LoginSessionRow,
    RefreshTokenRow,
    SigningKeyRow,
    ThrottleCounterRow,
    UserConfigRow,
    UserDeletionRow,
    UserRow,
)

MAX_OPTIONS = 1000
MAX_IN = 5000
"""Values of one `IN`; the databases take some 32,000."""


class AccountRepository:
    """Reads and writes inside one transaction."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def find_user(self, user_id: str) -> UserRow | None:
        """By id."""
        return await self._session.get(UserRow, user_id)

    async def find_by_name(self, key: str) -> UserRow | None:
        """By the name as compared."""
        return await self._session.scalar(select(UserRow).where(UserRow.username_key == key))

    async def find_by_email(self, email: str) -> UserRow | None:
        """By address."""
        return await self._session.scalar(select(UserRow).where(UserRow.email == email))

    async def has_admin(self) -> bool:
        """Whether any admin exists."""
        return await self._session.scalar(select(UserRow.user_id).where(UserRow.role == "admin").limit(1)) is not None

    async def has_active_admin(self, *, besides: str) -> bool:
        """Whether an admin who may sign in remains without this user."""
        found = await self._session.scalar(
            select(UserRow.user_id)
            .where(UserRow.role == "admin", UserRow.status == "active", UserRow.user_id != besides)
            .limit(1)
        )
        return found is not None

    async def find_first_admin(self) -> str | None:
        """The oldest active admin."""
        return await self._session.scalar(
            select(UserRow.user_id)
            .where(UserRow.role == "admin", UserRow.status == "active")
            .order_by(UserRow.created_at, UserRow.user_id)
            .limit(1)
        )

    async def find_deletion(self, user_id: str) -> UserDeletionRow | None:
        """The wish to delete a user."""
        return await self._session.get(UserDeletionRow, user_id)

    async def list_deletions(self) -> Sequence[UserDeletionRow]:
        """Deletions that were begun and are not done."""
        return (await self._session.scalars(select(UserDeletionRow).order_by(UserDeletionRow.requested_at))).all()

    async def delete_user(self, user_id: str) -> None:
        """Removes a user; what belongs to the account goes by cascade."""
        await self._session.execute(delete(UserRow).where(UserRow.user_id == user_id))

    async def list_sessions(self, user_id: str, *, now: datetime, silent_since: datetime) -> Sequence[LoginSessionRow]:
        """Login sessions of a user that may still be used, newest sign of life first."""
        rows = await self._session.scalars(
            select(LoginSessionRow)
            .where(
                LoginSessionRow.user_id == user_id,
                LoginSessionRow.expires_at > now,
                LoginSessionRow.last_seen_at > silent_since,
            )
            .order_by(LoginSessionRow.last_seen_at.desc(), LoginSessionRow.session_id)
        )
        return rows.all()

    async def add_user(self, row: UserRow) -> bool:
        """Adds a user; False when name or address were taken in the same moment."""
        return await add_unless_taken(self._session, row)

    async def list_users(
        self, *, offset: int, limit: int, text: str | None, role: str | None, status: str | None
    ) -> tuple[Sequence[UserRow], int]:
        """(page, total), newest first."""
        where = [UserRow.user_id != ""]
        if text:
            key = text.casefold()
            where.append(
                or_(
                    UserRow.username_key.contains(key, autoescape=True),
                    UserRow.email.contains(key, autoescape=True),
                    UserRow.nickname.contains(text, autoescape=True),
                )
            )
        if role:
            where.append(UserRow.role == role)
        if status:
            where.append(UserRow.status == status)
        total = await self._session.scalar(select(func.count()).select_from(UserRow).where(*where))
        rows = await self._session.scalars(
            select(UserRow)
            .where(*where)
            .order_by(UserRow.created_at.desc(), UserRow.user_id)
            .offset(offset)
            .limit(limit)
        )
        return rows.all(), int(total or 0)

    async def list_options(self, *, text: str | None, only: Collection[str] | None) -> Sequence[UserRow]:
        """Active users by name, at most 1000; `only`: none but these."""
        query = select(UserRow).where(UserRow.status == "active")
        if text:
            query = query.where(UserRow.username_key.contains(text.casefold(), autoescape=True))
        query = query.order_by(UserRow.username).limit(MAX_OPTIONS)
        if only is None:
            return (await self._session.scalars(query)).all()
        found: list[UserRow] = []
        for ids in _portions(only):
            found += await self._session.scalars(query.where(UserRow.user_id.in_(ids)))
        return found if len(only) <= MAX_IN else sorted(found, key=lambda row: row.username)[:MAX_OPTIONS]

    async def count_users(self) -> int:
        """Everybody."""
        return await self._session.scalar(select(func.count()).select_from(UserRow)) or 0

    async def list_by_ids(self, user_ids: Collection[str]) -> Sequence[UserRow]:
        """Those of these users who exist."""
        found: list[UserRow] = []
        for ids in _portions(user_ids):
            found += await self._session.scalars(select(UserRow).where(UserRow.user_id.in_(ids)))
        return found

    async def config_of(self, user_id: str) -> UserConfigRow | None:
        """What a client stored."""
        return await self._session.get(UserConfigRow, user_id)

    def add(self, row: UserConfigRow | UserDeletionRow | LoginSessionRow | RefreshTokenRow | SigningKeyRow) -> None:
        """Adds a row."""
        self._session.add(row)

    async def flush(self) -> None:
        """Sends pending rows, parents before children."""
        await self._session.flush()

    async def find_session(self, session_id: str) -> LoginSessionRow | None:
        """A login session."""
        return await self._session.get(LoginSessionRow, session_id)

    async def find_session_by_cookie(self, cookie_hash: str) -> LoginSessionRow | None:
        """The login session of a cookie."""
        return await self._session.scalar(select(LoginSessionRow).where(LoginSessionRow.cookie_hash == cookie_hash))

    async def end_session(self, session_id: str) -> None:
        """Ends a session with its refresh tokens."""
        await self._session.execute(delete(RefreshTokenRow).where(RefreshTokenRow.session_id == session_id))
        await self._session.execute(delete(LoginSessionRow).where(LoginSessionRow.session_id == session_id))

    async def end_other_sessions(self, user_id: str, keep: str | None) -> list[str]:
        """Ends all sessions of a user but one; returns their ids."""
        rows = await self._session.scalars(select(LoginSessionRow.session_id).where(LoginSessionRow.user_id == user_id))
        ended = [session_id for session_id in rows.all() if session_id != keep]
        for session_id in ended:
            await self.end_session(session_id)
        return ended

    async def find_refresh(self, token_hash: str) -> RefreshTokenRow | None:
        """A refresh token."""
        return await self._session.get(RefreshTokenRow, token_hash)

    async def spend_refresh(self, token_hash: str, now: datetime) -> bool:
        """Spends a token; of two at once one succeeds."""
        spent = await self._session.execute(
            update(RefreshTokenRow)
            .where(RefreshTokenRow.token_hash == token_hash, RefreshTokenRow.spent_at.is_(None))
            .values(spent_at=now)
            .returning(RefreshTokenRow.token_hash)
        )
        return spent.first() is not None

    async def signing_key(self, purpose: str) -> SigningKeyRow | None:
        """The newest key of a purpose."""
        return await self._session.scalar(
            select(SigningKeyRow)
            .where(SigningKeyRow.purpose == purpose)
            .order_by(SigningKeyRow.created_at.desc())
            .limit(1)
        )

    async def list_signing_keys(self, purpose: str) -> Sequence[SigningKeyRow]:
        """All keys of a purpose, the newest first."""
        query = select(SigningKeyRow).where(SigningKeyRow.purpose == purpose)
        return (await self._session.scalars(query.order_by(SigningKeyRow.created_at.desc()))).all()

    async def remember_place(self, user_id: str, address: str, device_hash: str | None, now: datetime) -> None:
        """Notes where a sign-in succeeded."""
        known = await self._session.get(LoginAddressRow, (user_id, address))
        if known is None:
            self._session.add(LoginAddressRow(user_id=user_id, address=address, last_login_at=now))
        else:
            known.last_login_at = now
        if device_hash is not None:
            await self._session.merge(LoginDeviceRow(token_hash=device_hash, user_id=user_id, last_login_at=now))

    async def is_known_place(self, user_id: str, address: str, device_hash: str | None, since: datetime) -> bool:
        """Whether the account signed in from this address lately, or ever from this browser."""
        known = await self._session.get(LoginAddressRow, (user_id, address))
        if known is not None and known.last_login_at >= since:
            return True
        return device_hash is not None and await self.is_known_device(user_id, device_hash)

    async def is_known_device(self, user_id: str, device_hash: str) -> bool:
        """Whether the account has signed in from this browser."""
        return await self._session.get(LoginDeviceRow, (device_hash, user_id)) is not None

    async def drop_outdated(self, now: datetime, *, sessions: timedelta, devices: timedelta, places: timedelta) -> None:
        """Deletes what has lost its meaning: ended sessions, idle counters, places nobody comes from any more.

        `sessions` is how long a session can live without a sign of life.
        """
        dead = select(LoginSessionRow.session_id).where(
            or_(LoginSessionRow.expires_at <= now, LoginSessionRow.last_seen_at <= now - sessions)
        )
        for statement in (
            delete(RefreshTokenRow).where(RefreshTokenRow.session_id.in_(dead)),
            delete(LoginSessionRow).where(LoginSessionRow.session_id.in_(dead)),
            delete(ThrottleCounterRow).where(ThrottleCounterRow.window_ends_at <= now),
            delete(EmailCodeRow).where(EmailCodeRow.expires_at <= now),
            delete(LoginDeviceRow).where(LoginDeviceRow.last_login_at <= now - devices),
            delete(LoginAddressRow).where(LoginAddressRow.last_login_at <= now - places),
        ):
            await self._session.execute(statement)

    async def counter(self, kind: str, key_hash: str) -> ThrottleCounterRow | None:
        """A counter."""
        return await self._session.get(ThrottleCounterRow, (kind, key_hash))

    def add_counter(self, row: ThrottleCounterRow) -> None:
        """A new counter."""
        self._session.add(row)

    async def drop_counter(self, kind: str, key_hash: str) -> None:
        """Forgets."""
        await self._session.execute(
            delete(ThrottleCounterRow).where(ThrottleCounterRow.kind == kind, ThrottleCounterRow.key_hash == key_hash)
        )


def _portions(ids: Collection[str]) -> Iterator[list[str]]:
    """Parts that fit into one statement."""
    whole = list(ids)
    for start in range(0, len(whole), MAX_IN):
        yield whole[start : start + MAX_IN]
