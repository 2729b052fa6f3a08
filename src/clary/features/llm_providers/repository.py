"""Every SQL statement about providers; who may see a row is part of the query."""

from collections.abc import Collection, Sequence
from datetime import datetime

from sqlalchemy import case, delete, func, or_, select, update

from clary.db.session import Session, is_writing
from clary.features.llm_providers.tables import LlmProviderRow, LlmProviderVerificationRow
from clary.features.permissions.service import Identity, owned_by, visible_to

NEWEST_FIRST = (LlmProviderRow.created_at.desc(), LlmProviderRow.id.desc())


class ProviderRepository:
    """Rows of `llm_providers` in one transaction."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def add(self, row: LlmProviderRow) -> None:
        """Adds a row at the next flush."""
        self._session.add(row)

    async def remove(self, row: LlmProviderRow) -> None:
        """Deletes a row."""
        await self._session.delete(row)
        await self._session.flush()

    async def find(self, provider_id: str) -> LlmProviderRow | None:
        """A row of anybody."""
        return await self._session.get(LlmProviderRow, provider_id)

    async def list_by_ids(self, provider_ids: Collection[str]) -> Sequence[LlmProviderRow]:
        """Those of these that exist, whoever owns them."""
        rows = await self._session.scalars(select(LlmProviderRow).where(LlmProviderRow.id.in_(provider_ids)))
        return rows.all()

    async def list_owned(self, user_id: str) -> Sequence[LlmProviderRow]:
        """A person's own rows, newest first."""
        query = select(LlmProviderRow).where(owned_by(user_id, LlmProviderRow.owner_id)).order_by(*NEWEST_FIRST)
        return (await self._session.scalars(query)).all()

    async def list_system(self) -> Sequence[LlmProviderRow]:
        """All system rows, newest first; whom each is offered to is for the caller to ask."""
        query = select(LlmProviderRow).where(LlmProviderRow.is_system).order_by(*NEWEST_FIRST)
        return (await self._session.scalars(query)).all()

    async def count_owned(self, user_id: str) -> int:
        """Number of a person's own rows."""
        query = select(func.count()).select_from(LlmProviderRow).where(owned_by(user_id, LlmProviderRow.owner_id))
        return (await self._session.scalar(query)) or 0

    async def find_seen(self, provider_id: str, identity: Identity) -> LlmProviderRow | None:
        """A row of the caller, any row for an admin, or a system row; locked where the transaction may change it."""
        query = (
            select(LlmProviderRow)
            .where(LlmProviderRow.id == provider_id)
            .where(or_(visible_to(identity, LlmProviderRow.owner_id), LlmProviderRow.is_system))
        )
        return await self._session.scalar(query.with_for_update() if is_writing(self._session) else query)

    async def find_usable(self, provider_id: str, user_id: str) -> LlmProviderRow | None:
        """A row of this person, or a system row."""
        query = (
            select(LlmProviderRow)
            .where(LlmProviderRow.id == provider_id)
            .where(or_(owned_by(user_id, LlmProviderRow.owner_id), LlmProviderRow.is_system))
        )
        return await self._session.scalar(query)

    async def find_preferred(self, user_id: str) -> LlmProviderRow | None:
        """A person's default row, else the newest one."""
        query = (
            select(LlmProviderRow)
            .where(owned_by(user_id, LlmProviderRow.owner_id))
            .order_by(LlmProviderRow.is_default.desc(), *NEWEST_FIRST)
            .limit(1)
        )
        return await self._session.scalar(query)

    async def make_only_default(self, row: LlmProviderRow) -> None:
        """Marks one row and unmarks its owner's others in one statement, so that two of these never leave two marks."""
        await self._session.flush()
        await self._session.execute(
            update(LlmProviderRow)
            .where(owned_by(row.owner_id, LlmProviderRow.owner_id))
            .values(is_default=case((LlmProviderRow.id == row.id, True), else_=False))
            .execution_options(synchronize_session=False)
        )
        await self._session.refresh(row, ["is_default"])


class VerificationRepository:
    """Who verified when."""

    def __init__(self, session: Session) -> None:
        self._session = session

    async def list_since(self, user_id: str, since: datetime) -> Sequence[datetime]:
        """Moments of a person's verifications after a moment, oldest first; forgets the older ones."""
        rows = LlmProviderVerificationRow
        await self._session.execute(delete(rows).where(rows.user_id == user_id, rows.verified_at <= since))
        query = select(rows.verified_at).where(rows.user_id == user_id).order_by(rows.verified_at)
        return (await self._session.scalars(query)).all()

    def add(self, row: LlmProviderVerificationRow) -> None:
        """Remembers one."""
        self._session.add(row)
