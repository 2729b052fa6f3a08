"""Every SQL statement about workspaces; a folder's name is a hash of its owner, so it names the owner in the query."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import delete, select, update

from clary.db.session import Session, add_unless_taken
from clary.features.workspaces.tables import ArchiveImportRow, WorkspaceRow


class WorkspaceRepository:
    """Rows of `workspaces` and `workspace_imports` in one transaction."""

    def __init__(self, session: Session) -> None:
        self._session = session

    async def find(self, folder: str) -> WorkspaceRow | None:
        """The row of a folder."""
        return await self._session.get(WorkspaceRow, folder)

    async def add(self, row: WorkspaceRow) -> None:
        """Adds a folder; harmless when somebody else did so in the same moment."""
        await add_unless_taken(self._session, row)

    async def end(self, agent_id: str, at: datetime) -> None:
        """Says when the folders of an agent go."""
        query = update(WorkspaceRow).where(WorkspaceRow.agent_id == agent_id, WorkspaceRow.ends_at.is_(None))
        await self._session.execute(query.values(ends_at=at))

    async def list_of(self, user_id: str) -> Sequence[str]:
        """The folders of a person."""
        return (await self._session.scalars(select(WorkspaceRow.folder).where(WorkspaceRow.user_id == user_id))).all()

    async def list_ended(self, now: datetime, limit: int) -> Sequence[str]:
        """Folders whose time is over."""
        query = select(WorkspaceRow.folder).where(WorkspaceRow.ends_at <= now).limit(limit)
        return (await self._session.scalars(query)).all()

    async def forget(self, folder: str) -> None:
        """Removes what is known of a folder."""
        await self._session.execute(delete(WorkspaceRow).where(WorkspaceRow.folder == folder))
        await self._session.execute(delete(ArchiveImportRow).where(ArchiveImportRow.folder == folder))

    async def find_import(self, folder: str, key_hash: str, *, since: datetime) -> ArchiveImportRow | None:
        """The import of a key that is not too old."""
        query = select(ArchiveImportRow).where(
            ArchiveImportRow.folder == folder,
            ArchiveImportRow.key_hash == key_hash,
            ArchiveImportRow.created_at > since,
        )
        return await self._session.scalar(query)

    async def put_import(self, row: ArchiveImportRow) -> None:
        """Keeps an import, in place of an older one of the same key."""
        await self._session.merge(row)

    async def forget_imports(self, before: datetime) -> None:
        """Removes imports that are too old to be asked for."""
        await self._session.execute(delete(ArchiveImportRow).where(ArchiveImportRow.created_at <= before))
