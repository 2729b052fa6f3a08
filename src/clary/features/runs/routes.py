"""`GET /api/runs` and `GET /api/runs/{run_id}` (platform.md 12.4, stream-runtime.md 6.1)."""

from typing import Annotated, Any

from fastapi import Depends, Request

from clary.features.permissions.guards import CurrentUser
from clary.features.runs.service import RunFilters, RunReports, RunService
from clary.http.access import needs
from clary.http.envelope import Envelope, answer
from clary.http.paging import PageOf20
from clary.http.routing import slice_router
from clary.http.span import SpanAsked

router = slice_router("/api/runs", "runs")


async def _runs(request: Request) -> RunService:
    return request.app.state.runs


Runs = Annotated[RunService, Depends(_runs)]


async def _run_reports(request: Request) -> RunReports:
    return request.app.state.run_reports


Reports = Annotated[RunReports, Depends(_run_reports)]


@router.get("", summary="List runs", openapi_extra=needs("read"))
async def list_runs(
    user: CurrentUser,
    reports: Reports,
    page: PageOf20,
    span: SpanAsked,
    user_id: str | None = None,
    agent_id: str | None = None,
    session_id: str | None = None,
    status: str | None = None,
) -> Envelope[dict[str, Any]]:
    """Run objects, newest first: the caller's own, for admins all."""
    filters = RunFilters(user_id=user_id, agent_id=agent_id, session_id=session_id, status=status)
    return answer(await reports.list_page(identity=user, filters=filters, span=span, page=page))


@router.get("/{run_id}", summary="Read a run", openapi_extra=needs("read"))
async def read_run(run_id: str, user: CurrentUser, runs: Runs) -> Envelope[dict[str, Any]]:
    """The run object of stream-runtime.md 6.1; owner or admin, `run_not_found` for everybody else."""
    return answer(await runs.describe(run_id=run_id, identity=user))
