"""References of a configuration against the rights of the agent's owner, whoever saves it (product.md 3.1)."""

from collections.abc import Mapping, Sequence
from typing import Any

from clary.db.session import Session
from clary.features.agents.errors import AgentNameEmptyError
from clary.features.agents.policy import Remark, without
from clary.features.agents.ports import KnowledgeBases, KnownSkills, KnownTools, NoSkills
from clary.features.agents.service.reach import AgentReach
from clary.features.groups.service import GroupMemberships
from clary.features.llm_providers.service import Money, ProviderResolver
from clary.features.permissions.service import Grants


class ConfigurationCheck:
    """Refuses what must not be saved, removes what the owner cannot reach, remarks on what has no effect."""

    def __init__(
        self,
        *,
        providers: ProviderResolver,
        tools: KnownTools,
        money: Money,
        grants: Grants,
        groups: GroupMemberships,
        knowledge_bases: KnowledgeBases,
        skills: KnownSkills | None = None,
    ) -> None:
        self._providers = providers
        self._reach = AgentReach(grants=grants, groups=groups)
        self._tools = tools
        self._money = money
        self._skills = skills or NoSkills()
        self._knowledge_bases = knowledge_bases

    async def require_allowed(self, session: Session, configuration: Mapping[str, Any], *, owner_id: str) -> None:
        """Name and providers.

        Raises:
            AgentNameEmptyError, NamedProviderNotFoundError
        """
        if not configuration["name"]:
            raise AgentNameEmptyError
        for name in ("llm_provider_id", "fast_llm_provider_id"):
            if configuration[name]:
                await self._providers.require_usable(session, user_id=owner_id, provider_id=configuration[name])

    def in_server_currency(self, configuration: Mapping[str, Any]) -> dict[str, Any]:
        """The configuration with the money of its budget in the server's currency.

        Raises:
            ValidationFailedError: nobody gave a rate for it.
        """
        budget: dict[str, Any] | None = configuration["budget"]
        return {**configuration, "budget": None if budget is None else self._money.converted(budget)}

    async def reachable(
        self, session: Session, configuration: Mapping[str, Any], *, owner_id: str, agent_id: str
    ) -> tuple[dict[str, Any], list[Remark]]:
        """The configuration without sub-agents and knowledge bases that the owner cannot reach, and which these were.

        Foreign ids and ids that never existed get the same remark.
        """
        wanted: list[str] = configuration["availableSubAgentIds"]
        lost = await self._lost_sub_agents(session, wanted, owner_id=owner_id)
        remarks = [Remark("availableSubAgentIds", each, "unknown") for each in lost]
        if agent_id in wanted:
            remarks.append(Remark("availableSubAgentIds", agent_id, "not_usable"))
        bases: list[str] = configuration["availableKnowledgeBases"]
        unread = await self._unread_bases(session, bases, owner_id=owner_id)
        remarks += [Remark("availableKnowledgeBases", each, "unknown") for each in unread]
        kept = {
            "availableSubAgentIds": without(wanted, [*lost, agent_id]),
            "availableKnowledgeBases": without(bases, unread),
        }
        return {**configuration, **kept}, remarks

    async def without_effect(
        self, session: Session, configuration: Mapping[str, Any], *, owner_id: str, agent_id: str
    ) -> list[Remark]:
        """What stands in a saved configuration and is dropped in runs: tools, sub-agents, skills, knowledge bases."""
        named: list[str] = configuration["availableTools"]
        known = await self._tools.find_known(session, owner_id=owner_id, names=named) if named else frozenset[str]()
        remarks = [Remark("availableTools", each, "unknown") for each in without(named, known)]
        wanted: list[str] = configuration["availableSubAgentIds"]
        lost = await self._lost_sub_agents(session, wanted, owner_id=owner_id)
        remarks += [Remark("availableSubAgentIds", each, "unknown") for each in lost]
        skills: list[str] = configuration["availableSkills"]
        if skills:
            unusable = await self._skills.find_unusable(session, owner_id=owner_id, names=skills, agent_id=agent_id)
            remarks += [Remark("availableSkills", each, unusable[each]) for each in skills if each in unusable]
        unread = await self._unread_bases(session, configuration["availableKnowledgeBases"], owner_id=owner_id)
        return remarks + [Remark("availableKnowledgeBases", each, "unknown") for each in unread]

    async def _unread_bases(self, session: Session, ids: Sequence[str], *, owner_id: str) -> list[str]:
        """Those that the owner cannot read."""
        if not ids:
            return []
        return without(ids, await self._knowledge_bases.find_readable(session, owner_id=owner_id, ids=ids))

    async def _lost_sub_agents(self, session: Session, wanted: Sequence[str], *, owner_id: str) -> list[str]:
        """Those that the owner cannot use."""
        return without(wanted, await self._reach.find_usable(session, owner_id=owner_id, agent_ids=wanted))
