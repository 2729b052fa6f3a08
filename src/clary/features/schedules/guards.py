"""The services of this slice, as types in a route's signature; without a scheduler every route says so."""

from typing import Annotated, cast

from fastapi import Depends, Request

from clary.features.schedules.errors import SchedulerOffError
from clary.features.schedules.service import TaskService, TaskStarts


async def _tasks(request: Request) -> TaskService:
    if not request.app.state.scheduler_on:
        raise SchedulerOffError
    return cast("TaskService", request.app.state.tasks)


async def _starts(request: Request) -> TaskStarts:
    if not request.app.state.scheduler_on:
        raise SchedulerOffError
    return cast("TaskStarts", request.app.state.task_starts)


Tasks = Annotated[TaskService, Depends(_tasks)]
Starts = Annotated[TaskStarts, Depends(_starts)]
