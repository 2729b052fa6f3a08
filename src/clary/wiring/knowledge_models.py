"""Which models of vectors and rerankers the operator chose (product.md 9)."""

from clary.features.knowledge.ports import (
    Embedder,
    EmbeddingFailedError,
    ModelEndpoint,
    Reranker,
    VectorMode,
)
from clary.features.knowledge.service import ServerModels
from clary.settings import Settings
from clary.settings.values import plain


def server_models(settings: Settings) -> ServerModels:
    """The choice behind mode `server`."""
    endpoint = reranker = None
    if settings.embedding_choice == "provider" and settings.embedding_base_url is not None:
        endpoint = ModelEndpoint(
            settings.embedding_base_url,
            plain(settings.embedding_api_key),
            settings.embedding_model or "",
            dims=settings.embedding_dims,
            sends_dims=settings.embedding_dims is not None,
            batch=settings.embedding_batch,
            timeout_seconds=settings.embedding_timeout_seconds,
            is_servers=True,
        )
    if settings.reranker_choice == "provider" and settings.reranker_base_url is not None:
        reranker = ModelEndpoint(
            settings.reranker_base_url,
            plain(settings.reranker_api_key),
            settings.reranker_model or "",
            timeout_seconds=settings.reranker_timeout_seconds,
            is_servers=True,
        )
    return ServerModels(
        settings.embedding_choice,
        endpoint,
        reranker,
        provider_batch=settings.embedding_batch,
        provider_timeout_seconds=settings.embedding_timeout_seconds,
        reranker_timeout_seconds=settings.reranker_timeout_seconds,
    )


class UnreachableModels:
    """Fills the port `ModelSource` with models that never answer."""

    def embedder(self, endpoint: ModelEndpoint) -> Embedder:
        """See the port."""
        return _Unreachable(endpoint.model, endpoint.dims or 0)

    def embedded(self) -> Embedder | None:
        """See the port."""
        return None

    def reranker(self, endpoint: ModelEndpoint) -> Reranker:
        """See the port."""
        return _Unreachable(endpoint.model, 0)


class _Unreachable:
    def __init__(self, model: str, dims: int) -> None:
        self.model = model
        self.dims = dims

    async def embed(self, texts: object, *, mode: VectorMode) -> list[bytes]:
        raise EmbeddingFailedError("provider_unreachable")

    async def rank(self, query: str, passages: object) -> list[float]:
        raise EmbeddingFailedError("provider_unreachable")
