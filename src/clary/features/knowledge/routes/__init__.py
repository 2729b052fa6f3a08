"""`/api/knowledge-base` (contract product 5). Each part has a router of its own."""

from clary.features.knowledge.routes.bases import router as base_router
from clary.features.knowledge.routes.documents import router as document_router
from clary.features.knowledge.routes.questions import router as question_router
from clary.features.knowledge.routes.retrieving import router as retrieval_router

routers = (base_router, document_router, question_router, retrieval_router)

__all__ = ["routers"]
