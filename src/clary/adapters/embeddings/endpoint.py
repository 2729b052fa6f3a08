"""Vectors from an endpoint of the OpenAI form (product.md 5.7)."""

import asyncio
from collections.abc import Sequence
from typing import Any, Final, cast

import numpy as np

from clary.adapters.embeddings.exchange import Exchange, Json, items_in_order, metered, tokens_of
from clary.features.knowledge.ports import CallMeter, EmbeddingFailedError, ModelEndpoint, VectorMode
from clary.kit import traces
from clary.kit.safe_http import OutboundGuard

MAX_BATCH: Final = 64
MAX_DIMS: Final = 4096
_PASSING: Final = frozenset({"provider_rate_limit", "provider_unreachable", "provider_error"})
WAITS_SECONDS: Final = (0.5, 2.0)
"""Between attempts at passages; a question does not wait."""


class EmbeddingEndpoint:
    """Fills the port `Embedder`. `dims` are 0 until vectors came, when none are asked for."""

    def __init__(
        self,
        endpoint: ModelEndpoint,
        guard: OutboundGuard,
        meter: CallMeter,
        *,
        waits_seconds: Sequence[float] = WAITS_SECONDS,
    ) -> None:
        self._meter = meter
        self.model = endpoint.model
        self.dims = endpoint.dims or 0
        self.origin = f"{endpoint.provider_id} {endpoint.base_url}"
        self._exchange = Exchange(endpoint, guard)
        self._batch = max(1, min(endpoint.batch, MAX_BATCH))
        self._sends_dims = endpoint.sends_dims
        self._waits = waits_seconds

    async def embed(self, texts: Sequence[str], *, mode: VectorMode) -> list[bytes]:
        """See the port."""
        vectors: list[bytes] = []
        with traces.span(
            f"embeddings {self.model}",
            kind="client",
            gen_ai__operation__name="embeddings",
            gen_ai__provider__name="openai",
            gen_ai__request__model=self.model,
        ):
            for start in range(0, len(texts), self._batch):
                vectors += await self._embed_patiently(texts[start : start + self._batch], mode)
        return vectors

    async def _embed_patiently(self, texts: Sequence[str], mode: VectorMode) -> list[bytes]:
        for seconds in self._waits if mode == "passage" else ():
            try:
                return await self._embed_batch(texts)
            except EmbeddingFailedError as failed:
                if failed.kind not in _PASSING:
                    raise
            await asyncio.sleep(seconds)
        return await self._embed_batch(texts)

    async def _embed_batch(self, texts: Sequence[str]) -> list[bytes]:
        body: Json = {"model": self.model, "input": [_sendable(text) for text in texts], "encoding_format": "float"}
        if self._sends_dims:
            body["dimensions"] = self.dims
        async with metered(self._meter, texts) as use:
            answer = await self._exchange.post("/embeddings", body)
            vectors = await asyncio.to_thread(_vectors_of, answer, len(texts), self.dims)
            use.ended(tokens_of(answer))
        self.dims = len(vectors[0]) // 2
        return vectors


def _sendable(text: str) -> str:
    # Endpoints refuse texts without anything in them.
    return text.encode("utf-8", "replace").decode().replace("\0", " ") or " "


def _vectors_of(answer: Json, count: int, dims: int) -> list[bytes]:
    return [_vector_of(item.get("embedding"), dims) for item in items_in_order(answer.get("data"), count)]


def _vector_of(numbers: Any, dims: int) -> bytes:
    if not isinstance(numbers, list) or not all(type(each) in (int, float) for each in cast("list[Any]", numbers)):
        raise EmbeddingFailedError("provider_bad_response")
    try:
        vector = np.array(cast("list[float]", numbers), dtype=np.float64)
    except OverflowError:
        raise EmbeddingFailedError("provider_bad_response") from None
    with np.errstate(over="ignore"):
        length = float(np.linalg.norm(vector))
    if not 0 < vector.size <= MAX_DIMS or (dims and vector.size != dims) or not np.isfinite(length) or not length:
        raise EmbeddingFailedError("provider_bad_response")
    return (vector / length).astype("<f2").tobytes()
