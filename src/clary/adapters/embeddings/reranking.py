"""Ranks from an endpoint (product.md 5.7)."""

import math
from collections.abc import Sequence
from typing import Final

from clary.adapters.embeddings.exchange import Exchange, items_in_order, metered, tokens_of
from clary.features.knowledge.ports import CallMeter, EmbeddingFailedError, ModelEndpoint
from clary.kit.safe_http import OutboundGuard

MAX_CANDIDATES: Final = 100


class RerankEndpoint:
    """Fills the port `Reranker`."""

    def __init__(self, endpoint: ModelEndpoint, guard: OutboundGuard, meter: CallMeter) -> None:
        self._meter = meter
        self._model = endpoint.model
        self._exchange = Exchange(endpoint, guard)

    async def rank(self, query: str, passages: Sequence[str]) -> list[float]:
        """See the port; at most 100 passages."""
        count = len(passages)
        if count > MAX_CANDIDATES:
            raise ValueError("too many passages to rank")
        if not passages:
            return []
        body = {"model": self._model, "query": query, "documents": list(passages), "top_n": count}
        # The question is read with each passage.
        async with metered(self._meter, [text for passage in passages for text in (query, passage)]) as use:
            answer = await self._exchange.post("/rerank", body)
            scores = [_number(item.get("relevance_score")) for item in items_in_order(answer.get("results"), count)]
            use.ended(tokens_of(answer))
        # Some give the bare output of the model.
        return scores if all(0 <= score <= 1 for score in scores) else [_squeezed(score) for score in scores]


def _number(value: object) -> float:
    if type(value) not in (int, float) or not math.isfinite(value):  # pyright: ignore[reportArgumentType]
        raise EmbeddingFailedError("provider_bad_response")
    return float(value)  # pyright: ignore[reportArgumentType]


def _squeezed(score: float) -> float:
    return 0.5 * (1 + math.tanh(score / 2))
