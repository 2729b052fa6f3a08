"""The things beside model and prompt that a run is given: skills, servers, knowledge, notes, other agents (9.1).

Each is looked up by the rights of the caller and by what the saved agent grants; whatever cannot be used is dropped
with a warning and never fails the run.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from clary.db.session import Session
from clary.features.agents.ports import AgentSnapshot
from clary.features.agents.service import AgentResolver, SubAgents
from clary.features.chat.config import ApprovalMode, Json, Member, RunConfig, SkillRef
from clary.features.chat.images import RunImages
from clary.features.chat.library import CallLibrary
from clary.features.chat.overriding import Warnings, warn
from clary.features.chat.past import RecordedPast
from clary.features.chat.ports import ModelGateway
from clary.features.chat.recording import RunRecorder
from clary.features.chat.state_of import RecordedRun
from clary.features.chat.tree import RootFacts
from clary.features.conversations.service import SourceBook
from clary.features.knowledge.service import RunBase, RunKnowledge
from clary.features.llm_providers.ports import GroupMemberships
from clary.features.mcp_servers.service import McpRunTools, RunDoor, UnreachableServer, Wanted
from clary.features.memory.service import MemoryService
from clary.features.permissions.service import Identity
from clary.features.skills.ports import RunSkill
from clary.features.skills.service import RunSkills, SkillQuestion
from clary.features.toolbox.ports import TaskBooks
from clary.runtime.context import ContextBudget
from clary.runtime.plan import CallMeter
from clary.runtime.prompt import prompt_language
from clary.runtime.tools import ImageReader, KnowledgeSearch, NoteBook, PastMessages, TaskBook, Tool
from clary.runtime.toolset import Language


@dataclass(frozen=True, slots=True)
class WantedThings:
    """What request and agent ask for."""

    skills: tuple[str, ...] = ()
    foreign_tools: tuple[str, ...] = ()
    """Names that mean no built-in tool."""
    knowledge_base_ids: tuple[str, ...] = ()
    servers: Json = field(default_factory=dict[str, Any])
    recalls_for: str = ""
    """The words that notes of the person are looked up for; "": none are."""


@dataclass(frozen=True, slots=True)
class GivenThings:
    """What of it can be used."""

    skills: tuple[SkillRef, ...] = ()
    tool_names: tuple[str, ...] = ()
    """Of tools of MCP servers, in order."""
    knowledge_bases: tuple[RunBase, ...] = ()
    mcp: Json = field(default_factory=dict[str, Any])
    recalled: tuple[str, ...] = ()


class RunThings:
    """See the module."""

    def __init__(
        self,
        *,
        agents: AgentResolver,
        groups: GroupMemberships,
        mcp: McpRunTools,
        skills: RunSkills,
        memory: MemoryService,
        knowledge: RunKnowledge,
        sources: SourceBook,
        models: ModelGateway,
        server_approval_mode: ApprovalMode,
    ) -> None:
        self._agents = agents
        self._groups = groups
        self._mcp = mcp
        self._skills = skills
        self._memory = memory
        self._knowledge = knowledge
        self._sources = sources
        self._models = models
        self.server_approval_mode: ApprovalMode = server_approval_mode
        self.tasks: TaskBooks | None = None
        """Scheduled tasks, which stand above runs; None: agents get none."""

    async def resolve(
        self, db: Session, *, caller: Identity, agent: AgentSnapshot, wanted: WantedThings, warnings: Warnings
    ) -> GivenThings:
        """What of the wanted things can be used now."""
        mcp = await self._offered(db, caller, agent, wanted, warnings)
        return GivenThings(
            skills=await self._usable_skills(db, caller, agent, wanted.skills, warnings),
            tool_names=self._names(mcp),
            knowledge_bases=await self._usable_bases(db, caller, agent, wanted.knowledge_base_ids, warnings),
            mcp=mcp,
            recalled=await self._recalled(db, caller, agent, wanted.recalls_for),
        )

    async def _usable_skills(
        self, db: Session, caller: Identity, agent: AgentSnapshot, names: Sequence[str], warnings: Warnings
    ) -> tuple[SkillRef, ...]:
        if not names:
            return ()
        question = SkillQuestion(
            agent.agent_id, agent.owner_id or caller.user_id, caller.user_id, granted=tuple(agent.skills)
        )
        found = await self._skills.resolve_for_run(db, question, names)
        for name, reason in found.dropped:
            warn(warnings, "available_skills", name, reason)
        return tuple(SkillRef(each.name, each.description, each.hash, each.dimension) for each in found.skills)

    async def _usable_bases(
        self, db: Session, caller: Identity, agent: AgentSnapshot, ids: Sequence[str], warnings: Warnings
    ) -> tuple[RunBase, ...]:
        if not ids:
            return ()
        found = await self._knowledge.resolve(
            db,
            caller=caller,
            agent_owner_id=agent.owner_id,
            agent_base_ids=agent.knowledge_base_ids,
            wanted_ids=ids,
        )
        usable = {base.id for base in found}
        for base_id in ids:
            if base_id not in usable:
                warn(warnings, "available_knowledge_bases", base_id, "not_usable")
        return tuple(found)

    async def _recalled(self, db: Session, caller: Identity, agent: AgentSnapshot, said: str) -> tuple[str, ...]:
        if not said:
            return ()
        notes = await self._memory.recall(db, user_id=caller.user_id, agent_id=agent.agent_id, text=said)
        return tuple(note.content for note in notes)

    async def _offered(
        self, db: Session, caller: Identity, agent: AgentSnapshot, wanted: WantedThings, warnings: Warnings
    ) -> Json:
        """The snapshot of tools of MCP servers; those of the request are connected to later."""
        if not wanted.foreign_tools and not wanted.servers:
            return {}
        offer = await self._mcp.offer(
            db,
            wanted=Wanted(
                caller_id=caller.user_id,
                agent_owner_id=agent.owner_id,
                agent_id=agent.agent_id,
                agent_names=[name for name in wanted.foreign_tools if name in agent.tools],
                request_names=[name for name in wanted.foreign_tools if name not in agent.tools],
                extra=wanted.servers,
            ),
        )
        warnings.extend(offer.warnings)
        return offer.snapshot

    def _names(self, mcp: Json) -> tuple[str, ...]:
        return tuple(tool.spec.name for tool in self._mcp.restore(mcp, RunDoor())) if mcp else ()

    async def connected(self, config: RunConfig) -> tuple[RunConfig, Warnings, Sequence[UnreachableServer]]:
        """The configuration with the tools of the request's own servers, what was left out, and who did not answer."""
        offer = await self._mcp.connect(config.mcp)
        tools = tuple(dict.fromkeys((*config.tools, *self._names(offer.snapshot))))
        return replace(config, mcp=offer.snapshot, tools=tools), offer.warnings, offer.unreachable

    async def release(self, config: RunConfig) -> None:
        """Ends the connections to servers that only this run had."""
        if config.mcp:
            await self._mcp.release(config.mcp)

    def foreign_tools(self, config: RunConfig, door: RunDoor) -> dict[str, Tool]:
        """The tools of MCP servers by name, as they were at the start of the run."""
        return {tool.spec.name: tool for tool in self._mcp.restore(config.mcp, door)} if config.mcp else {}

    async def place_skills(self, workspace: Path, skills: Sequence[SkillRef]) -> None:
        """Puts read-only copies of the skills' files into the workspace."""
        await self._skills.place_copies(workspace, [_run_skill(skill) for skill in skills])

    async def skill_text(self, skill: SkillRef) -> str | None:
        """The whole `SKILL.md`; None when it is not there any more as it was."""
        return await self._skills.read_text(skill.hash)

    def notebook(self, user_id: str, config: RunConfig, session_id: str) -> NoteBook:
        """The person's notes for this agent; new ones come from this conversation."""
        language = prompt_language(config.answer_language)
        return self._memory.notebook(user_id, config.agent_id, session_id=session_id, language=language)

    def task_book(self, root: RootFacts, config: RunConfig, language: Language) -> TaskBook | None:
        """The tasks of the person, within the agents that a key of theirs is limited to."""
        if self.tasks is None:
            return None
        limited = config.caller.agent_ids
        return self.tasks.of(
            user_id=root.user_id,
            agent_ids=None if limited is None else frozenset(limited),
            language=language,
            run_id=root.run_id,
            is_scheduled=root.endpoint == "task",
        )

    def library(self, recorder: RunRecorder, call_id: str) -> KnowledgeSearch | None:
        """The knowledge bases of the run, as one call finds them; None: it has none."""
        if not recorder.config.knowledge_bases:
            return None
        return CallLibrary(self._knowledge, self._sources, recorder, call_id)

    def past(self, conversation_id: int, record: RecordedRun) -> PastMessages:
        """What was said earlier in the conversation."""
        return RecordedPast(record)

    def image_reader(self, recorder: RunRecorder, budget: ContextBudget, meter: CallMeter) -> ImageReader:
        """The run's model looking at pictures."""
        return RunImages(self._models.client(recorder.config.provider), recorder, budget, meter)

    async def groups_of(self, db: Session, user_id: str) -> frozenset[str]:
        """Groups a person is in now."""
        return await self._groups.groups_of(db, user_id=user_id)

    async def find_member(self, db: Session, *, caller: Identity, member: Member) -> AgentSnapshot | None:
        """A saved agent to delegate to as it stands now, or None."""
        return await self._agents.find_sub_agent(
            db, identity=caller, owner_id=member.listed_by, agent_id=member.agent_id
        )

    async def sub_agents(
        self, db: Session, *, caller: Identity, agent: AgentSnapshot, wanted_ids: Sequence[str] | None
    ) -> SubAgents:
        """The agents a run may delegate to, and the ids that mean nothing to it; None: those of the agent."""
        return await self._agents.resolve_sub_agents(db, identity=caller, agent=agent, agent_ids=wanted_ids)


def _run_skill(skill: SkillRef) -> RunSkill:
    return RunSkill(skill.name, skill.description, skill.hash, skill.dimension)
