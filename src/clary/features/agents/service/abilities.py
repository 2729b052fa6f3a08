"""What an agent can do, said as suggestions (product.md 3.6)."""

from collections import OrderedDict
from collections.abc import Mapping
from typing import NamedTuple

from clary.db.database import Database
from clary.features.agents.answers import Ability, abilities
from clary.features.agents.errors import AgentNotFoundError
from clary.features.agents.payloads import AbilitiesRequest, AbilitiesResponse
from clary.features.agents.ports import AgentSnapshot, DraftTools, OwnConversations, ToolSummary
from clary.features.agents.prompts import instructions
from clary.features.agents.service.generation import answer_language, listed, real_provider
from clary.features.agents.service.in_use import AgentResolver
from clary.features.agents.service.model_calls import Assignment, Author, ModelCalls
from clary.features.llm_providers.service import ProviderResolver
from clary.features.permissions.service import Identity
from clary.kit.clock import Clock
from clary.runtime.prompts import Language, persona

KEPT_SECONDS = 24 * 3600.0
MOST_KEPT = 1000
SHOWN_CHARACTERS = 8000


class _Key(NamedTuple):
    agent_id: str
    version: int
    language: Language


class AgentAbilities:
    """Suggestions for an agent; those that nothing but its configuration went into are kept for a day.

    What is kept is shown to everybody who may use the agent, so nothing of a person's context or conversation is.
    """

    def __init__(
        self,
        *,
        database: Database,
        calls: ModelCalls,
        agents: AgentResolver,
        providers: ProviderResolver,
        draft_tools: DraftTools,
        conversations: OwnConversations,
        clock: Clock,
    ) -> None:
        self._database = database
        self._calls = calls
        self._agents = agents
        self._providers = providers
        self._draft_tools = draft_tools
        self._conversations = conversations
        self._clock = clock
        self._kept: OrderedDict[_Key, tuple[float, AbilitiesResponse]] = OrderedDict()

    async def suggest(self, *, identity: Identity, wanted: AbilitiesRequest) -> AbilitiesResponse:
        """Up to six suggestions in the asked language.

        Raises:
            AgentNotFoundError, ProviderMissingError, ModelCallFailedError
        """
        language = answer_language(wanted.language)
        if not wanted.agent_id:
            raise AgentNotFoundError(wanted.agent_id)
        async with self._database.read() as db:
            agent = await self._agents.resolve_for_run(db, identity=identity, agent_id=wanted.agent_id)
        talk = await self._conversations.recent_text(identity=identity, session_id=wanted.session_id or "")
        context = "\n\n".join(each for each in (wanted.context, talk) if each)
        key = _Key(agent.agent_id, agent.version, language)
        kept = None if context else self._find(key)
        if kept is None:
            kept = _response(await self._ask(identity, agent, language, context))
            if not context:
                self._keep(key, kept)
        return kept

    async def _ask(self, identity: Identity, agent: AgentSnapshot, language: Language, context: str) -> list[Ability]:
        author = Author.of(identity)
        async with self._database.read() as db:
            provider = await real_provider(
                self._providers,
                db,
                author,
                None,
                agent_provider_id=agent.provider_id,
                agent_owner_id=agent.owner_id,
            )
            tools = await self._draft_tools.list_usable(db, user_id=identity.user_id, language=language)
        described = {each.name: each for each in tools}
        material = f"<agent>\n{_configuration(agent, described, language)}\n</agent>"
        if context:
            material += f"\n\n<conversation>\n{context}\n</conversation>"
        told = instructions("abilities", language)
        assignment = Assignment(provider, author, "agent_abilities", language, told, material, agent.agent_id)
        return await self._calls.ask(assignment, abilities)

    def _find(self, key: _Key) -> AbilitiesResponse | None:
        until, kept = self._kept.get(key, (0.0, None))
        return kept if until > self._clock.epoch() else None

    def _keep(self, key: _Key, response: AbilitiesResponse) -> None:
        self._kept.pop(key, None)
        self._kept[key] = (self._clock.epoch() + KEPT_SECONDS, response)
        if len(self._kept) > MOST_KEPT:
            self._kept.popitem(last=False)


def _response(found: list[Ability]) -> AbilitiesResponse:
    items = [
        {
            "id": f"ability_{number}",
            "title": each.title,
            "description": each.description,
            "promptText": each.prompt_text,
        }
        for number, each in enumerate(found, 1)
    ]
    return AbilitiesResponse.model_validate({"items": items})


def _configuration(agent: AgentSnapshot, described: Mapping[str, ToolSummary], language: Language) -> str:
    """What everybody who may use the agent can read of it anyway."""
    tools = [described.get(name) or ToolSummary(name, "") for name in agent.tools]
    parts = {
        "name": agent.name,
        "description": agent.description,
        "instructions": (agent.system_prefix or persona(language))[:SHOWN_CHARACTERS],
        "tools": listed(tools),
        "workflows": ", ".join(agent.workflows),
        "skills": ", ".join(agent.skills),
    }
    return "\n\n".join(f"{title}:\n{text}" for title, text in parts.items() if text)
