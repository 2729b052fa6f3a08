"""Statements on rows of runs and steps. The fence is part of each writing statement."""

from collections.abc import Callable, Collection, Sequence
from datetime import datetime
from typing import Any, cast

from sqlalchemy import and_, bindparam, case, delete, func, insert, not_, or_, select, update
from sqlalchemy.engine import Connection, CursorResult
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from clary.db.columns import table_of
from clary.features.permissions.service import Identity, visible_to
from clary.features.runs.policy import ACTIVE
from clary.features.runs.tables import IdempotencyKeyRow, RunRow, RunStepRow

# Built once: to build one of these costs several times what SQLite takes to run it.
RUNS, STEPS = table_of(RunRow), table_of(RunStepRow)
CHANGE_RUN = update(RUNS).where(
    RUNS.c.run_id == bindparam("of_run"), RUNS.c.generation == bindparam("of_generation"), RUNS.c.status.in_(ACTIVE)
)
END_CHILDREN = update(RUNS).where(
    RUNS.c.root_run_id == bindparam("of_root"), RUNS.c.parent_run_id.is_not(None), RUNS.c.status.in_(ACTIVE)
)
OF_STEP = (STEPS.c.run_id == bindparam("of_run"), STEPS.c.step_id == bindparam("of_step"))
BEGIN_STEP = insert(STEPS)
BEGIN_STEP_AGAIN = (
    update(STEPS)
    .where(*OF_STEP)
    .values(status=bindparam("status"), started_at=bindparam("started_at"), attempt=STEPS.c.attempt + 1)
)
FINISH_STEP = update(STEPS).where(*OF_STEP)
COUNT_ACTIVE = (
    select(func.count())
    .select_from(RUNS)
    .where(RUNS.c.user_id == bindparam("user_id"), RUNS.c.status.in_(ACTIVE), RUNS.c.parent_run_id.is_(None))
)


