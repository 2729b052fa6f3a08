"""Reading the ledger."""

from collections.abc import AsyncIterator
from typing import Annotated, Any

from fastapi import Depends
from starlette.responses import StreamingResponse

from clary.features.permissions.guards import CurrentUser
from clary.features.usage.guards import Reports
from clary.features.usage.payloads import TokenUsageRequest
from clary.features.usage.policy import CallFilters, Grouping
from clary.http.access import needs
from clary.http.envelope import Envelope, answer
from clary.http.paging import PageOf20
from clary.http.routing import slice_router
from clary.http.span import SpanAsked
from clary.http.unit_of_work import ReadUnit

router = slice_router("/api", "usage")
Json = dict[str, Any]


async def _filters(
    reports: Reports,
    span: SpanAsked,
    user_id: str | None = None,
    agent_id: str | None = None,
    session_id: str | None = None,
    run_id: str | None = None,
    key_id: str | None = None,
    model: str | None = None,
    step_name: str | None = None,
    request_source: str | None = None,
) -> CallFilters:
    """`from` and `to`: days of the server's zone, the last one whole, or moments."""
    filters = CallFilters(
        user_id=user_id,
        agent_id=agent_id,
        session_id=session_id,
        run_id=run_id,
        key_id=key_id,
        model=model,
        step_name=step_name,
        request_source=request_source,
    )
    return reports.between(span, filters)


Filters = Annotated[CallFilters, Depends(_filters)]


@router.get("/usage", summary="List model calls", openapi_extra=needs("read"))
async def list_calls(
    user: CurrentUser, reports: Reports, db: ReadUnit, page: PageOf20, filters: Filters
) -> Envelope[Json]:
    """Rows of the ledger, newest first: the caller's own, for admins all."""
    return answer(await reports.list_page(db, identity=user, filters=filters, page=page))


@router.get("/usage/summary", summary="Sum up model calls", openapi_extra=needs("read"))
async def summarize(
    user: CurrentUser, reports: Reports, db: ReadUnit, group_by: Grouping, filters: Filters
) -> Envelope[Json]:
    """Sums by a key, at most 366 days; without ends those of the last 30 days. Groups are for admins."""
    return answer(await reports.summarize(db, identity=user, filters=filters, grouping=group_by))


@router.get("/usage/export", summary="Export model calls", openapi_extra=needs("read", answers="file"))
async def export(user: CurrentUser, reports: Reports, filters: Filters) -> StreamingResponse:
    """CSV, oldest first."""
    headers = {"Content-Disposition": 'attachment; filename="usage.csv"', "Cache-Control": "no-store"}
    portions = reports.export(identity=user, filters=filters)
    # What goes wrong at the beginning is still an answer of its own.
    first = await anext(portions)

    async def all_portions() -> AsyncIterator[bytes]:
        yield first
        async for portion in portions:
            yield portion

    return StreamingResponse(all_portions(), media_type="text/csv; charset=utf-8", headers=headers)


@router.post("/token-usage/stats", summary="Tokens by agent, user or session", openapi_extra=needs("read"))
async def sum_tokens(body: TokenUsageRequest, user: CurrentUser, reports: Reports, db: ReadUnit) -> Envelope[Json]:
    """The caller's own calls, for admins everybody's; at most 1000 items, those with most tokens first."""
    return answer(await reports.sum_tokens(db, identity=user, wanted=body))
