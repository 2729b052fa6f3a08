"""References of a configuration against the rights of the agent's owner, whoever saves it (product.md 3.1)."""

from collections.abc import Mapping, Sequence
from typing import Any

from clary.db.session import Session
from clary.features.agents.errors import AgentNameEmptyError
from clary.features.agents.policy import BUILT_IN_ID, Remark, without
from clary.features.agents.ports import KnownTools
from clary.features.agents.repository import AgentRepository
from clary.features.groups.service import GroupMemberships
from clary.features.llm_providers.service import Money, ProviderResolver
from clary.features.permissions.service import Grants


class ConfigurationCheck:
    """Refuses what must not be saved, removes what the owner cannot reach, remarks on what has no effect."""

    def __init__(
        self, *, providers: ProviderResolver, tools: KnownTools, money: Money, grants: Grants, groups: GroupMemberships
    ) -> None:
        self._providers = providers
        self._grants = grants
        self._groups = groups
        self._tools = tools
        self._money = money

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
        # No knowledge base exists as yet, so that every id is an unknown one.
        bases: list[str] = configuration["availableKnowledgeBases"]
        remarks += [Remark("availableKnowledgeBases", each, "unknown") for each in bases]
        kept = {"availableSubAgentIds": without(wanted, [*lost, agent_id]), "availableKnowledgeBases": list[str]()}
        return {**configuration, **kept}, remarks

    async def without_effect(
        self, session: Session, configuration: Mapping[str, Any], *, owner_id: str
    ) -> list[Remark]:
        """What stands in a saved configuration and is dropped in runs: unknown tools and skills, lost sub-agents."""
        named: list[str] = configuration["availableTools"]
        known = await self._tools.find_known(session, owner_id=owner_id, names=named) if named else frozenset[str]()
        remarks = [Remark("availableTools", each, "unknown") for each in without(named, known)]
        wanted: list[str] = configuration["availableSubAgentIds"]
        lost = await self._lost_sub_agents(session, wanted, owner_id=owner_id)
        remarks += [Remark("availableSubAgentIds", each, "unknown") for each in lost]
        # No skill exists as yet, so that every name is an unknown one.
        return remarks + [Remark("availableSkills", each, "unknown") for each in configuration["availableSkills"]]

    async def _lost_sub_agents(self, session: Session, wanted: Sequence[str], *, owner_id: str) -> list[str]:
        """Those that are neither the owner's nor granted to the owner."""
        owners = await AgentRepository(session).find_owners(wanted) if wanted else {}
        foreign = [each for each in wanted if each != BUILT_IN_ID and (not owner_id or owners.get(each) != owner_id)]
        if not foreign or not owner_id:
            return foreign
        groups = await self._groups.groups_of(session, user_id=owner_id)
        granted = await self._grants.find_reachable(session, object_type="agent", user_id=owner_id, group_ids=groups)
        return [each for each in foreign if each not in granted or each not in owners]
