"""The door of the slice: use cases of people, and what whoever executes runs writes and reads.

Writers take the `Connection` of the event log, so that a row and the line that tells of it commit together.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from clary.db.database import Database
from clary.db.session import Connection, Session
from clary.features.interventions.approvals import ApprovalService
from clary.features.interventions.guidance import GuidanceService
from clary.features.interventions.payloads import Json, moment
from clary.features.interventions.policy.approval import (
    APPROVAL_SECONDS,
    HINT,
    REASONS,
    ApprovalMode,
    Category,
    Decision,
    approval_form,
    category_of,
    command_hash,
    command_of,
    decision_of,
    needs_approval,
)
from clary.features.interventions.policy.forms import (
    Form,
    Language,
    Outcome,
    async_result_of,
    default_answers,
    form_of,
    questionnaire_id_of,
    result_of,
)
from clary.features.interventions.ports import Due, GuidanceItem, NewApproval, NewQuestionnaire, RunWaker
from clary.features.interventions.questionnaires import QuestionnaireService
from clary.features.interventions.repository.approvals import (
    ApprovalRepository,
    close_approvals,
    decide_approval,
    insert_approval,
    tell_approval,
)
from clary.features.interventions.repository.guidance import (
    GuidanceRepository,
    consume_guidance,
    release_guidance,
)
from clary.features.interventions.repository.questionnaires import (
    QuestionnaireRepository,
    close_questionnaires,
    expire_questionnaire,
    insert_questionnaire,
)
from clary.features.interventions.tables import ApprovalRow, GuidanceRow, QuestionnaireRow

__all__ = [
    "APPROVAL_SECONDS",
    "HINT",
    "REASONS",
    "ApprovalMode",
    "ApprovalRow",
    "ApprovalService",
    "Category",
    "Decision",
    "Form",
    "GuidanceService",
    "Interventions",
    "QuestionnaireRow",
    "QuestionnaireService",
    "Wakers",
    "approval_form",
    "async_result_of",
    "category_of",
    "close_of_run",
    "command_hash",
    "command_of",
    "decision_of",
    "default_answers",
    "expire_questionnaire",
    "form_of",
    "needs_approval",
    "open_approval",
    "open_questionnaire",
    "questionnaire_id_of",
    "resolve_approval",
    "result_of_questionnaire",
    "take_guidance",
    "tell_approval",
    "untold_approvals",
]


def open_questionnaire(connection: Connection, row: NewQuestionnaire) -> None:
    """Stores a questionnaire that a run is about to wait for."""
    insert_questionnaire(connection, row)


def open_approval(connection: Connection, row: NewApproval) -> None:
    """Stores a call that is about to wait for a person's word."""
    insert_approval(connection, row)


def resolve_approval(connection: Connection, approval_id: str, decision: Decision, at: float) -> bool:
    """Decides in nobody's name, as when the time is over; False when it is decided already."""
    return decide_approval(connection, approval_id, decision, None, at)


def take_guidance(connection: Connection, conversation_id: int, guidance_ids: Sequence[str]) -> list[str]:
    """Uses up what `Interventions.hold_guidance` gave; returns the ids that were not used before."""
    return consume_guidance(connection, conversation_id, guidance_ids)


async def untold_approvals(db: Session, run_id: str) -> dict[str, str | None]:
    """Approval → decision (None: none yet) of those whose end was not shown, in the order they were asked for."""
    rows = await ApprovalRepository(db).list_of_runs([run_id])
    return {row.approval_id: row.decision for row in rows if not row.told}


def close_of_run(connection: Connection, run_id: str, at: float) -> None:
    """With a run's end: its questionnaires and approvals are over, guidance it held and did not use is free again."""
    close_questionnaires(connection, run_id)
    close_approvals(connection, run_id, at)
    release_guidance(connection, run_id)


