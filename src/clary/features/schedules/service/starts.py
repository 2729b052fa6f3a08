"""Starts of tasks: a claim and a run in one transaction (platform.md 15.3)."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from clary.db.database import Database, UnavailableError
from clary.db.session import Session
from clary.errors import ProblemError
from clary.features.chat.service import ChatService, Intake, StreamRequest, read_messages
from clary.features.conversations.service import ConversationRow
from clary.features.permissions.service import Identity
from clary.features.schedules.errors import TaskBusyError, TaskNotFoundError
from clary.features.schedules.payloads import read_as
from clary.features.schedules.policy import FAILED, RAN, DuePlan
from clary.features.schedules.repository import TaskRepository
from clary.features.schedules.service.settling import Outcome, Settling, count_ended
from clary.features.schedules.service.tasks import require_chat
from clary.features.schedules.service.waiting import is_in_the_way, is_running
from clary.features.schedules.tables import TaskRow, TaskRunRow
from clary.kit.clock import Clock, wire_time

MAY_GO_WELL_LATER = frozenset(("too_many_runs", "session_busy", "session_releasing"))
"""Refusals of a start that say nothing about the task itself."""


class ClaimLostError(Exception):
    """Somebody else took this start, or the task is not as it was: nothing to do."""


class TimeTakenError(ClaimLostError):
    """A due time has its row already, from before the clock went back: it is passed over."""

    def __init__(self, task: TaskRow, plan: DuePlan) -> None:
        super().__init__()
        self.task = task
        self.plan = plan


@dataclass(frozen=True, slots=True)
class Started:
    """The run of a start."""

    task_run_id: str
    run_id: str
    session_id: str


@dataclass(frozen=True, slots=True)
class _Begin:
    """One start that is tried. `claim` writes it down, refused or not, in the transaction of the run."""

    task: TaskRow
    task_run_id: str
    scheduled_for: datetime
    session_id: str
    claim: Callable[[Session, str | None], Awaitable[tuple[TaskRow, TaskRunRow]]]

    def request(self) -> StreamRequest:
        """What the owner would have sent.

        Raises:
            ValidationFailedError: what is saved is no longer what a run takes.
        """
        metadata: dict[str, Any] = {
            "task_id": self.task.task_id,
            "task_run_id": self.task_run_id,
            "scheduled_for": wire_time(self.scheduled_for),
        }
        wanted: dict[str, Any] = {
            **self.task.run_options,
            "messages": [{"role": "user", "content": self.task.description, "metadata": metadata}],
            "session_id": self.session_id,
            "agent_id": self.task.agent_id,
        }
        return read_as(StreamRequest, wanted)


class TaskStarts:
    """Starts runs of tasks, each claimed once by whichever process is first."""

    def __init__(
        self, *, database: Database, chat: ChatService, settling: Settling, clock: Clock, new_id: Callable[[], str]
    ) -> None:
        self._database = database
        self._chat = chat
        self._settling = settling
        self._clock = clock
        self._new_id = new_id

    async def start_due(self, owner: Identity, task: TaskRow, plan: DuePlan) -> None:
        """Does what a plan says about a due time; a refusal of the run is recorded as a failure.

        Raises:
            UnavailableError: nothing is recorded.
        """
        if plan.start is None:
            await self._only_record(task, plan)
        else:
            await self._try(owner, self._begin_due(task, plan.start, plan))

    async def refuse_due(self, task: TaskRow, due: datetime, slug: str) -> None:
        """Records that a due time could not be kept for a reason that lies in the task itself."""
        begin = self._begin_due(task, due, DuePlan(due, "schedule", (), None))
        await self._record_refusal(begin, slug)

    async def start_by_hand(self, owner: Identity, task_id: str) -> Started:
        """Starts a run now; the schedule is untouched.

        Raises:
            RoleMissingError, TaskNotFoundError, TaskBusyError, and the refusals of a chat (stream-runtime.md 2).
        """
        require_chat(owner)
        async with self._database.read() as db:
            task = await TaskRepository(db).find(task_id, user_id=owner.user_id)
        if task is None:
            raise TaskNotFoundError

        async def claim(db: Session, run_id: str | None) -> tuple[TaskRow, TaskRunRow]:
            tasks = TaskRepository(db)
            fresh = await tasks.lock(task_id)
            if fresh is None or fresh.user_id != owner.user_id:
                raise TaskNotFoundError
            if is_running(await tasks.list_open_of(task_id)):
                raise TaskBusyError
            start = self._new_start(begin, "manual", 1, run_id)
            if not await tasks.add_run(start):
                raise TaskBusyError
            return fresh, start

        begin = _Begin(task, self._new_id(), self._clock.now(), self._session_of(task), claim)
        return await self._begin(owner, begin)

    async def start_queued(self, owner: Identity, task: TaskRow, queued: TaskRunRow) -> None:
        """Starts what waited: another attempt, or a time that came while a run went on.

        Raises:
            UnavailableError: it waits on.
        """

        async def claim(db: Session, run_id: str | None) -> tuple[TaskRow, TaskRunRow]:
            tasks = TaskRepository(db)
            fresh, start = await tasks.lock(task.task_id), await tasks.find_run(queued.task_run_id)
            if fresh is None or start is None or start.status != "queued" or not fresh.enabled:
                raise ClaimLostError
            if is_running(await tasks.list_open_of(task.task_id)):
                raise ClaimLostError
            start.status, start.run_id, start.session_id = "running", run_id, begin.session_id
            start.started_at, start.not_before = self._clock.now(), None
            return fresh, start

        session_id = queued.session_id or self._session_of(task)
        begin = _Begin(task, queued.task_run_id, queued.scheduled_for, session_id, claim)
        await self._try(owner, begin)

    async def record_overlap(self, task: TaskRow, plan: DuePlan) -> None:
        """A time came while a run goes on: it waits, or is passed over."""
        due = task.next_run_at
        async with self._database.write() as db:
            try:
                fresh = await self._claimed(db, task, due, plan, may_be_open=True)
            except ClaimLostError:
                return
            tasks = TaskRepository(db)
            waits = task.overlap == "queue" and not any(
                each.status == "queued" for each in await tasks.list_open_of(task.task_id)
            )
            for_time = plan.start or self._clock.now()
            row = self._record(task.task_id, for_time, plan.trigger, "queued" if waits else "skipped")
            if waits:
                row.ended_at, row.not_before = None, self._clock.now()
            if await tasks.add_run(row) and not waits:
                count_ended(db, "skipped")
            await self._settling.refresh(db, fresh)

    def _begin_due(self, task: TaskRow, time: datetime, plan: DuePlan) -> _Begin:
        due = task.next_run_at

        async def claim(db: Session, run_id: str | None) -> tuple[TaskRow, TaskRunRow]:
            fresh = await self._claimed(db, task, due, plan)
            start = self._new_start(begin, plan.trigger, 1, run_id)
            if not await TaskRepository(db).add_run(start):
                raise TimeTakenError(task, plan)
            return fresh, start

        begin = _Begin(task, self._new_id(), time, self._session_of(task), claim)
        return begin

    async def _try(self, owner: Identity, begin: _Begin) -> None:
        try:
            await self._begin(owner, begin)
        except TimeTakenError as taken:
            await self._pass_over(taken)
        except ClaimLostError:
            return
        except UnavailableError:
            # Says nothing about the task: it stays as it was, and the next look tries again.
            raise
        except ProblemError as problem:
            await self._record_refusal(begin, problem.slug)

    async def _begin(self, owner: Identity, begin: _Begin) -> Started:
        request = begin.request()

        async def take(db: Session, _conversation: ConversationRow | None, run_id: str) -> Intake:
            task, start = await begin.claim(db, run_id)
            self._settling.note_start(task, start, self._clock.now())
            await self._settling.refresh(db, task)
            return read_messages(request.messages, now=self._clock.epoch())

        opened = await self._chat.start(
            identity=owner,
            request=request,
            endpoint="task",
            idempotency_key=None,
            take=take,
            title=begin.task.name,
        )
        if opened.view is not None:
            opened.view.close()
        return Started(begin.task_run_id, opened.run_id, opened.session_id)

    async def _record_refusal(self, begin: _Begin, slug: str) -> None:
        try:
            async with self._database.write() as db:
                task, start = await begin.claim(db, None)
                outcome = Outcome("failed", slug, may_retry=slug in MAY_GO_WELL_LATER)
                await self._settling.close(db, task, start, outcome, self._clock.now())
        except TimeTakenError as taken:
            await self._pass_over(taken)
        except ClaimLostError:
            return

    async def _claimed(
        self, db: Session, task: TaskRow, due: datetime | None, plan: DuePlan, *, may_be_open: bool = False
    ) -> TaskRow:
        """The task, held, with its next time moved on and the missed ones recorded.

        Raises:
            ClaimLostError
        """
        tasks = TaskRepository(db)
        fresh = await tasks.lock(task.task_id)
        if fresh is None or fresh.next_run_at != due or not fresh.enabled or fresh.closed is not None:
            raise ClaimLostError
        if not may_be_open and plan.start is not None and is_in_the_way(await tasks.list_open_of(task.task_id)):
            raise ClaimLostError
        for time in plan.missed:
            # A time that has its row was had before the clock went back.
            if await tasks.add_run(self._record(task.task_id, time, "schedule", "missed")):
                count_ended(db, "missed")
        fresh.next_run_at = plan.next if fresh.is_recurring else None
        return fresh

    async def _pass_over(self, taken: TimeTakenError) -> None:
        """Goes on to the next time."""
        async with self._database.write() as db:
            try:
                fresh = await self._claimed(db, taken.task, taken.task.next_run_at, taken.plan)
            except ClaimLostError:
                return
            if not fresh.is_recurring:
                fresh.closed = RAN
            await self._settling.refresh(db, fresh)

    async def _only_record(self, task: TaskRow, plan: DuePlan) -> None:
        async with self._database.write() as db:
            try:
                fresh = await self._claimed(db, task, task.next_run_at, plan)
            except ClaimLostError:
                return
            fresh.last_status = "missed"
            if not fresh.is_recurring:
                fresh.closed = FAILED
            await self._settling.refresh(db, fresh)

    def _new_start(self, begin: _Begin, trigger: str, attempt: int, run_id: str | None) -> TaskRunRow:
        return TaskRunRow(
            task_run_id=begin.task_run_id,
            task_id=begin.task.task_id,
            scheduled_for=begin.scheduled_for,
            trigger=trigger,
            attempt=attempt,
            status="running",
            run_id=run_id,
            session_id=begin.session_id,
            started_at=self._clock.now(),
        )

    def _record(self, task_id: str, time: datetime, trigger: str, status: str) -> TaskRunRow:
        return TaskRunRow(
            task_run_id=self._new_id(),
            task_id=task_id,
            scheduled_for=time,
            trigger=trigger,
            attempt=1,
            status=status,
            ended_at=self._clock.now(),
        )

    def _session_of(self, task: TaskRow) -> str:
        own = task.session_id if task.session_mode == "same" else None
        return own or self._new_id()
