"""Books the model calls of a run: on the run itself, and in the ledger (stream-runtime.md 9.17, platform.md 14.1)."""

from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

from clary.features.chat.ledger import RunUsage
from clary.features.chat.step_details import figures_of
from clary.features.llm_providers.ports import ProviderSnapshot
from clary.features.llm_providers.service import Money
from clary.features.usage.service import (
    BudgetedModel,
    BudgetGate,
    EndedCall,
    LedgerEntry,
    PlannedCall,
    add_entry,
    entry_of,
)
from clary.kit.clock import Clock
from clary.runtime.context import ContextBudget
from clary.runtime.model import ModelClient, Usage
from clary.streams.ports import Write

DEFAULT_MAX_TOKENS = 4096


@dataclass(frozen=True, slots=True)
class BookedOn:
    """Whose calls they are: children are booked on the root run, its agent and its session (platform.md 14.1)."""

    user_id: str
    agent_id: str
    session_id: str
    run_id: str
    root_run_id: str
    endpoint: str
    key_id: str | None = None
    client_id: str | None = None


class Booking:
    """The books of one run, and the only way for it to call a model: each call asks the budgets first."""

    def __init__(self, on: BookedOn, usage: RunUsage, money: Money, gate: BudgetGate, clock: Clock) -> None:
        self.on = on
        self.usage = usage
        self._money = money
        self._gate = gate
        self._clock = clock
        self._models: list[tuple[BudgetedModel, ProviderSnapshot]] = []
        self.taken: dict[str, Any] = {}
        """What the calls used that `take` took last, for the recorded step (platform.md 12.4)."""

    @property
    def currency(self) -> str:
        """Currency of costs."""
        return self._money.currency

    def model(self, client: ModelClient, provider: ProviderSnapshot, budget: ContextBudget) -> BudgetedModel:
        """A model whose ended calls `take` books; one call at a time."""
        budgeted = self.model_of_its_own(client, provider, budget)
        self._models.append((budgeted, provider))
        return budgeted

    def model_of_its_own(self, client: ModelClient, provider: ProviderSnapshot, budget: ContextBudget) -> BudgetedModel:
        """A model whose caller passes every ended call to `booked`."""
        return BudgetedModel(
            client,
            self._gate,
            self._planned(provider),
            estimate=budget.estimate,
            default_max_tokens=provider.max_tokens or DEFAULT_MAX_TOKENS,
            clock=self._clock,
        )

    def take(self, step_name: str) -> list[Write]:
        """Adds the calls that ended since the last time to the run, and returns the ledger work."""
        writes: list[Write] = []
        self.taken = {}
        for model, provider in self._models:
            for ended in model.take_ended():
                writes += self.booked(step_name, provider, ended)
        return writes

    def booked(self, step_name: str, provider: ProviderSnapshot, ended: EndedCall) -> list[Write]:
        """Adds one ended call to the run, and returns the ledger work."""

        def cost_of(usage: Usage) -> Decimal | None:
            return self._money.cost(provider, usage)

        call = replace(self._planned(provider), step_name=step_name)
        entry = entry_of(call, ended, at=self._clock.now(), currency=self._money.currency, cost=cost_of)
        self.taken = figures_of(self.taken, provider.id, ended, entry)
        if ended.usage is not None:
            self.usage.add(step_name, provider.model, ended.usage, note=ended.note)
            self.usage.add_cost(entry.cost)
        return [_adding(entry, ended.reservation_id)]

    def _planned(self, provider: ProviderSnapshot) -> PlannedCall:
        on = self.on
        return PlannedCall(
            user_id=on.user_id,
            provider_id=provider.id,
            model=provider.model,
            price=self._money.unit_price(provider),
            request_source=on.endpoint,
            key_id=on.key_id,
            client_id=on.client_id,
            agent_id=on.agent_id,
            session_id=on.session_id,
            run_id=on.run_id,
            root_run_id=on.root_run_id,
        )


def _adding(entry: LedgerEntry, reservation_id: str | None) -> Write:
    return lambda connection: add_entry(connection, entry, reservation_id)
