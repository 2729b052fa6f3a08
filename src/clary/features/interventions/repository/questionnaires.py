"""Statements about questionnaires. A row changes only while it is pending: the first change wins."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from sqlalchemy import bindparam, delete, insert, select, update

from clary.db.columns import table_of
from clary.db.session import Connection, Session
from clary.features.interventions.ports import Due, NewQuestionnaire
from clary.features.interventions.tables import QuestionnaireRow
from clary.features.permissions.service import Identity, owned_by

QUESTIONNAIRES = table_of(QuestionnaireRow)
FORGET = delete(QUESTIONNAIRES).where(
    QUESTIONNAIRES.c.user_id == bindparam("of_user"), QUESTIONNAIRES.c.questionnaire_id == bindparam("of_id")
)
OPEN = insert(QUESTIONNAIRES)
SUBMIT = (
    update(QUESTIONNAIRES)
    .where(
        QUESTIONNAIRES.c.user_id == bindparam("of_user"),
        QUESTIONNAIRES.c.questionnaire_id == bindparam("of_id"),
        QUESTIONNAIRES.c.status == "pending",
    )
    .values(status="submitted", answers=bindparam("given"), submitted_at=bindparam("at"))
)
CLOSE = (
    update(QUESTIONNAIRES)
    .where(QUESTIONNAIRES.c.run_id == bindparam("of_run"), QUESTIONNAIRES.c.status == "pending")
    .values(status="expired")
)
SUBMIT_FOR_APPROVAL = (
    update(QUESTIONNAIRES)
    .where(
        QUESTIONNAIRES.c.run_id == bindparam("of_run"),
        QUESTIONNAIRES.c.approval_id == bindparam("of_approval"),
        QUESTIONNAIRES.c.status == "pending",
    )
    .values(status="submitted", answers=bindparam("given"), submitted_at=bindparam("at"))
)
EXPIRE = CLOSE.where(QUESTIONNAIRES.c.tool_call_id == bindparam("of_call")).values(
    answers=bindparam("given"), submitted_at=bindparam("at"), is_auto_submit=True
)


def insert_questionnaire(connection: Connection, row: NewQuestionnaire) -> None:
    """Opens one; it takes the place of one of the same id, whose call belongs to an answer that was given up."""
    connection.execute(FORGET, {"of_user": row.user_id, "of_id": row.questionnaire_id})
    connection.execute(OPEN, {**asdict(row), "status": "pending", "is_auto_submit": False})


def expire_questionnaire(
    connection: Connection, run_id: str, tool_call_id: str, answers: dict[str, Any], at: float
) -> bool:
    """Closes one with its defaults; False when somebody answered before."""
    values = {"of_run": run_id, "of_call": tool_call_id, "given": answers, "at": at}
    return connection.execute(EXPIRE, values).rowcount == 1


def close_questionnaires(connection: Connection, run_id: str) -> None:
    """Closes what is still open of a run that ends, without answers."""
    connection.execute(CLOSE, {"of_run": run_id})


class QuestionnaireRepository:
    """Reads and writes inside one transaction."""

    def __init__(self, session: Session) -> None:
        self._session = session

    async def find_owned(self, questionnaire_id: str, user_id: str) -> QuestionnaireRow | None:
        """A person's own."""
        return await self._session.scalar(
            select(QuestionnaireRow).where(
                owned_by(user_id, QuestionnaireRow.user_id), QuestionnaireRow.questionnaire_id == questionnaire_id
            )
        )

    async def list_holders(self, questionnaire_id: str) -> Sequence[QuestionnaireRow]:
        """All of this id, whoever holds them; at most two."""
        rows = await self._session.scalars(
            select(QuestionnaireRow).where(QuestionnaireRow.questionnaire_id == questionnaire_id).limit(2)
        )
        return rows.all()

    async def list_readable(
        self, questionnaire_id: str, identity: Identity, user_id: str | None
    ) -> Sequence[QuestionnaireRow]:
        """The own one; for an admin else those of others, or that of `user_id` (stream-runtime.md 1)."""
        if identity.is_admin and user_id:
            named = await self.find_owned(questionnaire_id, user_id)
            return [named] if named is not None else []
        own = await self.find_owned(questionnaire_id, identity.user_id)
        if own is not None or not identity.is_admin:
            return [own] if own is not None else []
        return await self.list_holders(questionnaire_id)

    async def find_of_call(self, run_id: str, tool_call_id: str) -> QuestionnaireRow | None:
        """The one a call of a run opened."""
        return await self._session.scalar(
            select(QuestionnaireRow).where(
                QuestionnaireRow.run_id == run_id, QuestionnaireRow.tool_call_id == tool_call_id
            )
        )

    async def submit(self, row: QuestionnaireRow, answers: dict[str, Any], at: float) -> bool:
        """Stores the answers; False when it is not pending any more."""
        values = {"of_user": row.user_id, "of_id": row.questionnaire_id, "given": answers, "at": at}
        connection = await self._session.connection()
        return await connection.run_sync(lambda inner: inner.execute(SUBMIT, values).rowcount == 1)

    async def submit_for_approval(self, run_id: str, approval_id: str, answers: dict[str, Any], at: float) -> None:
        """Closes what asks for an approval that was decided elsewhere; harmless when nothing is open."""
        values = {"of_run": run_id, "of_approval": approval_id, "given": answers, "at": at}
        connection = await self._session.connection()
        await connection.run_sync(lambda inner: inner.execute(SUBMIT_FOR_APPROVAL, values))

    async def list_of_runs(self, run_ids: Sequence[str]) -> Sequence[QuestionnaireRow]:
        """All of these runs, as they were opened."""
        query = select(QuestionnaireRow).where(QuestionnaireRow.run_id.in_(run_ids))
        return (await self._session.scalars(query.order_by(QuestionnaireRow.opened_at))).all()

    async def list_due(self, now: float) -> list[Due]:
        """Pending ones whose deadline is over, the oldest first."""
        rows = await self._session.scalars(
            select(QuestionnaireRow)
            .where(QuestionnaireRow.status == "pending", QuestionnaireRow.deadline <= now)
            .order_by(QuestionnaireRow.deadline)
        )
        return [Due("questionnaire", row.questionnaire_id, row.run_id) for row in rows]

    async def delete_of_conversation(self, conversation_id: int) -> None:
        """Removes all of a conversation."""
        await self._session.execute(delete(QuestionnaireRow).where(QuestionnaireRow.conversation_id == conversation_id))
