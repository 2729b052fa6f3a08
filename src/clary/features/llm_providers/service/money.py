"""The server's currency, what others are worth in it, and the server's own list of prices."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from clary.features.llm_providers.policy import cost_of, find_in_price_list
from clary.features.llm_providers.ports import Prices, ProviderSnapshot
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

    def cost(self, provider: ProviderSnapshot, usage: Usage) -> Decimal | None:
        """Cost of a call in server currency with 8 decimals; None where the model is unpriced.

        A currency whose rate was taken away since the prices were saved leaves the model unpriced.
        """
        if provider.kind == "demo":
            return Decimal(0)
        wire = provider.prices or find_in_price_list(self._price_list, provider.model)
        if wire is None:
            return None
        prices = Prices.from_wire(wire)
        rate = self._rates.get(prices.currency)
        return None if rate is None else cost_of(prices, usage, rate=rate)
