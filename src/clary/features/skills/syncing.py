"""Use cases of copies: into an agent, into workspaces (product.md 7.3)."""

from collections.abc import Sequence
from typing import Any

from clary.db.database import Database
from clary.db.session import Session
from clary.features.permissions.service import Identity
from clary.features.skills.copies import SHOWN_FOLDER, Placed
from clary.features.skills.describing import path_of
from clary.features.skills.errors import SkillNotFoundError
from clary.features.skills.in_use import RunSkills, SkillQuestion
from clary.features.skills.installing import SkillInstaller
from clary.features.skills.policy.front_matter import is_skill_name, name_key
from clary.features.skills.ports import AgentDirectory, AgentFacts, AgentWorkspaces, Dimension, RunSkill
from clary.features.skills.repository import SkillRepository
from clary.features.skills.selecting import Place
from clary.features.skills.tables import SkillVersionRow

Json = dict[str, Any]
_SOURCES: tuple[Dimension, ...] = ("user", "system")


class SkillSync:
    """What agents get of skills, and where copies of them lie."""

    def __init__(
        self,
        *,
        database: Database,
        agents: AgentDirectory,
        workspaces: AgentWorkspaces,
        installer: SkillInstaller,
        skills: RunSkills,
    ) -> None:
        self._database = database
        self._agents = agents
        self._workspaces = workspaces
        self._installer = installer
        self._skills = skills

    async def list_available(self, db: Session, *, identity: Identity, agent_id: str) -> list[Json]:
        """What an agent can use, one of each name, and whether its own copy is behind its source.

        Raises:
            NotFoundError: E-AGENT.
        """
        agent = await self._agents.get_visible(db, identity=identity, agent_id=agent_id)
        found: list[Json] = []
        for skill, rows in await self._skills.list_usable(db, _question(agent, identity)):
            copy = next((version for row, version in rows if row.dimension == "agent"), None)
            source, newest = next(((r.dimension, v) for r, v in rows if r.dimension != "agent"), ("agent", copy))
            found.append(
                {
                    "name": skill.name,
                    "description": skill.description,
                    "source_dimension": source,
                    "source_path": _path(source, agent, newest.name if newest is not None else skill.name),
                    "agent_path": _path("agent", agent, copy.name) if copy is not None else None,
                    "state": "approved",
                    "need_update": copy is not None and newest is not None and copy.hash != newest.hash,
                }
            )
        return found

    async def copy_to_agent(self, db: Session, *, identity: Identity, name: str, agent_id: str) -> Json:
        """Copies the approved skill of the agent's owner, or of the server, into the agent, with its approval.

        Raises:
            NotFoundError: E-AGENT. ForbiddenError: E-AGENT-EDIT. SkillNotFoundError, ObjectLimitError
        """
        agent = await self._agents.get_changeable(db, identity=identity, agent_id=agent_id)
        source, version = await self._source(db, agent, name)
        place = Place("agent", agent.agent_id, agent.owner_id, agent)
        await self._installer.install_copy(db, identity=identity, place=place, version=version)
        return {
            "skill_name": version.name,
            "agent_id": agent.agent_id,
            "source_dimension": source,
            "source_path": _path(source, agent, version.name),
            "target_path": _path("agent", agent, version.name),
            "sync_status": "synced",
        }

    async def refresh_all(self, *, identity: Identity, agent_id: str, names: Sequence[str] | None) -> Json:
        """Puts the agent's skills, or those named, into the workspaces of everybody who works with it.

        Raises:
            NotFoundError: E-AGENT. ForbiddenError: E-AGENT-EDIT. SkillNotFoundError
        """
        async with self._database.read() as db:
            agent = await self._agents.get_changeable(db, identity=identity, agent_id=agent_id)
            skills = await self._resolved(db, agent, identity, names)
            folders = await self._workspaces.list_folders(db, agent_id=agent.agent_id, owner_id=agent.owner_id)
        results = [
            _result(folder.user_id, await self._skills.place_copies(folder.folder, skills)) for folder in folders
        ]
        return {
            "agent_id": agent.agent_id,
            "resolved_skill_names": [skill.name for skill in skills],
            "workspace_count": len(results),
            "updated_workspace_count": sum(each["status"] != "failed" for each in results),
            "failed_workspace_count": sum(each["status"] == "failed" for each in results),
            "results": results,
        }

    async def refresh_one(
        self, *, identity: Identity, agent_id: str, user_id: str | None, purge_extra: bool
    ) -> dict[str, list[str]]:
        """Makes the copies in the caller's workspace what the agent's skills are; for an admin in anybody's.

        Raises:
            NotFoundError: E-AGENT.
        """
        async with self._database.read() as db:
            agent = await self._agents.get_visible(db, identity=identity, agent_id=agent_id)
            skills = await self._resolved(db, agent, identity, None)
        subject = user_id if user_id and identity.is_admin else identity.user_id
        folder = await self._workspaces.find_folder(user_id=subject, agent_id=agent.agent_id)
        if folder is None:
            return {"synced": [], "removed": [], "unchanged": []}
        placed = await self._skills.place_copies(folder, skills)
        names = {skill.name for skill in skills}
        removed = await self._skills.remove_other_copies(folder, names) if purge_extra else []
        return {
            "synced": [each.name for each in placed if each.outcome == "synced"],
            "removed": removed,
            "unchanged": [each.name for each in placed if each.outcome == "unchanged"],
        }

    async def _resolved(
        self, db: Session, agent: AgentFacts, identity: Identity, names: Sequence[str] | None
    ) -> Sequence[RunSkill]:
        question = _question(agent, identity)
        if names is None:
            return (await self._skills.resolve_for_run(db, question, agent.wanted)).skills
        resolved = await self._skills.resolve_for_run(db, question, names)
        if resolved.dropped:
            raise SkillNotFoundError(resolved.dropped[0][0])
        return resolved.skills

    async def _source(self, db: Session, agent: AgentFacts, name: str) -> tuple[Dimension, SkillVersionRow]:
        skills, key = SkillRepository(db), name_key(name)
        for dimension in _SOURCES if is_skill_name(name) else ():
            place = agent.owner_id if dimension == "user" else ""
            row = await skills.find(dimension, place, key) if place or dimension == "system" else None
            if row is None or row.approved_hash is None:
                continue
            version = await skills.find_version(row.id, row.approved_hash, whole=True)
            if version is not None and await self._skills.read_text(version.hash) is not None:
                return dimension, version
        raise SkillNotFoundError(name)


def _question(agent: AgentFacts, identity: Identity) -> SkillQuestion:
    owner_id = agent.owner_id or identity.user_id
    # Who manages the agent acts with its owner's skills, as its runs do.
    caller_id = owner_id if agent.may_change else identity.user_id
    return SkillQuestion(agent.agent_id, owner_id, caller_id, agent.wanted)


def _path(dimension: str, agent: AgentFacts, name: str) -> str:
    kind: Dimension = "agent" if dimension == "agent" else "user" if dimension == "user" else "system"
    return path_of(Place(kind, agent.agent_id, agent.owner_id), name)


def _result(user_id: str, placed: Sequence[Placed]) -> Json:
    failed = [each.name for each in placed if each.outcome == "failed"]
    status = "success" if not failed else "failed" if len(failed) == len(placed) else "partial_success"
    return {
        "user_id": user_id,
        "workspace_path": SHOWN_FOLDER,
        "updated_skills": [each.name for each in placed if each.outcome != "failed"],
        "failed_skills": failed,
        "status": status,
    }
