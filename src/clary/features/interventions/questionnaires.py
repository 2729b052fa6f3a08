"""Answers of people to questions that a run waits for."""

from collections.abc import Mapping

from clary.db.database import Database
from clary.db.session import Session, after_commit
from clary.features.audit.service import AuditLog, AuditObject
from clary.features.conversations.errors import SessionAmbiguousError
from clary.features.interventions.approvals import ApprovalService
from clary.features.interventions.errors import (
    ApprovalDecidedError,
    ApprovalNotFoundError,
    QuestionnaireClosedError,
    QuestionnaireNotFoundError,
    QuestionnaireSubmittedError,
)
from clary.features.interventions.payloads import Json, results_object
from clary.features.interventions.policy.approval import Decision, decision_of
from clary.features.interventions.policy.forms import Answer, AnswerRefusedError, checked_answers
from clary.features.interventions.ports import RunWaker
from clary.features.interventions.repository.questionnaires import QuestionnaireRepository
from clary.features.interventions.tables import QuestionnaireRow
from clary.features.permissions.service import Identity
from clary.features.runs.service import RunRepository, RunRow, is_active
from clary.http.problems import ValidationFailedError
from clary.kit.clock import Clock


class QuestionnaireService:
    """Use cases of whoever is asked; only the owner answers."""

    def __init__(
        self, *, database: Database, approvals: ApprovalService, audit: AuditLog, clock: Clock, waker: RunWaker
    ) -> None:
        self._database = database
        self._approvals = approvals
        self._audit = audit
        self._clock = clock
        self._waker = waker

    async def submit(
        self, db: Session, *, identity: Identity, questionnaire_id: str, answers: Mapping[str, Answer | None]
    ) -> None:
        """Stores the answers, once, and wakes the run as soon as they are durable.

        Raises:
            QuestionnaireNotFoundError, QuestionnaireSubmittedError, QuestionnaireClosedError, ValidationFailedError
        """
        questionnaires = QuestionnaireRepository(db)
        row = await questionnaires.find_owned(questionnaire_id, identity.user_id)
        if row is None:
            raise QuestionnaireNotFoundError
        run = await self._require_open(db, row)
        try:
            checked = checked_answers(row.questions, answers)
        except AnswerRefusedError as refused:
            raise _invalid(refused) from None
        if not await questionnaires.submit(row, checked, self._clock.epoch()):
            raise QuestionnaireSubmittedError
        await RunRepository(db).end_wait(run)
        if row.approval_id is not None:
            await self._approve(db, identity, row.approval_id, decision_of(checked))
        after_commit(db, lambda: self._waker.wake(row.run_id))

    async def results(self, *, identity: Identity, questionnaire_id: str, user_id: str | None = None) -> Json:
        """`{questionnaire_id, status, answers, submitted_at, is_auto_submit}`; owner or admin.

        Raises:
            QuestionnaireNotFoundError, SessionAmbiguousError
        """
        async with self._database.read() as db:
            found = await QuestionnaireRepository(db).list_readable(questionnaire_id, identity, user_id)
        if not found:
            raise QuestionnaireNotFoundError
        if len(found) > 1:
            raise SessionAmbiguousError
        row = found[0]
        await self._audit.record_admin_read(identity, AuditObject("questionnaire", questionnaire_id, row.user_id))
        return results_object(row)

    async def _approve(self, db: Session, identity: Identity, approval_id: str, decision: Decision) -> None:
        try:
            await self._approvals.decide_by_answer(db, identity=identity, approval_id=approval_id, decision=decision)
        except (ApprovalNotFoundError, ApprovalDecidedError):
            raise QuestionnaireClosedError from None

    async def _require_open(self, db: Session, row: QuestionnaireRow) -> RunRow:
        if row.status == "submitted":
            raise QuestionnaireSubmittedError
        is_late = row.deadline is not None and self._clock.epoch() >= row.deadline
        run = await RunRepository(db).find(row.run_id)
        if row.status != "pending" or is_late or run is None or not is_active(run.status):
            raise QuestionnaireClosedError
        return run


def _invalid(refused: AnswerRefusedError) -> ValidationFailedError:
    reason = refused.reason.render()
    entry = {"type": "value_error", "loc": ["body", "answers", refused.question_id], "msg": reason}
    return ValidationFailedError(f"answers.{refused.question_id}: {reason}", [entry])
