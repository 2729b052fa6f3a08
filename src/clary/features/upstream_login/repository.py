"""Every SQL statement about flows."""

from collections.abc import Collection
from datetime import datetime

from sqlalchemy import delete, func, select

from clary.db.session import Session
from clary.features.upstream_login.tables import UpstreamFlowRow


class FlowRepository:
    """Reads and writes inside one transaction."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def add(self, row: UpstreamFlowRow) -> None:
        """Adds a flow."""
        self._session.add(row)

    async def take(self, state_hash: str) -> tuple[str, datetime] | None:
        """A flow's sealed content and beginning; only the first caller gets it."""
        query = (
            delete(UpstreamFlowRow)
            .where(UpstreamFlowRow.state_hash == state_hash)
            .returning(UpstreamFlowRow.sealed, UpstreamFlowRow.created_at)
        )
        row = (await self._session.execute(query)).one_or_none()
        return None if row is None else (row[0], row[1])

    async def remove_before(self, moment: datetime) -> None:
        """Deletes flows that began before a moment."""
        await self._session.execute(delete(UpstreamFlowRow).where(UpstreamFlowRow.created_at < moment))

    async def beginnings(self, marks: Collection[str]) -> dict[str, datetime]:
        """First eight digits of a state's hash → when its flow began; flows that are over are missing."""
        mark = func.substr(UpstreamFlowRow.state_hash, 1, 8)
        rows = await self._session.execute(select(mark, UpstreamFlowRow.created_at).where(mark.in_(marks)))
        return {row[0]: row[1] for row in rows}
