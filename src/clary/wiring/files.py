"""Wiring of the files in workspaces."""

from pathlib import Path
from typing import Any

from clary.db.database import Database
from clary.db.session import Session
from clary.features.agents.service import AgentResolver
from clary.features.audit.service import AuditLog
from clary.features.conversations.service import ConversationService
from clary.features.permissions.service import Identity
from clary.features.workspaces.service import (
    WorkspaceBrowsing,
    WorkspaceImports,
    WorkspaceLimits,
    WorkspacePlaces,
    WorkspaceService,
    WorkspaceUploads,
)
from clary.kit.clock import Clock
from clary.kit.safe_folders import FolderFullError, FolderRoom
from clary.settings import Settings

MEGABYTE = 1024 * 1024


class UsableAgents:
    """Fills the port of slices below agents that ask who may use which one."""

    def __init__(self, agents: AgentResolver) -> None:
        self._agents = agents

    async def require_usable(self, db: Session, *, identity: Identity, agent_id: str) -> None:
        """See `AgentAccess`."""
        await self._agents.resolve_for_run(db, identity=identity, agent_id=agent_id)

    async def exists(self, db: Session, *, agent_id: str) -> bool:
        """See `AgentAccess`."""
        return await self._agents.find_target(db, object_id=agent_id) is not None


class FileServices:
    """What people do with files of workspaces."""

    def __init__(
        self,
        settings: Settings,
        *,
        database: Database,
        clock: Clock,
        workspaces: WorkspaceService,
        agents: AgentResolver,
        conversations: ConversationService,
        audit: AuditLog,
    ) -> None:
        limits = WorkspaceLimits(settings.workspace_quota_mb, settings.workspace_max_entries, settings.upload_max_mb)
        places = WorkspacePlaces(
            folders=workspaces,
            database=database,
            agents=UsableAgents(agents),
            conversations=conversations,
            audit=audit,
        )
        self.browsing = WorkspaceBrowsing(places)
        self.uploads = WorkspaceUploads(places, limits)
        self.imports = WorkspaceImports(places, limits, database=database, clock=clock)

    def publish(self, state: Any) -> None:
        """Puts the services where routes find them."""
        state.workspace_browsing = self.browsing
        state.workspace_uploads = self.uploads
        state.workspace_imports = self.imports


class WorkspaceRoom:
    """Fills tools' `Room` with what one workspace may hold."""

    def __init__(self, room: FolderRoom) -> None:
        self._room = room

    @property
    def limit_mb(self) -> int:
        """See the port."""
        return self._room.max_bytes // MEGABYTE

    def fits(self, workspace: Path, relative: str, size: int) -> bool:
        """See the port."""
        try:
            self._room.require(workspace, relative, size)
        except FolderFullError:
            return False
        return True

    def is_exceeded(self, workspace: Path) -> bool:
        """See the port."""
        return self._room.is_exceeded(workspace)


def workspace_room(settings: Settings) -> WorkspaceRoom:
    """How much one workspace may hold, for the tools that write into it."""
    return WorkspaceRoom(FolderRoom(settings.workspace_quota_mb * MEGABYTE, settings.workspace_max_entries))
