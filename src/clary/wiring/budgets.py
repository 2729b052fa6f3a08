"""Wiring of usage: the ledger's upkeep, budgets, and the gate in front of models."""

from typing import Any

from clary.db.database import Database
from clary.features.agents.service import AgentBudgets, AgentService
from clary.features.llm_providers.service import Money
from clary.features.usage.service import (
    BudgetGate,
    BudgetPlaces,
    BudgetService,
    Calendar,
    GroupBudgets,
    KeyBudgets,
    LedgerKeeping,
)
from clary.kit.clock import Clock
from clary.kit.ids import new_uuid
from clary.settings import Settings
from clary.wiring.identity import IdentityServices


class BudgetServices:
    """The services of usage."""

    def __init__(
        self, settings: Settings, *, database: Database, clock: Clock, money: Money, identity: IdentityServices
    ) -> None:
        calendar = Calendar(settings.timezone)
        self.places = BudgetPlaces(
            database=database,
            members=identity.memberships,
            objects={"group": GroupBudgets(identity.groups), "key": KeyBudgets(identity.keys)},
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
            members=identity.memberships,
            rates=money,
            audit=identity.audit,
            calendar=calendar,
            clock=clock,
        )
        self.keeping = LedgerKeeping(database=database, clock=clock, keep_days=settings.usage_days)

    def add_agents(self, agents: AgentService) -> None:
        """Makes budgets of agents known; these stand above usage."""
        self.places.add_objects("agent", AgentBudgets(agents))

    def publish(self, state: Any) -> None:
        """Puts the services where routes find them."""
        state.budgets = self.budgets
