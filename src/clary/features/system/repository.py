"""Every SQL statement about settings."""

from typing import Any

from sqlalchemy import select

from clary.db.session import Session
from clary.features.system.tables import SettingRow


class SettingRepository:
    """Reads and writes inside one transaction."""

    def __init__(self, session: Session) -> None:
        self._session = session

    async def read_all(self, *, locked: bool = False) -> dict[str, Any]:
        """Key → value of what was chosen; locked, if asked for, until the transaction ends."""
        query = select(SettingRow)
        rows = await self._session.scalars(query.with_for_update() if locked else query)
        return {row.key: row.value for row in rows}

    async def put(self, key: str, value: Any) -> None:
        """Stores a value in place of the one before."""
        await self._session.merge(SettingRow(key=key, value=value))
