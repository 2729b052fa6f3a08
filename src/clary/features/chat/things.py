"""The things beside model and prompt that a run is given: skills, servers, knowledge, notes, other agents (9.1).

Each is looked up by the rights of the caller and by what the saved agent grants; whatever cannot be used is dropped
with a warning and never fails the run.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from clary.db.session import Session
from clary.features.agents.errors import AgentNotFoundError
from clary.features.agents.ports import AgentSnapshot
from clary.features.agents.service import AgentResolver
from clary.features.chat.config import ApprovalMode, Json, SkillRef
from clary.features.chat.overriding import Warnings, warn
from clary.features.permissions.service import Identity


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

    def __init__(self, *, agents: AgentResolver, server_approval_mode: ApprovalMode) -> None:
        self._agents = agents
        self.server_approval_mode = server_approval_mode

    async def resolve(
        self, db: Session, *, caller: Identity, agent: AgentSnapshot, wanted: WantedThings, warnings: Warnings
    ) -> GivenThings:
        """What of the wanted things can be used now."""
        for skill in wanted.skills:
            warn(warnings, "available_skills", skill, "unknown")
        for base in wanted.knowledge_base_ids:
            warn(warnings, "available_knowledge_bases", base, "not_usable")
        return GivenThings()

    async def sub_agents(
        self, db: Session, *, caller: Identity, agent: AgentSnapshot, wanted_ids: Sequence[str]
    ) -> tuple[list[AgentSnapshot], list[str]]:
        """The agents a run may delegate to, and the ids that mean nothing to it."""
        found: list[AgentSnapshot] = []
        missing: list[str] = []
        for agent_id in wanted_ids:
            try:
                found.append(await self._agents.resolve_for_run(db, identity=caller, agent_id=agent_id))
            except AgentNotFoundError:
                missing.append(agent_id)
        return found, missing
