"""Wiring of the files in workspaces."""

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
from clary.kit.safe_folders import FolderRoom
from clary.settings import Settings


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


def workspace_room(settings: Settings) -> FolderRoom:
    """How much one workspace may hold, for the tools that write into it."""
    return FolderRoom(settings.workspace_quota_mb * 1024 * 1024, settings.workspace_max_entries)
