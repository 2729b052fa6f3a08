"""The server's currency, what others are worth in it, and the server's own list of prices."""

from collections.abc import Mapping
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from clary.features.llm_providers.policy import COST_STEP, cost_of, find_in_price_list
from clary.features.llm_providers.ports import Prices, ProviderSnapshot, UnitPrice
from clary.http.problems import ValidationFailedError
from clary.kit.text import Text
from clary.runtime.model import Usage

NO_RATE = Text("{field}: 没有 {currency} 的汇率", "{field}: no rate for {currency} is configured")


class Money:
    """Turns usage into cost.

    `rates`: what one unit of a foreign currency is worth in `currency`. `price_list`: model or pattern with `*` → the
    prices of providers that have none of their own (platform.md 8.4).
    """

    def __init__(
        self,
        currency: str,
        rates: Mapping[str, Decimal] | None = None,
        price_list: Mapping[str, dict[str, Any]] | None = None,
    ) -> None:
        self.currency = currency
        self._rates = {**(rates or {}), currency: Decimal(1)}
        self._price_list = price_list or {}

    def require_rate(self, currency: str, *, field: str = "prices.currency") -> None:
        """Refuses a currency nobody gave a rate for (platform.md 8.4); `field` is named in the refusal.

        Raises:
            ValidationFailedError: neither the server's currency nor one with a rate.
        """
        if currency not in self._rates:
            raise ValidationFailedError(NO_RATE.fill(field=field, currency=currency).render())

    def converted(self, budget: dict[str, Any]) -> dict[str, Any]:
        """A budget (platform.md 14.3) in the server's currency; without a currency it is in that already.

        Raises:
            ValidationFailedError: nobody gave a rate for its currency.
        """
        currency: str | None = budget.get("currency")
        if not currency or currency == self.currency:
            return budget
        self.require_rate(currency, field="budget.currency")
        rate = self._rates[currency]
        amounts = {
            name: float((Decimal(str(value)) * rate).quantize(COST_STEP, ROUND_HALF_UP))
            for name, value in budget.items()
            if name.startswith("cost_per_") and value is not None
        }
        return {**budget, **amounts, "currency": self.currency}

    def unit_price(self, provider: ProviderSnapshot) -> UnitPrice | None:
        """What a token, at its dearest, and a call cost at most, in the server's currency; None: unpriced."""
        if provider.kind == "demo":
            return UnitPrice(Decimal(0), Decimal(0))
        prices, rate = self._prices(provider)
        if prices is None or rate is None:
            return None
        kinds = (prices.input, prices.output, prices.cached_input, prices.cache_write, prices.reasoning)
        dearest = max(each for each in kinds if each is not None)
        return UnitPrice(dearest / prices.per * rate, (prices.request or Decimal(0)) * rate)

    def cost(self, provider: ProviderSnapshot, usage: Usage) -> Decimal | None:
        """Cost of a call in server currency with 8 decimals; None where the model is unpriced.

        A currency whose rate was taken away since the prices were saved leaves the model unpriced.
        """
        if provider.kind == "demo":
            return Decimal(0)
        prices, rate = self._prices(provider)
        return None if prices is None or rate is None else cost_of(prices, usage, rate=rate)

    def _prices(self, provider: ProviderSnapshot) -> tuple[Prices | None, Decimal | None]:
        wire = provider.prices or find_in_price_list(self._price_list, provider.model)
        if wire is None:
            return None, None
        prices = Prices.from_wire(wire)
        return prices, self._rates.get(prices.currency)
