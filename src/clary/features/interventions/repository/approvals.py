"""Statements about approvals. A row is decided once: the first decision wins."""

from collections.abc import Sequence
from dataclasses import asdict

from sqlalchemy import Select, bindparam, delete, insert, select, update

from clary.db.columns import table_of
from clary.db.session import Connection, Session
from clary.features.interventions.ports import Due, NewApproval
from clary.features.interventions.tables import ApprovalRow
from clary.features.permissions.service import owned_by
from clary.features.runs.service import RunRow

APPROVALS = table_of(ApprovalRow)
OPEN = insert(APPROVALS)
UNDECIDED = update(APPROVALS).where(APPROVALS.c.decision.is_(None))
DECIDE = UNDECIDED.where(APPROVALS.c.approval_id == bindparam("of_id")).values(
    decision=bindparam("decided"), decided_by=bindparam("by"), decided_at=bindparam("at")
)
TELL = update(APPROVALS).where(APPROVALS.c.approval_id == bindparam("of_id")).values(told=True)
CLOSE = UNDECIDED.where(APPROVALS.c.run_id == bindparam("of_run")).values(
    decision="expired", decided_at=bindparam("at")
)


def insert_approval(connection: Connection, row: NewApproval) -> None:
    """Opens one."""
    connection.execute(OPEN, asdict(row))


def decide_approval(connection: Connection, approval_id: str, decision: str, decided_by: str | None, at: float) -> bool:
    """Decides one; False when it is decided already."""
    values = {"of_id": approval_id, "decided": decision, "by": decided_by, "at": at}
    return connection.execute(DECIDE, values).rowcount == 1


def tell_approval(connection: Connection, approval_id: str) -> None:
    """Notes that readers were told of the decision."""
    connection.execute(TELL, {"of_id": approval_id})


def close_approvals(connection: Connection, run_id: str, at: float) -> None:
    """Ends what still waits of a run that ends."""
    connection.execute(CLOSE, {"of_run": run_id, "at": at})


class ApprovalRepository:
    """Reads and writes inside one transaction."""

    def __init__(self, session: Session) -> None:
        self._session = session

    async def find_owned(self, approval_id: str, user_id: str) -> ApprovalRow | None:
        """A person's own."""
        return await self._session.scalar(
            select(ApprovalRow).where(owned_by(user_id, ApprovalRow.user_id), ApprovalRow.approval_id == approval_id)
        )

    async def decide(self, approval_id: str, decision: str, decided_by: str, at: float) -> bool:
        """See `decide_approval`."""
        connection = await self._session.connection()
        return await connection.run_sync(decide_approval, approval_id, decision, decided_by, at)

    async def find_of_call(self, run_id: str, tool_call_id: str) -> ApprovalRow | None:
        """The newest one a call of a run asked for."""
        return await self._session.scalar(
            select(ApprovalRow)
            .where(ApprovalRow.run_id == run_id, ApprovalRow.tool_call_id == tool_call_id)
            .order_by(ApprovalRow.requested_at.desc())
            .limit(1)
        )

    async def list_of_conversation(self, conversation_id: int, limit: int) -> Sequence[ApprovalRow]:
        """The newest first, those of children of its runs included."""
        started = select(RunRow.run_id).where(RunRow.conversation_id == conversation_id)
        below = select(RunRow.run_id).where(RunRow.root_run_id.in_(started))
        mine = (ApprovalRow.conversation_id == conversation_id) | ApprovalRow.run_id.in_(below)
        query = select(ApprovalRow).where(mine)
        return await self._newest(query, limit)

    async def list_of_user(self, user_id: str, limit: int) -> Sequence[ApprovalRow]:
        """The newest first, of every conversation of a person."""
        return await self._newest(select(ApprovalRow).where(owned_by(user_id, ApprovalRow.user_id)), limit)

    async def _newest(self, query: "Select[ApprovalRow]", limit: int) -> Sequence[ApprovalRow]:
        ordered = query.order_by(ApprovalRow.requested_at.desc(), ApprovalRow.approval_id)
        return (await self._session.scalars(ordered.limit(limit))).all()

    async def list_of_runs(self, run_ids: Sequence[str]) -> Sequence[ApprovalRow]:
        """All of these runs, as they were asked for."""
        query = select(ApprovalRow).where(ApprovalRow.run_id.in_(run_ids)).order_by(ApprovalRow.requested_at)
        return (await self._session.scalars(query)).all()

    async def list_due(self, now: float) -> list[Due]:
        """Undecided ones whose time is over, the oldest first."""
        rows = await self._session.scalars(
            select(ApprovalRow)
            .where(ApprovalRow.decision.is_(None), ApprovalRow.expires_at <= now)
            .order_by(ApprovalRow.expires_at)
        )
        return [Due("approval", row.approval_id, row.run_id) for row in rows]

    async def delete_of_conversation(self, conversation_id: int) -> None:
        """Removes all of a conversation."""
        await self._session.execute(delete(ApprovalRow).where(ApprovalRow.conversation_id == conversation_id))
