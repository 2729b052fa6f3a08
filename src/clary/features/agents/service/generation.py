"""Drafts of agents and better instructions, written by a model (product.md 3.6). Nothing is saved."""

from collections.abc import Sequence

from clary.db.database import Database
from clary.db.session import Session
from clary.features.agents.answers import drafted_agent, numbered_name, optimized_prompt
from clary.features.agents.payloads import (
    DraftRequest,
    DraftResponse,
    OptimizationDetails,
    OptimizeRequest,
    OptimizeResponse,
)
from clary.features.agents.ports import DraftTools, KnownTools, ToolSummary
from clary.features.agents.prompts import instructions
from clary.features.agents.repository import AgentRepository
from clary.features.agents.service.model_calls import Assignment, Author, ModelCalls
from clary.features.llm_providers.errors import ProviderMissingError
from clary.features.llm_providers.service import ProviderResolver, ProviderSnapshot
from clary.kit.clock import Clock, wire_time
from clary.kit.text import current_locale
from clary.runtime.prompts import Language, prompt_language


class AgentGeneration:
    """See the module. Every method opens short transactions of its own and calls the model in none."""

    def __init__(
        self,
        *,
        database: Database,
        calls: ModelCalls,
        providers: ProviderResolver,
        known_tools: KnownTools,
        draft_tools: DraftTools,
        clock: Clock,
    ) -> None:
        self._database = database
        self._calls = calls
        self._providers = providers
        self._known_tools = known_tools
        self._draft_tools = draft_tools
        self._clock = clock

    async def draft(self, *, author: Author, wanted: DraftRequest) -> DraftResponse:
        """An agent for a description, under a name that its author has not given yet.

        Raises:
            NamedProviderNotFoundError, ProviderMissingError, ModelCallFailedError
        """
        language = answer_language(wanted.language)
        async with self._database.read() as db:
            provider = await real_provider(self._providers, db, author, wanted.llm_provider_id)
            offered = await self._draft_tools.list_usable(db, user_id=author.user_id, language=language)
            chosen = await self._existing(db, author, wanted.available_tools)
        names = frozenset(each.name for each in offered)
        shown = offered if chosen is None else [each for each in offered if each.name in chosen]
        assignment = Assignment(
            provider,
            author,
            "agent_generate",
            language,
            instructions("draft", language),
            f"<description>\n{wanted.agent_description}\n</description>\n\n<tools>\n{listed(shown)}\n</tools>",
        )
        found = await self._calls.ask(assignment, drafted_agent(names))
        async with self._database.read() as db:
            taken = {row.name for row in await AgentRepository(db).list_owned(author.user_id)}
        return DraftResponse.model_validate(
            {
                "name": numbered_name(found.name, taken),
                "description": found.description,
                "systemPrefix": found.system_prefix,
                "availableTools": found.tools if chosen is None else chosen,
                "availableWorkflows": found.workflows,
                "llm_provider_id": wanted.llm_provider_id or None,
                "exportTime": wire_time(self._clock.now()),
            }
        )

    async def optimize(self, *, author: Author, wanted: OptimizeRequest) -> OptimizeResponse:
        """Better instructions for the same agent.

        Raises:
            NamedProviderNotFoundError, ProviderMissingError, ModelCallFailedError
        """
        language = answer_language(wanted.language)
        async with self._database.read() as db:
            provider = await real_provider(self._providers, db, author, wanted.llm_provider_id)
        goal = wanted.optimization_goal or ""
        material = f"<instructions>\n{wanted.original_prompt}\n</instructions>"
        if goal:
            material += f"\n\n<goal>\n{goal}\n</goal>"
        told = instructions("optimize", language)
        assignment = Assignment(provider, author, "prompt_optimize", language, told, material)
        found = await self._calls.ask(assignment, optimized_prompt)
        return OptimizeResponse(
            optimized_prompt=found.text,
            analysis=found.analysis,
            sections=found.sections,
            timestamp=wire_time(self._clock.now()) or "",
            optimization_details=OptimizationDetails(
                original_length=len(wanted.original_prompt),
                optimized_length=len(found.text),
                optimization_goal=wanted.optimization_goal,
            ),
        )

    async def require_provider(self, db: Session, *, author: Author, provider_id: str | None) -> None:
        """Refuses what could not be done anyway.

        Raises:
            NamedProviderNotFoundError, ProviderMissingError
        """
        await real_provider(self._providers, db, author, provider_id)

    async def _existing(self, db: Session, author: Author, names: Sequence[str] | None) -> list[str] | None:
        """Those of the names that are tools this person can use, in order; None where none were given."""
        if names is None:
            return None
        known = await self._known_tools.find_known(db, owner_id=author.user_id, names=names)
        return [each for each in dict.fromkeys(names) if each in known]


async def real_provider(
    providers: ProviderResolver,
    db: Session,
    author: Author,
    requested_id: str | None,
    *,
    agent_provider_id: str | None = None,
    agent_owner_id: str | None = None,
) -> ProviderSnapshot:
    """The provider of a call outside any run: the one named, the agent's, else the default order.

    Raises:
        NamedProviderNotFoundError: the one named is unknown or foreign.
        ProviderMissingError: nothing is left but the demo model, whose script is no answer.
    """
    found = await providers.resolve(
        db,
        user_id=author.user_id,
        requested_id=requested_id,
        agent_provider_id=agent_provider_id,
        agent_owner_id=agent_owner_id,
    )
    if found.kind == "demo":
        raise ProviderMissingError
    return found


def answer_language(tag: str | None) -> Language:
    """The language asked for, else that of the request."""
    return prompt_language(tag or current_locale.get())


def listed(tools: Sequence[ToolSummary]) -> str:
    """Tools as a list for a model."""
    return "\n".join(f"- {each.name}: {' '.join(each.description.split())[:300]}" for each in tools) or "-"
