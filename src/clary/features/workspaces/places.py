"""Whose workspace a request is about (product.md 4)."""

from pathlib import Path
from typing import NamedTuple, Protocol

from clary.db.database import Database
from clary.db.session import Session
from clary.errors import NotFoundError
from clary.features.audit.service import Act, Actor, AuditLog, AuditObject
from clary.features.conversations.service import ConversationService
from clary.features.permissions.service import Identity
from clary.features.workspaces.errors import FileMissingError
from clary.features.workspaces.policy import is_built_in
from clary.features.workspaces.ports import AgentAccess


class Folders(Protocol):
    """Where workspaces lie; the service of this slice."""

    async def ensure(self, user_id: str, agent_id: str | None, session_id: str) -> Path:
        """Makes it when missing."""
        ...

    def find(self, user_id: str, agent_id: str | None, session_id: str) -> Path:
        """Whether it is there or not."""
        ...

    async def is_kept(self, db: Session, *, user_id: str, agent_id: str) -> bool:
        """Whether a person has files with an agent that were not lost with it."""
        ...


class Place(NamedTuple):
    """A workspace. `session_id` is "" where it belongs to a saved agent; `folder` None: to no conversation at all."""

    user_id: str
    agent_id: str
    session_id: str
    folder: Path | None


class WorkspacePlaces:
    """Finds workspaces for callers. A foreign session id is like none; rights are looked at anew each time."""

    def __init__(
        self,
        *,
        folders: Folders,
        database: Database,
        agents: AgentAccess,
        conversations: ConversationService,
        audit: AuditLog,
    ) -> None:
        self._folders = folders
        self._database = database
        self._agents = agents
        self._conversations = conversations
        self._audit = audit

    async def find_for_reading(
        self, *, identity: Identity, agent_id: str, session_id: str | None, user_id: str | None = None
    ) -> Place:
        """The workspace to read in; also that of an agent which is deleted or no longer granted, while it is kept.

        Raises:
            NotFoundError: E-AGENT.
        """
        place, target = await self._find(identity, agent_id, session_id, user_id, keeps=True)
        await self._audit.record_admin_read(identity, target)
        return place

    async def find_for_deleting(
        self, *, identity: Identity, agent_id: str, session_id: str | None, user_id: str | None = None, path: str
    ) -> Place:
        """The same, to delete in.

        Raises:
            NotFoundError: E-AGENT.
        """
        place, target = await self._find(identity, agent_id, session_id, user_id, keeps=True)
        await self._witness(identity, target, "file.deleted", path)
        return place

    async def get_for_writing(
        self, *, identity: Identity, agent_id: str, session_id: str | None, user_id: str | None = None, path: str
    ) -> Path:
        """The folder to write in, made when missing.

        Raises:
            NotFoundError: E-AGENT.
            FileMissingError: the built-in agent without a conversation.
        """
        place, target = await self._find(identity, agent_id, session_id, user_id, keeps=False)
        if place.folder is None:
            raise FileMissingError(path)
        await self._witness(identity, target, "file.updated", path)
        return await self._folders.ensure(place.user_id, place.agent_id, place.session_id)

    async def _find(
        self, identity: Identity, agent_id: str, session_id: str | None, user_id: str | None, *, keeps: bool
    ) -> tuple[Place, AuditObject]:
        async with self._database.read() as db:
            owner_id, session = await self._owner(db, identity, session_id, user_id)
            try:
                await self._agents.require_usable(db, identity=identity, agent_id=agent_id)
            except NotFoundError:
                may_keep = keeps and identity.may_reach_agent(agent_id) and not is_built_in(agent_id)
                if not may_keep or not await self._folders.is_kept(db, user_id=owner_id, agent_id=agent_id):
                    raise
        target = AuditObject("conversation", session, owner_id)
        if not is_built_in(agent_id):
            return Place(owner_id, agent_id, "", self._folders.find(owner_id, agent_id, "")), target
        folder = self._folders.find(owner_id, agent_id, session) if session else None
        return Place(owner_id, agent_id, session, folder), target

    async def _owner(
        self, db: Session, identity: Identity, session_id: str | None, user_id: str | None
    ) -> tuple[str, str]:
        """Whose workspace it is, and the conversation; "" for none, an unknown or a foreign one.

        `user_id`: whom an admin means, where several people have a conversation of this id (stream-runtime.md 1).
        """
        if not session_id:
            return identity.user_id, ""
        found = await self._conversations.find_accessible(db, session_id=session_id, user_id=user_id, identity=identity)
        return (found.user_id, found.session_id) if found is not None else (identity.user_id, "")

    async def _witness(self, identity: Identity, target: AuditObject, action: str, path: str) -> None:
        """Writes down what an admin is about to do to the files of somebody else."""
        if target.owner_id == identity.user_id:
            return
        async with self._database.write() as db:
            await self._audit.record(db, Act(action, Actor.of(identity), target, detail={"path": path[:200]}))
