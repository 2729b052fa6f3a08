"""Statistics, `/metrics`, timelines (platform.md 9.4, 12.2, 12.4)."""

from typing import Annotated, Any

from fastapi import Query, Request
from starlette.responses import Response

from clary.features.observability.guards import Figures, Metrics, MetricsReader, Timeline
from clary.features.observability.payloads import ToolUsageRequest
from clary.features.permissions.guards import CurrentUser
from clary.http.access import needs, public
from clary.http.envelope import Envelope, answer
from clary.http.routing import slice_router
from clary.http.unit_of_work import ReadUnit
from clary.kit.text import Text

router = slice_router("", "observability")
Json = dict[str, Any]
TOOLS_COUNTED = Text("获取 Agent 使用统计成功", "Agent usage loaded")


@router.post("/api/system/agent/usage-stats", summary="Count used tools", openapi_extra=needs("read"))
async def count_tools(
    body: ToolUsageRequest, user: CurrentUser, figures: Figures, db: ReadUnit
) -> Envelope[dict[str, dict[str, int]]]:
    """Tool → calls in the caller's runs; admins may name somebody else."""
    usage = await figures.count_tools(db, identity=user, days=body.days, user_id=body.user_id, agent_id=body.agent_id)
    return answer({"usage": usage}, TOOLS_COUNTED)


@router.get("/api/system/stats", summary="Figures of the server", openapi_extra=needs("admin"))
async def describe_server(
    user: CurrentUser, figures: Figures, db: ReadUnit, days: Annotated[int | None, Query()] = None
) -> Envelope[Json]:
    """People, objects, runs, tokens, money and storage; `days` outside 1..365 are clamped, 30 by default."""
    return answer(await figures.describe(db, days=30 if days is None else days))


@router.get("/api/runs/{run_id}/timeline", summary="What a run did", openapi_extra=needs("read"))
async def read_timeline(run_id: str, user: CurrentUser, timeline: Timeline, children: bool = True) -> Envelope[Json]:
    """Steps of a run and its children, totals, rules; owner or admin, `run_not_found` for everybody else."""
    return answer(await timeline.read(identity=user, run_id=run_id, with_children=children))


@router.get("/metrics", summary="Metrics", openapi_extra=public(answers="file"))
async def read_metrics(request: Request, metrics: Metrics, reader: MetricsReader) -> Response:
    """Prometheus text 0.0.4 or OpenMetrics by `Accept`; for listed addresses, the metrics token, and admins."""
    body, content_type = await metrics.read(reader=reader, accept=request.headers.get("accept", ""))
    return Response(body, headers={"Content-Type": content_type, "Cache-Control": "no-store"})
