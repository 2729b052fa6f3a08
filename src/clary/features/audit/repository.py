"""Every SQL statement about the audit log."""

from sqlalchemy import func, select

from clary.db.session import Session
from clary.features.audit.tables import AuditRow


class AuditRepository:
    """Reads and writes inside one transaction."""

    def __init__(self, session: Session) -> None:
        self._session = session

    async def next_seq(self) -> int:
        """The number of the next entry."""
        return (await self._session.scalar(select(func.max(AuditRow.seq))) or 0) + 1

    async def add(self, row: AuditRow) -> None:
        """Appends an entry."""
        self._session.add(row)
        await self._session.flush()
