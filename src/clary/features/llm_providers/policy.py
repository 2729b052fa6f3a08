"""Pure decisions about providers: origins, who is offered what, built-in rows, cost."""

import re
from collections.abc import Mapping, Sequence
from decimal import ROUND_HALF_UP, Decimal
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from clary.features.llm_providers.ports import (
    DEFAULT_MAX_MODEL_LEN,
    DEFAULT_MAX_TOKENS,
    DefaultProvider,
    Prices,
    ProviderSnapshot,
)
from clary.kit.text import Text
from clary.runtime.model import Usage

SYSTEM_DEFAULT_ID = "system-default"
SYSTEM_DEFAULT_NAME = "Default LLM Provider"
DEMO_ID = "demo"
DEMO_MODEL = "clary-demo"
DEMO_NAME = Text("Clary 演示模型（非真实模型）", "Clary demo model (not a real model)")

MAX_OWN_ROWS = 100
VERIFICATIONS_PER_MINUTE = 20
MASK_MARK = "***"

COST_STEP = Decimal("0.00000001")
ONE = Decimal(1)


_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")


def is_provider_id(text: str) -> bool:
    """Whether a text could be an id at all; others are like unknown ones."""
    return bool(_ID.fullmatch(text))


class Origin(NamedTuple):
    """Where a key may be sent."""

    scheme: str
    host: str
    port: int


def origin_of(url: str) -> Origin:
    """Scheme, host and port of a checked base URL; a default port and a written one are the same."""
    parts = urlsplit(url)
    return Origin(parts.scheme, parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80))


def is_offered(group_ids: Sequence[str], memberships: frozenset[str]) -> bool:
    """Whether a system row is for somebody: for everybody, or for members of the groups it names."""
    return not group_ids or not memberships.isdisjoint(group_ids)


def demo_snapshot() -> ProviderSnapshot:
    """The scripted model (platform.md 8.5)."""
    return ProviderSnapshot(
        id=DEMO_ID, kind="demo", owner_id="", name=DEMO_NAME.render(), base_url="", api_key="", model=DEMO_MODEL
    )


def default_snapshot(default: DefaultProvider) -> ProviderSnapshot:
    """The environment's provider as a run uses it."""
    return ProviderSnapshot(
        id=SYSTEM_DEFAULT_ID,
        kind="openai",
        owner_id="",
        name=SYSTEM_DEFAULT_NAME,
        base_url=default.base_url.rstrip("/"),
        api_key=default.api_key,
        model=default.model,
        max_tokens=default.max_tokens or DEFAULT_MAX_TOKENS,
        max_model_len=default.max_model_len or DEFAULT_MAX_MODEL_LEN,
        temperature=default.temperature,
        top_p=default.top_p,
        presence_penalty=default.presence_penalty,
        supports_multimodal=default.supports_multimodal,
        prices=default.prices,
    )


def find_in_price_list(price_list: Mapping[str, dict[str, Any]], model: str) -> dict[str, Any] | None:
    """The prices of a model: the entry of its name, else that of the longest pattern with `*` that fits."""
    if model in price_list:
        return price_list[model]
    fitting = [pattern for pattern in price_list if "*" in pattern and _fits(pattern, model)]
    return price_list[max(fitting, key=len)] if fitting else None


def _fits(pattern: str, text: str) -> bool:
    """Whether a text is the pattern with something, or nothing, for each `*`."""
    first, *middle, last = pattern.split("*")
    if len(text) < len(first) + len(last) or not text.startswith(first) or not text.endswith(last):
        return False
    at, end = len(first), len(text) - len(last)
    for part in middle:
        found = text.find(part, at, end)
        if found < 0:
            return False
        at = found + len(part)
    return True


def cost_of(prices: Prices, usage: Usage, *, rate: Decimal = ONE) -> Decimal:
    """Cost of one call in server currency, rounded half up to 8 decimals (platform.md 8.4, 14.1).

    `rate` is what one unit of the prices' currency is worth. Cached tokens are part of the prompt tokens, reasoning
    tokens part of the completion tokens, as providers report them.
    """
    cached = min(usage.cached_tokens or 0, usage.prompt_tokens)
    reasoning = min(usage.reasoning_tokens or 0, usage.completion_tokens)
    cached_price = prices.input if prices.cached_input is None else prices.cached_input
    reasoning_price = prices.output if prices.reasoning is None else prices.reasoning
    tokens = (
        (usage.prompt_tokens - cached) * prices.input
        + cached * cached_price
        + (usage.completion_tokens - reasoning) * prices.output
        + reasoning * reasoning_price
    )
    amount = (tokens / prices.per + (prices.request or Decimal(0))) * rate
    return amount.quantize(COST_STEP, rounding=ROUND_HALF_UP)
