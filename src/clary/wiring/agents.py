"""Wiring of agents: their page, their versions, what a run needs of them, and what models write of them."""

from collections.abc import Sequence
from typing import Any, cast

from clary.adapters.model_api.gateway import ModelApiGateway
from clary.db.database import Database
from clary.db.session import Session
from clary.features.agents.ports import KnowledgeBases, KnownSkills, KnownTools, ToolSummary
from clary.features.agents.service import (
    TASK_TYPES,
    AgentAbilities,
    AgentGeneration,
    AgentLimits,
    AgentReach,
    AgentRemoval,
    AgentResolver,
    AgentService,
    AgentSharing,
    AgentVersions,
    ConfigurationCheck,
    GenerationTasks,
    ModelCalls,
)
from clary.features.conversations.errors import SessionNotFoundError
from clary.features.conversations.service import ConversationService
from clary.features.llm_providers.ports import Metering
from clary.features.llm_providers.service import Money, ProviderResolver
from clary.features.permissions.service import Identity
from clary.features.toolbox.service import Toolbox
from clary.kit.clock import Clock
from clary.kit.ids import new_hex
from clary.runtime.prompts import Language
from clary.settings import Settings
from clary.wiring.background import Background
from clary.wiring.identity import IdentityServices


class AgentParts:
    """The services of the agents' slice that need no run."""

    def __init__(
        self,
        settings: Settings,
        *,
        clock: Clock,
        identity: IdentityServices,
        providers: ProviderResolver,
        money: Money,
        tools: KnownTools,
        skills: KnownSkills,
        knowledge_bases: KnowledgeBases,
    ) -> None:
        limits = AgentLimits(settings.max_agents_per_user, settings.default_max_loop_count, settings.max_loop_count)
        grants, groups = identity.grants, identity.memberships
        self.known_tools = tools
        self.resolver = AgentResolver(limits=limits, reach=AgentReach(grants=grants, groups=groups))
        self.removal = AgentRemoval(grants=grants)
        self.service = AgentService(
            check=ConfigurationCheck(
                providers=providers,
                tools=self.known_tools,
                money=money,
                grants=grants,
                groups=groups,
                skills=skills,
                knowledge_bases=knowledge_bases,
            ),
            removal=self.removal,
            audit=identity.audit,
            limits=limits,
            clock=clock,
            new_agent_id=lambda: "agent_" + new_hex(8),
        )
        self.versions = AgentVersions(agents=self.service, audit=identity.audit, limits=limits)
        self.sharing = AgentSharing(grants=grants, accounts=identity.accounts, groups=groups, audit=identity.audit)

    def publish(self, state: Any) -> None:
        """Puts the services where routes find them."""
        state.agents = self.service
        state.agent_versions = self.versions
        state.agent_sharing = self.sharing


class GenerationParts:
    """What models write of agents, directly and in the background."""

    def __init__(
        self,
        agents: AgentParts,
        *,
        database: Database,
        clock: Clock,
        gateway: ModelApiGateway,
        providers: ProviderResolver,
        metering: Metering,
        toolbox: Toolbox,
        conversations: ConversationService,
        background: Background,
    ) -> None:
        calls = ModelCalls(models=gateway, metering=metering)
        draft_tools = BoxedTools(toolbox)
        self.generation = AgentGeneration(
            database=database,
            calls=calls,
            providers=providers,
            known_tools=agents.known_tools,
            draft_tools=draft_tools,
            clock=clock,
        )
        self.abilities = AgentAbilities(
            database=database,
            calls=calls,
            agents=agents.resolver,
            providers=providers,
            draft_tools=draft_tools,
            conversations=RecentTalk(database, conversations),
            clock=clock,
        )
        self.tasks = GenerationTasks(queue=background.queue, generation=self.generation)
        for kind in TASK_TYPES:
            background.register(kind, self.tasks.work, slots=4, max_attempts=3)

    def publish(self, state: Any) -> None:
        """Puts the services where routes find them."""
        state.agent_generation = self.generation
        state.agent_abilities = self.abilities
        state.generation_tasks = self.tasks


class BoxedTools:
    """Fills `DraftTools` with the built-in tools."""

    def __init__(self, toolbox: Toolbox) -> None:
        self._toolbox = toolbox

    async def list_usable(self, session: Session, *, user_id: str, language: Language) -> Sequence[ToolSummary]:
        """See the port."""
        return [ToolSummary(each.name, each.description) for each in self._toolbox.specs(self._toolbox.names, language)]


class RecentTalk:
    """Fills `OwnConversations` from the conversations."""

    def __init__(self, database: Database, conversations: ConversationService) -> None:
        self._database = database
        self._conversations = conversations

    async def recent_text(self, *, identity: Identity, session_id: str) -> str:
        """See the port."""
        async with self._database.read() as db:
            row = await self._conversations.find_own(db, session_id=session_id, user_id=identity.user_id)
        if row is None:
            return ""
        try:
            history = await self._conversations.read_history(identity=identity, session_id=session_id, limit=20)
        except SessionNotFoundError:
            return ""
        said = [row.title, *(_line(message) for message in cast("list[dict[str, Any]]", history["messages"]))]
        return "\n".join(each for each in said if each)[-8000:]


def _line(message: dict[str, Any]) -> str:
    content = message.get("content")
    if message.get("role") not in ("user", "assistant") or not isinstance(content, str):
        return ""
    return f"{message['role']}: {content}"