class RunRepository:
    """Reads and writes inside one transaction."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def add(self, run: RunRow) -> bool:
        """Adds a new run; False when the conversation got another active one in the same moment."""
        self._session.add(run)
        return await self._flushed()

    async def _flushed(self) -> bool:
        """False when a unique index refused: the caller must then give up the whole transaction."""
        try:
            await self._session.flush()
        except IntegrityError:
            return False
        return True

    async def find(self, run_id: str) -> RunRow | None:
        """A run by id, whoever owns it."""
        return await self._session.get(RunRow, run_id)

    async def list_by_ids(self, run_ids: Sequence[str]) -> Sequence[RunRow]:
        """Those of these runs that there are."""
        if not run_ids:
            return []
        return (await self._session.scalars(select(RunRow).where(RunRow.run_id.in_(run_ids)))).all()

    async def find_visible(self, run_id: str, identity: Identity) -> RunRow | None:
        """A run that the identity may see."""
        return await self._session.scalar(
            select(RunRow).where(RunRow.run_id == run_id, visible_to(identity, RunRow.user_id))
        )

    async def find_active(self, conversation_id: int) -> RunRow | None:
        """The active root run of a conversation."""
        return await self._session.scalar(
            select(RunRow).where(
                RunRow.conversation_id == conversation_id,
                RunRow.status.in_(ACTIVE),
                RunRow.parent_run_id.is_(None),
            )
        )

    async def find_latest(self, conversation_id: int) -> RunRow | None:
        """The most recent root run of a conversation whose messages are all still there."""
        return await self._session.scalar(
            select(RunRow)
            .where(
                RunRow.conversation_id == conversation_id,
                RunRow.parent_run_id.is_(None),
                RunRow.archived.is_(False),
            )
            .order_by(RunRow.created_at.desc(), RunRow.log_id.desc())
            .limit(1)
        )

    async def archive(self, run_ids: Collection[str]) -> None:
        """Marks runs whose messages an edit or rerun took away."""
        await self._session.execute(update(RunRow).where(RunRow.run_id.in_(run_ids)).values(archived=True))

    async def list_of_conversation(self, conversation_id: int) -> Sequence[RunRow]:
        """All runs of a conversation, oldest first."""
        query = select(RunRow).where(RunRow.conversation_id == conversation_id)
        return (await self._session.scalars(query.order_by(RunRow.created_at, RunRow.log_id))).all()

    async def list_active(self, user_id: str) -> Sequence[RunRow]:
        """A user's active root runs, newest first."""
        rows = await self._session.scalars(
            select(RunRow)
            .where(RunRow.user_id == user_id, RunRow.status.in_(ACTIVE), RunRow.parent_run_id.is_(None))
            .order_by(RunRow.created_at.desc(), RunRow.log_id.desc())
        )
        return rows.all()

    async def active_statuses(self, conversation_ids: Sequence[int]) -> dict[int, str]:
        """`queued`, `running` or `waiting` of the conversations among these that have an active run."""
        if not conversation_ids:
            return {}
        rows = await self._session.execute(
            select(RunRow.conversation_id, RunRow.status, RunRow.waiting).where(
                RunRow.conversation_id.in_(conversation_ids), RunRow.status.in_(ACTIVE)
            )
        )
        return {each.conversation_id: "waiting" if each.waiting else each.status for each in rows}

    async def count_active(self, user_id: str) -> int:
        """How many root runs of a user are active."""
        count = await self._session.scalar(COUNT_ACTIVE, {"user_id": user_id})
        return int(count or 0)

    async def list_abandoned(self, now_epoch: float, *, everything: bool) -> Sequence[RunRow]:
        """Active runs without a live lease; with `everything` all active ones (their process is known to be dead).

        A run that is parked, waiting for a person, is not abandoned; but nobody would notice any more that the readers
        of an attached one have left, so a new process takes those too.
        """
        is_parked = and_(RunRow.waiting.is_not(None), RunRow.lease_expires_at.is_(None), RunRow.stop_reason.is_(None))
        query = select(RunRow).where(RunRow.status.in_(ACTIVE), RunRow.parent_run_id.is_(None))
        if everything:
            query = query.where(or_(not_(is_parked), RunRow.interrupt_on_disconnect.is_(True)))
        else:
            query = query.where(not_(is_parked))
            query = query.where(or_(RunRow.lease_expires_at.is_(None), RunRow.lease_expires_at < now_epoch))
        return (await self._session.scalars(query.order_by(RunRow.created_at))).all()

    async def list_stopped(self, root_run_ids: Sequence[str]) -> Sequence[RunRow]:
        """Runs of these trees that somebody wishes to end and that have not ended; roots first."""
        rows = await self._session.scalars(
            select(RunRow)
            .where(RunRow.root_run_id.in_(root_run_ids), RunRow.status.in_(ACTIVE), RunRow.stop_reason.is_not(None))
            .order_by(RunRow.created_at)
        )
        return rows.all()

    async def renew_leases(self, owner: str, run_ids: Sequence[str], expires_at: float) -> None:
        """Moves the end of the leases of runs that a process really works on."""
        await self._session.execute(
            update(RunRow)
            .where(RunRow.lease_owner == owner, RunRow.run_id.in_(run_ids), RunRow.status.in_(ACTIVE))
            .values(lease_expires_at=expires_at)
        )

    async def note_readers(self, log_ids: Sequence[int], until: float) -> None:
        """Notes till when somebody reads attached runs."""
        await self._session.execute(
            update(RunRow)
            .where(RunRow.log_id.in_(log_ids), RunRow.interrupt_on_disconnect, RunRow.status.in_(ACTIVE))
            .values(read_until=until)
        )

    async def find_read_until(self, run_id: str) -> float | None:
        """See `RunRow.read_until`."""
        return await self._session.scalar(select(RunRow.read_until).where(RunRow.run_id == run_id))

    async def release_leases(self, owner: str) -> None:
        """Gives back all leases of a process that stops."""
        await self._session.execute(
            update(RunRow)
            .where(RunRow.lease_owner == owner, RunRow.status.in_(ACTIVE))
            .values(lease_owner=None, lease_expires_at=0.0)
        )

    async def park(self, run_id: str, owner: str, now_epoch: float) -> bool:
        """Gives back the lease of a run that waits for a person (stream-runtime.md 6.9); nobody takes it over.

        False when an answer came meanwhile: then whoever is first takes it up.
        """
        held = update(RunRow).where(RunRow.run_id == run_id, RunRow.lease_owner == owner)
        parked = await self._session.execute(
            held.where(RunRow.waiting.is_not(None)).values(
                lease_owner=None, lease_expires_at=None, last_activity=now_epoch
            )
        )
        if cast("CursorResult[Any]", parked).rowcount:
            return True
        await self._session.execute(held.values(lease_owner=None, lease_expires_at=0.0, last_activity=now_epoch))
        return False

    async def end_wait(self, run: RunRow) -> None:
        """What a run, or its root, waited for is there: a parked one may be taken up by anybody from now on.

        Part of the answer's own transaction, so that no crash loses it.
        """
        free = case((RunRow.lease_expires_at.is_(None), 0.0), else_=RunRow.lease_expires_at)
        await self._session.execute(
            update(RunRow)
            .where(RunRow.run_id == run.root_run_id, RunRow.waiting.is_not(None))
            .values(waiting=None, lease_expires_at=free)
        )

    async def list_children(self, root_run_id: str) -> Sequence[RunRow]:
        """Children of a root run at any depth, ended ones too; each after its parent."""
        rows = await self._session.scalars(
            select(RunRow)
            .where(RunRow.root_run_id == root_run_id, RunRow.parent_run_id.is_not(None))
            .order_by(RunRow.created_at, RunRow.conversation_id)
        )
        return rows.all()

    async def count_model_calls(self, root_run_id: str) -> int:
        """Finished model calls of a root run and its children."""
        count = await self._session.scalar(
            select(func.count())
            .select_from(RunStepRow)
            .join(RunRow, RunRow.run_id == RunStepRow.run_id)
            .where(RunRow.root_run_id == root_run_id, RunStepRow.kind == "model", RunStepRow.status == "done")
        )
        return int(count or 0)

    async def count_children(self, root_run_id: str) -> int:
        """Children a root run has had so far."""
        count = await self._session.scalar(
            select(func.count())
            .select_from(RunRow)
            .where(RunRow.root_run_id == root_run_id, RunRow.parent_run_id.is_not(None))
        )
        return int(count or 0)

    async def list_of_call(self, parent_run_id: str, call_id: str) -> Sequence[RunRow]:
        """The children that a delegation started."""
        rows = await self._session.scalars(
            select(RunRow).where(RunRow.parent_run_id == parent_run_id, RunRow.parent_call_id == call_id)
        )
        return rows.all()

    async def find_active_child(self, conversation_id: int) -> RunRow | None:
        """The child under way in a child conversation."""
        return await self._session.scalar(
            select(RunRow).where(
                RunRow.conversation_id == conversation_id,
                RunRow.status.in_(ACTIVE),
                RunRow.parent_run_id.is_not(None),
            )
        )

    async def move_children(self, root_run_id: str, generation: int) -> None:
        """Brings the active children of a root to its generation."""
        await self._session.execute(
            update(RunRow)
            .where(RunRow.root_run_id == root_run_id, RunRow.parent_run_id.is_not(None), RunRow.status.in_(ACTIVE))
            .values(generation=generation)
        )

    async def list_steps(self, run_id: str) -> Sequence[RunStepRow]:
        """Recorded steps in order."""
        rows = await self._session.scalars(
            select(RunStepRow).where(RunStepRow.run_id == run_id).order_by(RunStepRow.position)
        )
        return rows.all()

    async def find_key(self, user_id: str, key: str) -> IdempotencyKeyRow | None:
        """What an idempotency key was used for."""
        return await self._session.get(IdempotencyKeyRow, (user_id, key))

    async def add_key(self, row: IdempotencyKeyRow) -> bool:
        """Remembers a key; False when another request of this user took it in the same moment."""
        self._session.add(row)
        return await self._flushed()

    async def delete_of_conversation(self, conversation_id: int) -> list[int]:
        """Removes all runs of a conversation with steps and keys; returns the ids of their logs."""
        ids = select(RunRow.run_id).where(RunRow.conversation_id == conversation_id)
        logs = (
            await self._session.scalars(select(RunRow.log_id).where(RunRow.conversation_id == conversation_id))
        ).all()
        await self._session.execute(delete(RunStepRow).where(RunStepRow.run_id.in_(ids)))
        await self._session.execute(delete(IdempotencyKeyRow).where(IdempotencyKeyRow.run_id.in_(ids)))
        await self._session.execute(delete(RunRow).where(RunRow.conversation_id == conversation_id))
        return list(logs)

    async def list_expired_logs(self, ended_before: datetime, limit: int) -> Sequence[int]:
        """Logs of root runs that ended before a moment."""
        rows = await self._session.scalars(
            select(RunRow.log_id).where(RunRow.ended_at < ended_before, RunRow.log_id > 0).limit(limit)
        )
        return rows.all()

    async def forget_logs(self, log_ids: Sequence[int]) -> None:
        """Marks runs whose log was deleted, and forgets their idempotency keys, which live as long."""
        ids = select(RunRow.run_id).where(RunRow.log_id.in_(log_ids))
        await self._session.execute(delete(IdempotencyKeyRow).where(IdempotencyKeyRow.run_id.in_(ids)))
        await self._session.execute(update(RunRow).where(RunRow.log_id.in_(log_ids)).values(log_id=0))


