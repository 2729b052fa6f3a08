"""Wiring of usage: the ledger's upkeep, budgets, and the gate in front of models."""

from decimal import Decimal
from typing import Any

from clary.db.database import Database
from clary.features.agents.service import AgentBudgets, AgentService
from clary.features.llm_providers.ports import CallOwner, MeteredModel, ProviderSnapshot
from clary.features.llm_providers.service import Money, ProviderResolver
from clary.features.usage.service import (
    BudgetGate,
    BudgetPlaces,
    BudgetService,
    Calendar,
    GroupBudgets,
    KeyBudgets,
    LedgerKeeping,
    PlannedCall,
    SingleCalls,
    UsageReports,
)
from clary.kit.clock import Clock
from clary.kit.ids import new_uuid
from clary.runtime.model import ModelClient, Usage
from clary.settings import Settings
from clary.wiring.identity import IdentityServices
from clary.wiring.knowledge_metering import KnowledgeMeters


class BudgetServices:
    """The services of usage."""

    def __init__(
        self, settings: Settings, *, database: Database, clock: Clock, money: Money, identity: IdentityServices
    ) -> None:
        calendar = self.calendar = Calendar(settings.timezone)
        self.places = BudgetPlaces(
            database=database,
            members=identity.memberships,
            objects={"group": GroupBudgets(identity.groups, identity.memberships), "key": KeyBudgets(identity.keys)},
            rates=money,
            defaults=settings.budgets,
        )
        self.gate = BudgetGate(
            database=database,
            places=self.places,
            calendar=calendar,
            clock=clock,
            currency=money.currency,
            unpriced=settings.unpriced_models,
            new_id=new_uuid,
        )
        self.budgets = BudgetService(
            places=self.places,
            accounts=identity.accounts,
            rates=money,
            audit=identity.audit,
            calendar=calendar,
            clock=clock,
        )
        self.reports = UsageReports(
            database=database,
            places=self.places,
            accounts=identity.accounts,
            groups=identity.memberships,
            calendar=calendar,
            clock=clock,
            currency=money.currency,
        )
        calls = SingleCalls(database=database, gate=self.gate, clock=clock, currency=money.currency)
        self.metering = CallMetering(calls, money)
        self.knowledge_meters = KnowledgeMeters(calls, money)
        self.keeping = LedgerKeeping(database=database, clock=clock, keep_days=settings.usage_days)

    def add_agents(self, agents: AgentService) -> None:
        """Makes budgets of agents known; these stand above usage."""
        self.places.add_objects("agent", AgentBudgets(agents))

    def name_providers(self, providers: ProviderResolver) -> None:
        """Makes names of providers known to reports; these stand beside usage."""
        self.reports.name_providers(providers)

    def publish(self, state: Any) -> None:
        """Puts the services where routes find them."""
        state.budgets = self.budgets
        state.usage_reports = self.reports


class CallMetering:
    """Fills `Metering` from the ledger and budgets, which stand beside the providers."""

    def __init__(self, calls: SingleCalls, money: Money) -> None:
        self._calls = calls
        self._money = money

    def metered(self, client: ModelClient, provider: ProviderSnapshot, owner: CallOwner) -> MeteredModel:
        """See the port."""

        def cost(usage: Usage) -> Decimal | None:
            return self._money.cost(provider, usage)

        call = PlannedCall(
            user_id=owner.user_id,
            provider_id=provider.id,
            model=provider.model,
            price=self._money.unit_price(provider),
            step_name=owner.step_name,
            key_id=owner.key_id,
            client_id=owner.client_id,
            agent_id=owner.agent_id,
        )
        return self._calls.model(client, call, default_max_tokens=provider.max_tokens, cost=cost)
