"""Wiring of agents: their page, their versions, and what a run needs of them."""

from typing import Any

from clary.features.agents.service import (
    AgentLimits,
    AgentReach,
    AgentRemoval,
    AgentResolver,
    AgentService,
    AgentSharing,
    AgentVersions,
    ConfigurationCheck,
    FixedTools,
)
from clary.features.llm_providers.service import Money, ProviderResolver
from clary.features.toolbox.service import ALIASES, Toolbox
from clary.kit.clock import Clock
from clary.kit.ids import new_hex
from clary.settings import Settings
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
        toolbox: Toolbox,
    ) -> None:
        limits = AgentLimits(settings.max_agents_per_user, settings.default_max_loop_count, settings.max_loop_count)
        grants, groups = identity.grants, identity.memberships
        self.resolver = AgentResolver(limits=limits, reach=AgentReach(grants=grants, groups=groups))
        self.removal = AgentRemoval(grants=grants)
        self.service = AgentService(
            check=ConfigurationCheck(
                providers=providers,
                tools=FixedTools((*toolbox.names, *ALIASES)),
                money=money,
                grants=grants,
                groups=groups,
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
