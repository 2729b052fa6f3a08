"""Models of vectors and rerankers: the one inside this server, and those behind an address.

Whatever an endpoint does (hang, lie about sizes, send what is no number, send without end), the answer here is vectors
that are right or `EmbeddingFailedError`. Nothing an endpoint said goes further.
"""

from clary.adapters.embeddings.embedded import EmbeddedModel, find_weights
from clary.adapters.embeddings.endpoint import EmbeddingEndpoint
from clary.adapters.embeddings.reranking import RerankEndpoint
from clary.adapters.embeddings.source import Models

__all__ = ["EmbeddedModel", "EmbeddingEndpoint", "Models", "RerankEndpoint", "find_weights"]
