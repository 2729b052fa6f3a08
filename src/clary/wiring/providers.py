"""Wiring of model providers."""

from typing import Any

from clary.adapters.model_api.gateway import ModelApiGateway
from clary.adapters.model_api.probes import unmetered
from clary.db.database import Database
from clary.features.agents.service import AgentReferences
from clary.features.llm_providers.service import (
    KeyVault,
    Money,
    ProviderResolver,
    ProviderService,
    ProviderVerification,
    default_snapshot,
)
from clary.kit.clock import Clock
from clary.kit.crypto import SecretBox
from clary.kit.ids import new_uuid
from clary.kit.safe_http import OutboundGuard
from clary.runtime.failure_texts import KIND_TEXTS
from clary.settings import Settings
from clary.wiring.budgets import CallMetering
from clary.wiring.identity import IdentityServices
from clary.wiring.parts import default_provider


class ModelProviders:
    """Whose providers there are, which one is used, and whether they work."""

    def __init__(
        self,
        settings: Settings,
        *,
        database: Database,
        clock: Clock,
        guard: OutboundGuard,
        secret_box: SecretBox,
        gateway: ModelApiGateway,
        money: Money,
        identity: IdentityServices,
        metering: CallMetering,
    ) -> None:
        vault = KeyVault(secret_box)
        self.resolver = ProviderResolver(
            vault=vault,
            groups=identity.memberships,
            default=default_provider(settings),
            demo_model=lambda: identity.live.values.demo_model,
        )
        self.providers = ProviderService(
            resolver=self.resolver,
            vault=vault,
            guard=guard,
            money=money,
            references=AgentReferences(),
            audit=identity.audit,
            clock=clock,
            new_id=new_uuid,
        )
        self.verification = ProviderVerification(
            database=database,
            providers=self.providers,
            resolver=self.resolver,
            vault=vault,
            guard=guard,
            probe=gateway,
            metering=metering,
            clock=clock,
            new_id=new_uuid,
        )

    def publish(self, state: Any) -> None:
        """Puts the services where routes find them."""
        state.llm_providers = self.providers
        state.llm_provider_verification = self.verification


async def try_default_provider(settings: Settings) -> str | None:
    """Makes one small call to the provider of the environment; what went wrong, in one sentence, or None."""
    default = default_provider(settings)
    if default is None:
        return None
    gateway = ModelApiGateway(OutboundGuard(settings.outbound_allow))
    try:
        probe = await gateway.verify_connection(default_snapshot(default), unmetered)
    finally:
        await gateway.close()
    return None if probe.failure is None else KIND_TEXTS[probe.failure].en
