"""Statements about linked identities."""

from collections.abc import Collection, Sequence

from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncSession

from clary.db.session import add_unless_taken
from clary.features.accounts.tables import UserIdentityRow, UserRow


class IdentityRepository:
    """Reads and writes inside one transaction."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def find(self, provider_id: str, subject: str) -> UserIdentityRow | None:
        """An identity by its unique key."""
        return await self._session.get(UserIdentityRow, (provider_id, subject))

    async def find_user(self, provider_id: str, subject: str) -> UserRow | None:
        """The user an identity belongs to."""
        return await self._session.scalar(
            select(UserRow)
            .join(UserIdentityRow, UserIdentityRow.user_id == UserRow.user_id)
            .where(UserIdentityRow.provider_id == provider_id, UserIdentityRow.subject == subject)
        )

    async def add(self, row: UserIdentityRow) -> bool:
        """Links; False when somebody was linked to the same identity in this moment."""
        return await add_unless_taken(self._session, row)

    async def list_of(self, user_id: str) -> Sequence[UserIdentityRow]:
        """A user's identities by provider."""
        rows = await self._session.scalars(
            select(UserIdentityRow).where(UserIdentityRow.user_id == user_id).order_by(UserIdentityRow.provider_id)
        )
        return rows.all()

    async def has(self, user_id: str, provider_id: str) -> bool:
        """Whether a user has an identity of this provider."""
        found = await self._session.scalar(
            select(UserIdentityRow.subject)
            .where(UserIdentityRow.user_id == user_id, UserIdentityRow.provider_id == provider_id)
            .limit(1)
        )
        return found is not None

    async def remove(self, user_id: str, provider_id: str) -> None:
        """Unlinks all identities of a provider from a user."""
        await self._session.execute(
            delete(UserIdentityRow).where(
                UserIdentityRow.user_id == user_id, UserIdentityRow.provider_id == provider_id
            )
        )

    async def providers_of(self, user_ids: Collection[str]) -> dict[str, list[str]]:
        """User → ids of providers, sorted."""
        found: dict[str, list[str]] = {}
        rows = await self._session.execute(
            select(UserIdentityRow.user_id, UserIdentityRow.provider_id)
            .where(UserIdentityRow.user_id.in_(user_ids))
            .order_by(UserIdentityRow.provider_id)
            .distinct()
        )
        for row in rows:
            found.setdefault(row.user_id, []).append(row.provider_id)
        return found
