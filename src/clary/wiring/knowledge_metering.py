"""Puts budgets and the ledger in front of the models that knowledge asks."""

from collections.abc import AsyncGenerator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from decimal import Decimal

from clary.features.knowledge.ports import CallMeter, CallRefusedError, CallUse, ModelEndpoint, Payer
from clary.features.llm_providers.ports import ProviderSnapshot
from clary.features.llm_providers.service import Money
from clary.features.usage.errors import BudgetExhaustedError, ModelUnpricedError
from clary.features.usage.service import PlannedCall, SingleCalls
from clary.runtime.model import Usage
from clary.runtime.toolset import estimate_tokens

STEP = "embeddings"


class KnowledgeMeters:
    """Fills the port `CallMeters`: vectors and ranks are calls of models like others (platform.md 14)."""

    def __init__(self, calls: SingleCalls, money: Money) -> None:
        self._calls = calls
        self._money = money

    def meter(self, payer: Payer, endpoint: ModelEndpoint) -> CallMeter:
        """See the port."""
        return _Meter(self._calls, self._money, payer, endpoint)


class _Meter:
    def __init__(self, calls: SingleCalls, money: Money, payer: Payer, endpoint: ModelEndpoint) -> None:
        self._calls = calls
        self._money = money
        self._payer = payer
        self._priced = ProviderSnapshot(
            id=endpoint.provider_id,
            kind="openai",
            owner_id="",
            name="",
            base_url=endpoint.base_url,
            api_key="",
            model=endpoint.model,
            prices=None if endpoint.prices is None else dict(endpoint.prices),
        )

    def attempt(self, texts: Sequence[str]) -> AbstractAsyncContextManager[CallUse]:
        """See the port."""
        return self._attempt(texts)

    @asynccontextmanager
    async def _attempt(self, texts: Sequence[str]) -> AsyncGenerator[CallUse]:
        try:
            async with self._calls.attempt(self._planned(texts), self._cost) as use:
                yield use
        except (BudgetExhaustedError, ModelUnpricedError):
            raise CallRefusedError from None

    def _planned(self, texts: Sequence[str]) -> PlannedCall:
        on = self._payer
        return PlannedCall(
            user_id=on.user_id,
            provider_id=self._priced.id,
            model=self._priced.model,
            price=self._money.unit_price(self._priced),
            input_tokens=sum(map(estimate_tokens, texts)),
            request_source=on.request_source,
            step_name=STEP,
            key_id=on.key_id,
            client_id=on.client_id,
            agent_id=on.agent_id,
            session_id=on.session_id,
            run_id=on.run_id,
            root_run_id=on.root_run_id,
        )

    def _cost(self, usage: Usage) -> Decimal | None:
        return self._money.cost(self._priced, usage)
