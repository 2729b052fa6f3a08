"""The door of the slice: where workspaces lie, and when they go. What people do with the files is in the parts."""

import asyncio
from datetime import timedelta
from pathlib import Path

from clary.db.database import Database
from clary.db.session import Session
from clary.features.workspaces.browsing import WorkspaceBrowsing
from clary.features.workspaces.importing import WorkspaceImports
from clary.features.workspaces.places import WorkspacePlaces
from clary.features.workspaces.policy import WorkspaceLimits, folder_name, is_built_in
from clary.features.workspaces.receiving import WorkspaceUploads
from clary.features.workspaces.repository import WorkspaceRepository
from clary.features.workspaces.tables import WorkspaceRow
from clary.kit import safe_folders
from clary.kit.clock import Clock
from clary.kit.ids import new_hex

__all__ = [
    "WorkspaceBrowsing",
    "WorkspaceImports",
    "WorkspaceLimits",
    "WorkspacePlaces",
    "WorkspaceService",
    "WorkspaceUploads",
]

_BATCH = 100
IMPORT_KEPT = timedelta(hours=24)


class WorkspaceService:
    """Folders below one root."""

    def __init__(self, root: Path, *, database: Database, clock: Clock, grace_days: int = 30) -> None:
        self._root = root
        self._database = database
        self._clock = clock
        self._grace = timedelta(days=grace_days)

    async def ensure(self, user_id: str, agent_id: str | None, session_id: str) -> Path:
        """The folder of a person's agent, or of a conversation with the built-in agent; made when missing.

        Takes a transaction of its own when it makes the folder of an agent.
        """
        name = folder_name(user_id, agent_id, session_id)
        if agent_id and not is_built_in(agent_id):
            async with self._database.read() as db:
                known = await WorkspaceRepository(db).find(name)
            if known is None:
                async with self._database.write() as db:
                    await self._note(db, name, user_id, agent_id)
        return await self._made(name)

    async def ensure_in(self, db: Session, user_id: str, agent_id: str | None, session_id: str) -> Path:
        """The same in the caller's transaction, which writes."""
        name = folder_name(user_id, agent_id, session_id)
        if agent_id and not is_built_in(agent_id):
            await self._note(db, name, user_id, agent_id)
        return await self._made(name)

    async def _made(self, name: str) -> Path:
        folder = self._folder(name)
        await asyncio.to_thread(_make, folder)
        return folder

    def find(self, user_id: str, agent_id: str | None, session_id: str) -> Path:
        """The same folder, whether it is there or not."""
        return self._folder(folder_name(user_id, agent_id, session_id))

    async def find_agent_workspace(self, user_id: str, agent_id: str) -> Path | None:
        """The folder a person has with a saved agent; None when there is none."""
        if is_built_in(agent_id):
            return None
        folder = self.find(user_id, agent_id, "")
        return folder if await asyncio.to_thread(folder.is_dir) else None

    async def is_kept(self, db: Session, *, user_id: str, agent_id: str) -> bool:
        """Whether a person has files with an agent that were not lost with it."""
        row = await WorkspaceRepository(db).find(folder_name(user_id, agent_id, ""))
        return row is not None and (row.ends_at is None or row.ends_at > self._clock.now())

    async def delete_session_workspace(self, user_id: str, session_id: str) -> None:
        """Removes the folder of a conversation with the built-in agent; harmless when there is none."""
        await self._remove(folder_name(user_id, None, session_id))

    async def delete_agent_workspace(self, user_id: str, agent_id: str) -> None:
        """Removes the folder a person has with a saved agent; harmless when there is none."""
        if not is_built_in(agent_id):
            await self._remove(folder_name(user_id, agent_id, ""))

    async def forget_agent(self, session: Session, *, agent_id: str) -> None:
        """Lets the folders of an agent's users live on for the days of grace, in the transaction of its deletion."""
        await WorkspaceRepository(session).end(agent_id, self._clock.now() + self._grace)

    async def delete_of_user(self, user_id: str) -> int:
        """Removes all folders of a person's agents; returns how many there were."""
        async with self._database.read() as db:
            folders = await WorkspaceRepository(db).list_of(user_id)
        for folder in folders:
            await self._remove(folder)
        return len(folders)

    async def sweep(self) -> None:
        """Removes folders whose time is over, and what is known of old imports."""
        now = self._clock.now()
        while True:
            async with self._database.read() as db:
                ended = await WorkspaceRepository(db).list_ended(now, _BATCH)
            for folder in ended:
                await self._remove(folder)
            if len(ended) < _BATCH:
                break
        async with self._database.write() as db:
            await WorkspaceRepository(db).forget_imports(now - IMPORT_KEPT)

    async def _note(self, db: Session, name: str, user_id: str, agent_id: str) -> None:
        if await WorkspaceRepository(db).find(name) is None:
            row = WorkspaceRow(folder=name, user_id=user_id, agent_id=agent_id, created_at=self._clock.now())
            await WorkspaceRepository(db).add(row)

    async def _remove(self, name: str) -> None:
        await asyncio.to_thread(_remove, self._folder(name))
        async with self._database.write() as db:
            await WorkspaceRepository(db).forget(name)

    def _folder(self, name: str) -> Path:
        return self._root / name[:2] / name


def _make(folder: Path) -> None:
    folder.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    folder.mkdir(mode=0o700, exist_ok=True)


def _remove(folder: Path) -> None:
    """Takes the folder out of sight first: what a program made undeletable must not come back under the same id."""
    gone = f".gone-{new_hex(16)}"
    try:
        folder.rename(folder.with_name(gone))
    except FileNotFoundError:
        return
    try:
        safe_folders.remove(folder.parent, gone)
    except (OSError, safe_folders.PathError):
        return
