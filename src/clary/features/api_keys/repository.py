"""Every SQL statement about API keys; the owner is part of the query."""

from collections.abc import Collection, Sequence

from sqlalchemy import delete, func, or_, select

from clary.db.session import Session
from clary.features.api_keys.tables import ApiKeyRow


class ApiKeyRepository:
    """Reads and writes inside one transaction."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def add(self, row: ApiKeyRow) -> None:
        """Adds a row."""
        self._session.add(row)

    async def find(self, key_id: str) -> ApiKeyRow | None:
        """A key of anybody."""
        return await self._session.get(ApiKeyRow, key_id)

    async def find_owned(self, key_id: str, *, user_id: str) -> ApiKeyRow | None:
        """A key of one person."""
        query = select(ApiKeyRow).where(ApiKeyRow.id == key_id, ApiKeyRow.user_id == user_id)
        return await self._session.scalar(query)

    async def find_by_hash(self, secret_hash: str) -> ApiKeyRow | None:
        """The key a secret belongs to, the present one or one that was rotated away."""
        query = select(ApiKeyRow).where(or_(ApiKeyRow.secret_hash == secret_hash, ApiKeyRow.old_hash == secret_hash))
        return await self._session.scalar(query)

    async def list_owned(self, user_id: str) -> Sequence[ApiKeyRow]:
        """A person's keys, newest first."""
        query = (
            select(ApiKeyRow).where(ApiKeyRow.user_id == user_id).order_by(ApiKeyRow.created_at.desc(), ApiKeyRow.id)
        )
        return (await self._session.scalars(query)).all()

    async def list_budgeted(self) -> Sequence[str]:
        """Ids of the keys that have a budget."""
        return (await self._session.scalars(select(ApiKeyRow.id).where(ApiKeyRow.budget.is_not(None)))).all()

    async def list_by_ids(self, key_ids: Collection[str]) -> Sequence[ApiKeyRow]:
        """Those of these keys that exist."""
        return (await self._session.scalars(select(ApiKeyRow).where(ApiKeyRow.id.in_(key_ids)))).all()

    async def count_owned(self, user_id: str) -> int:
        """Number of a person's keys."""
        query = select(func.count()).select_from(ApiKeyRow).where(ApiKeyRow.user_id == user_id)
        return (await self._session.scalar(query)) or 0

    async def remove(self, key_id: str) -> None:
        """Deletes a key."""
        await self._session.execute(delete(ApiKeyRow).where(ApiKeyRow.id == key_id))
