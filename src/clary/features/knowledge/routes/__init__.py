"""`/api/knowledge-base` (contract product 5). Each part has routes of its own."""

from clary.http.routing import slice_router

PREFIX, TAG = "/api/knowledge-base", "knowledge base"

router = slice_router()
