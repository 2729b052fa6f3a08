"""Fills the port `ModelSource`."""

from pathlib import Path

from clary.adapters.embeddings.embedded import EmbeddedModel, find_weights
from clary.adapters.embeddings.endpoint import EmbeddingEndpoint
from clary.adapters.embeddings.reranking import RerankEndpoint
from clary.features.knowledge.ports import CallMeter, ModelEndpoint
from clary.kit.safe_http import OutboundGuard


class Models:
    """All models of one process. There is one inside, however many bases use it."""

    def __init__(self, guard: OutboundGuard, *, weights: Path | None = None) -> None:
        self._guard = guard
        found = find_weights(weights)
        self._inside = None if found is None else EmbeddedModel(found)

    def embedder(self, endpoint: ModelEndpoint, meter: CallMeter) -> EmbeddingEndpoint:
        """See the port."""
        return EmbeddingEndpoint(endpoint, self._guard, meter)

    def embedded(self) -> EmbeddedModel | None:
        """See the port."""
        return self._inside

    def reranker(self, endpoint: ModelEndpoint, meter: CallMeter) -> RerankEndpoint:
        """See the port."""
        return RerankEndpoint(endpoint, self._guard, meter)

    def close(self) -> None:
        """Ends what works inside."""
        if self._inside is not None:
            self._inside.close()
