"""Every SQL statement about releases."""

from collections.abc import Sequence

from sqlalchemy import select

from clary.db.session import Session, add_unless_taken
from clary.features.releases.tables import ReleaseRow


class ReleaseRepository:
    """Reads and writes inside one transaction."""

    def __init__(self, session: Session) -> None:
        self._session = session

    async def list_all(self) -> Sequence[ReleaseRow]:
        """All releases, in no order: that of versions is none of the database's."""
        return (await self._session.scalars(select(ReleaseRow))).all()

    async def find(self, version: str) -> ReleaseRow | None:
        """The release of a version."""
        return await self._session.get(ReleaseRow, version, with_for_update=True)

    async def add(self, row: ReleaseRow) -> bool:
        """Adds a release; False when there is one of this version."""
        return await add_unless_taken(self._session, row)

    async def remove(self, row: ReleaseRow) -> None:
        """Deletes a release."""
        await self._session.delete(row)