def result_of_questionnaire(row: QuestionnaireRow, language: Language) -> Json | None:
    """Result of the call, None while nobody has answered and no default was taken."""
    if row.status == "pending" or row.answers is None:
        return None
    outcome = Outcome(row.questionnaire_id, row.kind, row.answers, moment(row.submitted_at), row.is_auto_submit)
    return result_of(outcome, language)


@dataclass(slots=True)
class Wakers:
    """Tells whoever executes runs, once it is there; until then nothing waits that could be woken."""

    target: RunWaker | None = None

    def wake(self, run_id: str) -> None:
        """See `RunWaker`."""
        if self.target is not None:
            self.target.wake(run_id)


class Interventions:
    """What whoever executes runs asks, and what goes with a conversation."""

    def __init__(self, *, database: Database) -> None:
        self._database = database

    async def find_questionnaire(self, *, run_id: str, tool_call_id: str) -> QuestionnaireRow | None:
        """The questionnaire that a call of a run opened."""
        async with self._database.read() as db:
            return await QuestionnaireRepository(db).find_of_call(run_id, tool_call_id)

    async def find_approval(self, *, run_id: str, tool_call_id: str) -> ApprovalRow | None:
        """The newest approval that a call of a run asked for; it counts for its `command_hash` only."""
        async with self._database.read() as db:
            return await ApprovalRepository(db).find_of_call(run_id, tool_call_id)

    async def list_of_runs(
        self, db: Session, *, run_ids: Sequence[str]
    ) -> tuple[Sequence[ApprovalRow], Sequence[QuestionnaireRow]]:
        """What runs asked people for, whose caller may see them."""
        approvals = await ApprovalRepository(db).list_of_runs(run_ids)
        return approvals, await QuestionnaireRepository(db).list_of_runs(run_ids)

    async def list_due(self, *, now: float) -> list[Due]:
        """What was waited for long enough (epoch seconds): the runs named in it have to be woken."""
        async with self._database.read() as db:
            return [*await QuestionnaireRepository(db).list_due(now), *await ApprovalRepository(db).list_due(now)]

    async def first_guidance(self, db: Session, *, conversation_id: int) -> GuidanceItem | None:
        """What lets a run start without a message (stream-runtime.md 2, `messages_empty`)."""
        rows = await GuidanceRepository(db).list_pending(conversation_id)
        return _item(rows[0]) if rows else None

    async def pending_guidance(self, *, conversation_id: int) -> list[GuidanceItem]:
        """What waits, in order."""
        async with self._database.read() as db:
            return [_item(row) for row in await GuidanceRepository(db).list_pending(conversation_id)]

    async def hold_guidance(self, *, conversation_id: int, run_id: str) -> list[GuidanceItem]:
        """What waits, in order, for a run that is about to use it: from now on nobody changes it.

        What is held and not yet used up is given again, so that a run that was taken over goes on with it.
        """
        if not await self.pending_guidance(conversation_id=conversation_id):
            return []
        async with self._database.write() as db:
            guidance = GuidanceRepository(db)
            rows = await guidance.list_pending(conversation_id, locked=True)
            await guidance.hold(rows, run_id)
            return [_item(row) for row in rows]

    async def use_up(self, db: Session, *, conversation_id: int, guidance_id: str) -> None:
        """An item became a message another way (stream-runtime.md 10.1); harmless when there is none."""
        connection = await db.connection()
        await connection.run_sync(consume_guidance, conversation_id, [guidance_id])

    async def forget_conversation(self, db: Session, *, conversation_id: int) -> None:
        """Removes everything of a conversation that is deleted."""
        await QuestionnaireRepository(db).delete_of_conversation(conversation_id)
        await ApprovalRepository(db).delete_of_conversation(conversation_id)
        await GuidanceRepository(db).delete_of_conversation(conversation_id)


def _item(row: GuidanceRow) -> GuidanceItem:
    return GuidanceItem(row.guidance_id, row.content, dict(row.details), row.created_at)
