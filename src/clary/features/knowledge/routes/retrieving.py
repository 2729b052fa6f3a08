"""Queries (contract product 5.6)."""

from clary.features.knowledge.guards import Retrieval
from clary.features.knowledge.payloads.retrieving import RetrieveRequest, RetrieveResponse
from clary.features.permissions.guards import CurrentUser
from clary.http.access import needs
from clary.http.envelope import Envelope, answer
from clary.http.routing import slice_router

router = slice_router("/api/knowledge-base", "knowledge")


@router.post("/retrieve", summary="Search knowledge bases", openapi_extra=needs("read"))
async def retrieve(body: RetrieveRequest, user: CurrentUser, retrieval: Retrieval) -> Envelope[RetrieveResponse]:
    """Refusals: E-KDB, `query_empty`, `retrieval_timeout`."""
    found, owner_id = await retrieval.retrieve(identity=user, kdb_ids=body.bases(), question=body.question())
    return answer(RetrieveResponse.model_validate({**found._asdict(), "user_id": owner_id}))
