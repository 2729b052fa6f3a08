"""The things beside model and prompt that a run is given: skills, servers, knowledge, notes, other agents (9.1).

Each is looked up by the rights of the caller and by what the saved agent grants; whatever cannot be used is dropped
with a warning and never fails the run.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from clary.db.session import Session
from clary.features.agents.errors import AgentNotFoundError
from clary.features.agents.ports import AgentSnapshot
from clary.features.agents.service import AgentResolver
from clary.features.chat.config import ApprovalMode, Json, RunConfig, SkillRef
from clary.features.chat.overriding import Warnings, warn
from clary.features.chat.past import RecordedPast
from clary.features.chat.recording import RunRecorder
from clary.features.chat.state_of import RecordedRun
from clary.features.llm_providers.ports import GroupMemberships
from clary.features.permissions.service import Identity
from clary.runtime.tools import ImageReader, NoteBook, PastMessages, Tool


@dataclass(frozen=True, slots=True)
class WantedThings:
    """What request and agent ask for."""

    skills: tuple[str, ...] = ()
    tools: tuple[str, ...] = ()
    tools_by_request: bool = False
    knowledge_base_ids: tuple[str, ...] = ()
    servers: Json = field(default_factory=dict[str, Any])
    recalls: bool = False


@dataclass(frozen=True, slots=True)
class GivenThings:
    """What of it can be used."""

    skills: tuple[SkillRef, ...] = ()
    tool_names: frozenset[str] = frozenset()
    knowledge_base_ids: tuple[str, ...] = ()
    mcp: Json = field(default_factory=dict[str, Any])
    troubles: tuple[str, ...] = ()
    recalled: tuple[str, ...] = ()


class RunThings:
    """See the module."""

    def __init__(self, *, agents: AgentResolver, groups: GroupMemberships, server_approval_mode: ApprovalMode) -> None:
        self._agents = agents
        self._groups = groups
        self.server_approval_mode: ApprovalMode = server_approval_mode

    async def resolve(
        self, db: Session, *, caller: Identity, agent: AgentSnapshot, wanted: WantedThings, warnings: Warnings
    ) -> GivenThings:
        """What of the wanted things can be used now."""
        for skill in wanted.skills:
            warn(warnings, "available_skills", skill, "unknown")
        for base in wanted.knowledge_base_ids:
            warn(warnings, "available_knowledge_bases", base, "not_usable")
        return GivenThings()

    async def foreign_tools(self, config: RunConfig, user_id: str) -> dict[str, Tool]:
        """The tools of MCP servers by name, as they were at the start of the run."""
        return {}

    async def place_skills(self, workspace: Path, skills: Sequence[SkillRef]) -> None:
        """Puts read-only copies of the skills' files into the workspace."""

    async def skill_text(self, skill: SkillRef) -> str | None:
        """The whole `SKILL.md`; None when it is not there any more as it was."""
        return None

    def notebook(self, user_id: str, config: RunConfig) -> NoteBook | None:
        """The person's notes for this agent."""
        return None

    def past(self, conversation_id: int, record: RecordedRun) -> PastMessages:
        """What was said earlier in the conversation."""
        return RecordedPast(record)

    def image_reader(self, config: RunConfig, recorder: RunRecorder) -> ImageReader | None:
        """A model that looks at pictures, if the run's model can."""
        return None

    async def groups_of(self, db: Session, user_id: str) -> frozenset[str]:
        """Groups a person is in now."""
        return await self._groups.groups_of(db, user_id=user_id)

    async def find_member(self, db: Session, *, caller: Identity, owner_id: str, agent_id: str) -> AgentSnapshot | None:
        """A saved agent to delegate to, or None."""
        try:
            return await self._agents.resolve_for_run(db, identity=caller, agent_id=agent_id)
        except AgentNotFoundError:
            return None

    async def sub_agents(
        self, db: Session, *, caller: Identity, agent: AgentSnapshot, wanted_ids: Sequence[str]
    ) -> tuple[list[AgentSnapshot], list[str]]:
        """The agents a run may delegate to, and the ids that mean nothing to it."""
        found: list[AgentSnapshot] = []
        missing: list[str] = []
        for agent_id in wanted_ids:
            member = await self.find_member(db, caller=caller, owner_id=agent.owner_id, agent_id=agent_id)
            if member is None or agent_id == agent.agent_id:
                missing.append(agent_id)
            else:
                found.append(member)
        return found, missing
