"""Books the model calls of a run: on the run itself, and in the ledger (stream-runtime.md 9.17)."""

from dataclasses import dataclass

from clary.features.chat.ledger import RunUsage
from clary.features.llm_providers.ports import ProviderSnapshot
from clary.features.llm_providers.service import Money
from clary.features.usage.service import LedgerEntry, add_entry
from clary.kit.clock import Clock
from clary.runtime.model import Usage
from clary.streams.ports import Write


@dataclass(frozen=True, slots=True)
class BookedOn:
    """Whose calls they are: children are booked on the root run, its agent and its session (platform.md 14.1)."""

    user_id: str
    agent_id: str
    session_id: str
    run_id: str
    root_run_id: str
    endpoint: str


class Booking:
    """The books of one run."""

    def __init__(self, on: BookedOn, usage: RunUsage, money: Money, clock: Clock) -> None:
        self._on = on
        self.usage = usage
        self._money = money
        self._clock = clock

    @property
    def currency(self) -> str:
        """Currency of costs."""
        return self._money.currency

    def booked(
        self, step_name: str, model: str, usage: Usage | None, note: str | None, provider: ProviderSnapshot
    ) -> list[Write]:
        """Adds usage to the run and returns the ledger work."""
        self.usage.add(step_name, model, usage, note=note)
        cost = self._money.cost(provider, usage) if usage is not None else None
        self.usage.add_cost(cost)
        if usage is None:
            return []
        entry = LedgerEntry(
            at=self._clock.now(),
            user_id=self._on.user_id,
            agent_id=self._on.agent_id,
            session_id=self._on.session_id,
            run_id=self._on.run_id,
            root_run_id=self._on.root_run_id,
            request_source=self._on.endpoint,
            step_name=step_name,
            provider_id=provider.id,
            model=model,
            input_tokens=usage.prompt_tokens,
            output_tokens=usage.completion_tokens,
            cached_tokens=usage.cached_tokens or 0,
            reasoning_tokens=usage.reasoning_tokens or 0,
            cost=cost,
            currency=self._money.currency,
            note=note,
        )
        return [lambda connection: add_entry(connection, entry)]
