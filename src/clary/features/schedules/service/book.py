"""A person's tasks in the hands of an agent (platform.md 15.3, tools)."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from typing import Any, Final, TypeVar

from clary.db.database import Database
from clary.db.session import Session
from clary.errors import ProblemError
from clary.features.permissions.service import Identity
from clary.features.schedules.payloads import ListQuery, TaskChange, TaskRequest, read_as, task_of
from clary.features.schedules.ports import Owners
from clary.features.schedules.repository import TaskRepository
from clary.features.schedules.service.tasks import TaskService
from clary.features.schedules.tables import TaskRow
from clary.http.paging import Page
from clary.kit.text import Text
from clary.runtime.tools import ToolFailedError
from clary.runtime.toolset import Language, words

MADE_PER_RUN: Final = 5
Json = dict[str, Any]
Result = TypeVar("Result")

_TOO_MANY: Final = Text("一次定时运行最多创建 5 个任务", "A scheduled run makes at most 5 tasks")
_NOBODY: Final = Text("没有可用的任务", "There are no tasks here")


class TaskBooks:
    """Gives agents the tasks of the person they work for."""

    def __init__(self, *, database: Database, tasks: TaskService, owners: Owners) -> None:
        self._database = database
        self._tasks = tasks
        self._owners = owners

    def of(
        self,
        *,
        user_id: str,
        agent_ids: frozenset[str] | None,
        language: Language,
        run_id: str | None = None,
        is_scheduled: bool = False,
    ) -> "PersonalTasks":
        """`agent_ids`: what the key that started the run is limited to; `is_scheduled`: a task started the run."""
        return PersonalTasks(
            self._database, self._tasks, self._owners, user_id, agent_ids, language, run_id, is_scheduled
        )


class PersonalTasks:
    """Fills the port `TaskBook` of tools. Every call asks anew what the person may."""

    def __init__(
        self,
        database: Database,
        tasks: TaskService,
        owners: Owners,
        user_id: str,
        agent_ids: frozenset[str] | None,
        language: Language,
        run_id: str | None,
        is_scheduled: bool,
    ) -> None:
        self._database = database
        self._tasks = tasks
        self._owners = owners
        self._user_id = user_id
        self._agent_ids = agent_ids
        self._language: Language = language
        self._run_id = run_id
        self._is_scheduled = is_scheduled

    async def list_tasks(self, wanted: Mapping[str, Any], limit: int) -> list[Json]:
        """See `TaskBook`."""
        page = Page(1, limit)

        async def work(db: Session, identity: Identity) -> list[Json]:
            query = read_as(ListQuery, wanted)
            rows, _ = await self._tasks.list_page(db, identity=identity, query=query, user_id=None, page=page)
            return [_shown(row) for row in rows]

        return await self._do(work)

    async def get_task(self, task_id: str) -> Json:
        """See `TaskBook`."""

        async def work(db: Session, identity: Identity) -> Json:
            return _shown(await self._tasks.read(db, identity=identity, task_id=task_id))

        return await self._do(work)

    async def add_task(self, wanted: Mapping[str, Any]) -> Json:
        """See `TaskBook`."""
        run_id = self._run_id

        async def work(db: Session, identity: Identity) -> Json:
            body = read_as(TaskRequest, wanted)
            if self._is_scheduled and run_id and await TaskRepository(db).count_made_in(run_id) >= MADE_PER_RUN:
                raise ToolFailedError(words(_TOO_MANY, self._language), "PERMISSION_DENIED")
            made = await self._tasks.create(db, identity=identity, wanted=body, made_by="agent", made_in_run=run_id)
            return _shown(made)

        return await self._do(work)

    async def update_task(self, task_id: str, wanted: Mapping[str, Any]) -> Json:
        """See `TaskBook`."""

        async def work(db: Session, identity: Identity) -> Json:
            body = read_as(TaskChange, wanted)
            return _shown(await self._tasks.change(db, identity=identity, task_id=task_id, wanted=body))

        return await self._do(work)

    async def enable_task(self, task_id: str, *, enabled: bool) -> Json:
        """See `TaskBook`."""

        async def work(db: Session, identity: Identity) -> Json:
            return _shown(await self._tasks.enable(db, identity=identity, task_id=task_id, enabled=enabled))

        return await self._do(work)

    async def complete_task(self, task_id: str) -> Json:
        """See `TaskBook`."""

        async def work(db: Session, identity: Identity) -> Json:
            return _shown(await self._tasks.complete(db, identity=identity, task_id=task_id))

        return await self._do(work)

    async def delete_task(self, task_id: str) -> Json:
        """See `TaskBook`."""

        async def work(db: Session, identity: Identity) -> Json:
            row = _shown(await self._tasks.read(db, identity=identity, task_id=task_id))
            await self._tasks.remove(db, identity=identity, task_id=task_id)
            return row

        return await self._do(work)

    async def _do(self, work: Callable[[Session, Identity], Awaitable[Result]]) -> Result:
        """One transaction with the person's present rights; never an administrator's: only own tasks.

        Raises:
            ToolFailedError
        """
        try:
            async with self._database.write() as db:
                owner = await self._owners.find_owner(db, user_id=self._user_id)
                if owner is None:
                    raise ToolFailedError(words(_NOBODY, self._language), "PERMISSION_DENIED")
                return await work(db, replace(owner, role="user", agent_ids=self._agent_ids))
        except ProblemError as problem:
            raise ToolFailedError(words(problem.message, self._language), "INVALID_ARGUMENTS") from None


def _shown(row: TaskRow) -> Json:
    return task_of(row).model_dump()
