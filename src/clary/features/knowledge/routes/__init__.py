"""`/api/knowledge-base` (contract product 5)."""

from clary.features.knowledge.routes.documents import router as document_router

routers = (document_router,)

__all__ = ["routers"]
