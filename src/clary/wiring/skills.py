"""Wiring of skills."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from clary.adapters.downloads import GuardedDownloads
from clary.adapters.object_store import BucketOfSkills
from clary.db.database import Database
from clary.db.session import Session
from clary.features.agents.errors import MAY_NOT_CHANGE, AgentForbiddenError
from clary.features.agents.service import AgentResolver, AgentService, AgentSnapshot
from clary.features.groups.service import GroupMemberships
from clary.features.permissions.service import Grants, Identity
from clary.features.skills.ports import AgentFacts, PersonFolder
from clary.features.skills.service import (
    RunSkills,
    SkillImports,
    SkillInstaller,
    SkillLimits,
    SkillSelector,
    SkillService,
    SkillStore,
    SkillSync,
)
from clary.features.workspaces.service import WorkspaceService
from clary.kit.clock import Clock
from clary.kit.ids import new_hex
from clary.kit.safe_http import OutboundGuard
from clary.settings import Settings
from clary.wiring.identity import IdentityServices
from clary.wiring.objects import bucket_access


class SkillServices:
    """Everything about skills: the page, what comes in, what runs are given."""

    def __init__(
        self, settings: Settings, *, database: Database, clock: Clock, guard: OutboundGuard, identity: IdentityServices
    ) -> None:
        self._database = database
        self.directory = VisibleAgents()
        self.folders = AgentFolders(identity.grants, identity.memberships)
        limits = SkillLimits(settings.max_skills_per_user, settings.max_skills_per_agent, settings.skill_archive_max_mb)
        store, selector = _skill_store(settings), SkillSelector(self.directory)
        installer = SkillInstaller(
            audit=identity.audit,
            limits=limits,
            mode=lambda: identity.live.values.skill_approval,
            clock=clock,
            new_id=lambda: new_hex(32),
        )
        self.skills = SkillService(
            store=store, selector=selector, agents=self.directory, audit=identity.audit, clock=clock
        )
        self.for_runs = RunSkills(store)
        self.imports = SkillImports(
            database=database,
            store=store,
            selector=selector,
            installer=installer,
            downloads=GuardedDownloads(guard),
            limits=limits,
            takes_urls=settings.skill_url_import,
        )
        self.sync = SkillSync(
            database=database,
            agents=self.directory,
            workspaces=self.folders,
            installer=installer,
            skills=self.for_runs,
        )

    def ask_agents(self, resolver: AgentResolver, agents: AgentService, workspaces: WorkspaceService) -> None:
        """Makes those known who are built later, because they let go of skills themselves."""
        self.directory.ask(resolver, agents)
        self.folders.ask(workspaces)

    def publish(self, state: Any) -> None:
        """Puts the services where routes find them."""
        state.skills = self.skills
        state.skill_imports = self.imports
        state.skill_sync = self.sync

    async def sweep(self) -> None:
        """Removes versions that no skill has any more."""
        async with self._database.read() as db:
            await self.skills.sweep(db)


class VisibleAgents:
    """Fills the port `AgentDirectory` of skills."""

    def ask(self, resolver: AgentResolver, agents: AgentService) -> None:
        """Whom to ask."""
        self._resolver = resolver
        self._agents = agents

    async def get_visible(self, db: Session, *, identity: Identity, agent_id: str) -> AgentFacts:
        """See the port."""
        return _facts(await self._resolver.resolve_for_run(db, identity=identity, agent_id=agent_id or "-"))

    async def get_changeable(self, db: Session, *, identity: Identity, agent_id: str) -> AgentFacts:
        """See the port."""
        facts = await self.get_visible(db, identity=identity, agent_id=agent_id)
        if not facts.may_change:
            raise AgentForbiddenError(MAY_NOT_CHANGE)
        return facts

    async def list_visible(self, db: Session, *, identity: Identity) -> Sequence[AgentFacts]:
        """See the port."""
        return [
            AgentFacts(each.id, each.name, each.user_id, each.access in ("owner", "admin"), tuple(each.skills))
            for each in await self._agents.list_agents(db, identity=identity, scope="all")
        ]

    async def find_owner(self, db: Session, *, agent_id: str) -> str | None:
        """See the port."""
        target = await self._resolver.find_target(db, object_id=agent_id)
        return target.owner_id if target is not None else None


class AgentFolders:
    """Fills the port `AgentWorkspaces` of skills: people are the owner, those an agent is granted to, and groups."""

    def __init__(self, grants: Grants, groups: GroupMemberships) -> None:
        self._grants = grants
        self._groups = groups

    def ask(self, workspaces: WorkspaceService) -> None:
        """Whom to ask."""
        self._workspaces = workspaces

    async def list_folders(self, db: Session, *, agent_id: str, owner_id: str) -> Sequence[PersonFolder]:
        """See the port."""
        grants = await self._grants.list_grants(db, object_type="agent", object_id=agent_id)
        people = {owner_id} | {each.grantee_id for each in grants if each.kind == "user"}
        groups = [each.grantee_id for each in grants if each.kind == "group"]
        people.update(*(await self._groups.members_of(db, group_ids=groups)).values())
        folders = [(each, await self.find_folder(user_id=each, agent_id=agent_id)) for each in sorted(people) if each]
        return [PersonFolder(user_id, folder) for user_id, folder in folders if folder is not None]

    async def find_folder(self, *, user_id: str, agent_id: str) -> Path | None:
        """See the port."""
        return await self._workspaces.find_agent_workspace(user_id, agent_id)


def _facts(agent: AgentSnapshot) -> AgentFacts:
    may_change = agent.access in ("owner", "admin")
    return AgentFacts(agent.agent_id, agent.name, agent.owner_id, may_change, agent.skills)


def _skill_store(settings: Settings) -> SkillStore:
    shared = BucketOfSkills(bucket_access(settings)) if settings.object_store == "s3" else None
    return SkillStore(settings.skills, archives=shared)
