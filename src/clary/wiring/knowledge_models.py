"""Which models of vectors and rerankers the operator chose (product.md 9)."""

from clary.features.knowledge.ports import ModelEndpoint
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