def change_run(run_id: str, generation: int, **values: Any) -> Callable[[Connection], None]:
    """A change to an active run by the holder of its generation, as work for the log's transaction."""
    parameters = {"of_run": run_id, "of_generation": generation, **values}

    def apply(connection: Connection) -> None:
        connection.execute(CHANGE_RUN, parameters)

    return apply


def add_warnings(connection: Connection, run_id: str, warnings: Sequence[dict[str, Any]]) -> None:
    """Adds to what a run warns of; what it says already it says once."""
    stored = connection.scalar(select(RUNS.c.warnings).where(RUNS.c.run_id == run_id))
    known = cast("list[dict[str, Any]]", stored or [])
    added = [each for each in warnings if each not in known]
    if added:
        connection.execute(update(RUNS).where(RUNS.c.run_id == run_id).values(warnings=[*known, *added]))


def end_children(connection: Connection, root_run_id: str, values: dict[str, Any]) -> None:
    """Ends every child of a root that did not write its own end: none may outlive it (stream-runtime.md 9.7)."""
    connection.execute(END_CHILDREN, {"of_root": root_run_id, **values})


def insert_step(connection: Connection, values: dict[str, Any]) -> None:
    """Adds a recorded step, or puts it back to its start when it is tried again."""
    again = {"of_run": values["run_id"], "of_step": values["step_id"]}
    again |= {"status": values["status"], "started_at": values["started_at"]}
    if connection.execute(BEGIN_STEP_AGAIN, again).rowcount == 0:
        connection.execute(BEGIN_STEP, values)


def finish_step(connection: Connection, run_id: str, step_id: str, values: dict[str, Any]) -> None:
    """Records how a step ended."""
    connection.execute(FINISH_STEP, {"of_run": run_id, "of_step": step_id, **values})
