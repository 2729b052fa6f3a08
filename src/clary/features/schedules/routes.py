"""`/tasks/*`, and the same below `/api` (platform.md 15.1)."""

from collections.abc import Callable
from typing import Annotated, Any, Literal, TypeVar

from fastapi import Query

from clary.features.permissions.guards import CurrentUser
from clary.features.schedules.guards import Starts, Tasks
from clary.features.schedules.payloads import (
    EnableRequest,
    HistoryPage,
    ListQuery,
    Preview,
    StartedAnswer,
    TaskChange,
    TaskPage,
    TaskRequest,
    TaskResponse,
    TaskRunResponse,
    read_as,
    task_of,
    task_run_of,
)
from clary.http.access import Scope, needs
from clary.http.envelope import Envelope, answer
from clary.http.paging import PageOf20
from clary.http.routing import slice_router
from clary.http.span import Instant
from clary.http.unit_of_work import ReadUnit, UnitOfWork
from clary.kit.clock import wire_time
from clary.kit.text import Text

CREATED = Text("任务创建成功", "Task created")
Json = dict[str, Any]

Endpoint = TypeVar("Endpoint", bound=Callable[..., Any])

routers = (slice_router("/tasks", "tasks"), slice_router("/api/tasks", "tasks"))


def _at(method: str, path: str, summary: str, scope: Scope) -> Callable[[Endpoint], Endpoint]:
    """Puts an endpoint at both addresses."""

    def add(endpoint: Endpoint) -> Endpoint:
        for router in routers:
            router.add_api_route(path, endpoint, methods=[method], summary=summary, openapi_extra=needs(scope))
        return endpoint

    return add


@_at("GET", "", "List tasks", "read")
async def list_tasks(
    user: CurrentUser,
    tasks: Tasks,
    db: ReadUnit,
    page: PageOf20,
    task_type: Literal["once", "recurring", "all"] = "all",
    status: str | None = None,
    agent_id: str | None = None,
    scheduled_after: Instant | None = None,
    scheduled_before: Instant | None = None,
    q: Annotated[str | None, Query(max_length=200)] = None,
    user_id: str | None = None,
) -> Envelope[TaskPage]:
    """The next due first, then the newest. `user_id` is heeded from administrators only."""
    wanted: Json = {
        "task_type": task_type,
        "status": status,
        "agent_id": agent_id,
        "scheduled_after": scheduled_after,
        "scheduled_before": scheduled_before,
        "q": q,
    }
    query = read_as(ListQuery, wanted)
    rows, total = await tasks.list_page(db, identity=user, query=query, user_id=user_id, page=page)
    return answer(TaskPage(items=[task_of(row) for row in rows], total=total))


@_at("POST", "", "Make a task", "write")
async def create_task(body: TaskRequest, user: CurrentUser, tasks: Tasks, db: UnitOfWork) -> Envelope[TaskResponse]:
    """Needs the scopes write and chat. Refusals: `schedule_invalid`, `task_limit`, E-AGENT."""
    return answer(task_of(await tasks.create(db, identity=user, wanted=body)), CREATED)


@_at("GET", "/preview", "The next times of a schedule", "read")
async def preview(
    user: CurrentUser,
    tasks: Tasks,
    schedule: str,
    timezone: str | None = None,
    n: Annotated[int, Query(ge=1, le=20)] = 5,
) -> Envelope[Preview]:
    """In UTC. Refusal: `schedule_invalid`."""
    times = tasks.preview(schedule=schedule, timezone=timezone, count=n)
    return answer(Preview(next=[wire_time(time) or "" for time in times]))


@_at("GET", "/{task_id}", "Read a task", "read")
async def read_task(task_id: str, user: CurrentUser, tasks: Tasks, db: ReadUnit) -> Envelope[TaskResponse]:
    """For its owner and administrators. Refusal: `task_not_found`."""
    return answer(task_of(await tasks.read(db, identity=user, task_id=task_id)))


@_at("PUT", "/{task_id}", "Change a task", "write")
async def change_task(
    task_id: str, body: TaskChange, user: CurrentUser, tasks: Tasks, db: UnitOfWork
) -> Envelope[TaskResponse]:
    """Absent fields stay. Refusals: `task_not_found`, `schedule_invalid`, E-AGENT."""
    return answer(task_of(await tasks.change(db, identity=user, task_id=task_id, wanted=body)))


@_at("DELETE", "/{task_id}", "Delete a task", "write")
async def delete_task(task_id: str, user: CurrentUser, tasks: Tasks, db: UnitOfWork) -> Envelope[Json]:
    """With its history; a run under way goes on. Refusal: `task_not_found`."""
    await tasks.remove(db, identity=user, task_id=task_id)
    return answer({})


@_at("POST", "/{task_id}/enable", "Switch a task on or off", "write")
async def enable_task(
    task_id: str, user: CurrentUser, tasks: Tasks, db: UnitOfWork, body: EnableRequest | None = None
) -> Envelope[TaskResponse]:
    """Nothing is caught up. Administrators switch off only. Refusals: `task_not_found`, `schedule_invalid`."""
    enabled = True if body is None else body.enabled
    return answer(task_of(await tasks.enable(db, identity=user, task_id=task_id, enabled=enabled)))


@_at("POST", "/{task_id}/run", "Start a task now", "write")
async def run_task(task_id: str, user: CurrentUser, starts: Starts) -> Envelope[StartedAnswer]:
    """Needs the scopes write and chat; the schedule is untouched. Refusals: `task_not_found`, `task_busy`, a chat's."""
    started = await starts.start_by_hand(user, task_id)
    return answer(StartedAnswer(task_run_id=started.task_run_id, run_id=started.run_id, session_id=started.session_id))


@_at("POST", "/{task_id}/complete", "Complete a task", "write")
async def complete_task(task_id: str, user: CurrentUser, tasks: Tasks, db: UnitOfWork) -> Envelope[TaskResponse]:
    """It is never due again. Refusal: `task_not_found`."""
    return answer(task_of(await tasks.complete(db, identity=user, task_id=task_id)))


@_at("GET", "/{task_id}/history", "Starts of a task", "read")
async def list_history(
    task_id: str, user: CurrentUser, tasks: Tasks, db: ReadUnit, page: PageOf20, status: str | None = None
) -> Envelope[HistoryPage]:
    """The newest first. Refusal: `task_not_found`."""
    rows, total = await tasks.history(db, identity=user, task_id=task_id, status=status, page=page)
    items: list[TaskRunResponse] = [task_run_of(row) for row in rows]
    return answer(HistoryPage(items=items, total=total))
