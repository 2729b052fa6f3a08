"""`GET /api/runs/{run_id}`."""

from typing import Annotated, Any

from fastapi import Depends, Request

from clary.features.permissions.guards import CurrentUser
from clary.features.runs.service import RunService
from clary.http.access import needs
from clary.http.envelope import Envelope, answer
from clary.http.routing import slice_router

router = slice_router("/api/runs", "runs")


async def _runs(request: Request) -> RunService:
    return request.app.state.runs


Runs = Annotated[RunService, Depends(_runs)]


@router.get("/{run_id}", summary="Read a run", openapi_extra=needs("read"))
async def read_run(run_id: str, user: CurrentUser, runs: Runs) -> Envelope[dict[str, Any]]:
    """The run object of stream-runtime.md 6.1; owner or admin, `run_not_found` for everybody else."""
    return answer(await runs.describe(run_id=run_id, identity=user))
