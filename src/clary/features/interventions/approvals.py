"""A person's word on calls that wait for it."""

from clary.db.database import Database
from clary.db.session import Session, after_commit
from clary.features.audit.service import Act, Actor, AuditLog, AuditObject
from clary.features.conversations.service import ConversationService
from clary.features.interventions.errors import (
    ApprovalDecidedError,
    ApprovalMismatchError,
    ApprovalNotFoundError,
)
from clary.features.interventions.payloads import Json, approval_item
from clary.features.interventions.policy.approval import STATUS_OF, Decision
from clary.features.interventions.ports import RunWaker
from clary.features.interventions.repository.approvals import ApprovalRepository
from clary.features.interventions.repository.questionnaires import QuestionnaireRepository
from clary.features.interventions.tables import ApprovalRow
from clary.features.permissions.service import Identity
from clary.features.runs.service import RunRepository, RunRow, is_active
from clary.kit.clock import Clock


class ApprovalService:
    """Use cases of whoever is asked; only the owner decides, once, and every decision is audited."""

    def __init__(
        self,
        *,
        database: Database,
        conversations: ConversationService,
        audit: AuditLog,
        clock: Clock,
        waker: RunWaker,
    ) -> None:
        self._database = database
        self._conversations = conversations
        self._audit = audit
        self._clock = clock
        self._waker = waker

    async def decide(
        self,
        db: Session,
        *,
        identity: Identity,
        session_id: str,
        approval_id: str,
        decision: Decision,
        command_hash: str | None,
    ) -> str:
        """Decides; `approved` or `denied`. The run goes on as soon as it is durable.

        Raises:
            ApprovalNotFoundError, ApprovalMismatchError
            ApprovalDecidedError: decided before, expired, or its run has ended.
        """
        row = await ApprovalRepository(db).find_owned(approval_id, identity.user_id)
        if row is None or row.session_id != session_id:
            raise ApprovalNotFoundError
        run = await self._require_undecided(db, row)
        if command_hash is not None and command_hash.removeprefix("sha256:").lower() != row.command_hash:
            raise ApprovalMismatchError
        await self._decide(db, identity, row, run, decision)
        return STATUS_OF[decision]

    async def decide_by_answer(self, db: Session, *, identity: Identity, approval_id: str, decision: Decision) -> None:
        """The same through a questionnaire, which shows what it is about.

        Raises:
            ApprovalNotFoundError, ApprovalDecidedError
        """
        row = await ApprovalRepository(db).find_owned(approval_id, identity.user_id)
        if row is None:
            raise ApprovalNotFoundError
        run = await self._require_undecided(db, row)
        await self._decide(db, identity, row, run, decision)

    async def _decide(self, db: Session, identity: Identity, row: ApprovalRow, run: RunRow, decision: Decision) -> None:
        approvals, now = ApprovalRepository(db), self._clock.epoch()
        if not await approvals.decide(row.approval_id, decision, identity.user_id, now):
            # Somebody came between reading and deciding, which only a database with several writers allows.
            await db.refresh(row)
            raise ApprovalDecidedError(STATUS_OF[row.decision or "expired"])
        # The run may wait behind a questionnaire that asks the same: it is answered with this (9.13).
        questions = QuestionnaireRepository(db)
        await questions.submit_for_approval(row.run_id, row.approval_id, {"decision": decision}, now)
        await RunRepository(db).end_wait(run)
        await self._audit.record(db, _act(identity, row, decision))
        after_commit(db, lambda: self._waker.wake(row.run_id))

    async def list_audit(
        self, *, identity: Identity, session_id: str | None, user_id: str | None, limit: int
    ) -> list[Json]:
        """What was asked and decided, newest first: of a conversation (owner or admin), else of the caller.

        The children that runs of a conversation started belong to it.

        Raises:
            SessionNotFoundError, SessionAmbiguousError
        """
        async with self._database.read() as db:
            approvals = ApprovalRepository(db)
            if session_id is None:
                return [approval_item(row) for row in await approvals.list_of_user(identity.user_id, limit)]
            conversation = await self._conversations.get_accessible(
                db, session_id=session_id, identity=identity, user_id=user_id
            )
            rows = await approvals.list_of_conversation(conversation.conversation_id, limit)
        return [approval_item(row) for row in rows]

    async def _require_undecided(self, db: Session, row: ApprovalRow) -> RunRow:
        if row.decision is not None:
            raise ApprovalDecidedError(STATUS_OF[row.decision])
        run = await RunRepository(db).find(row.run_id)
        if self._clock.epoch() >= row.expires_at or run is None or not is_active(run.status):
            raise ApprovalDecidedError(STATUS_OF["expired"])
        return run


def _act(identity: Identity, row: ApprovalRow, decision: Decision) -> Act:
    detail = {
        "decision": decision,
        "tool_name": row.tool_name,
        "category": row.category,
        "command_hash": row.command_hash,
        "session_id": row.session_id,
        "run_id": row.run_id,
    }
    return Act(
        "approval.decided", Actor.of(identity), AuditObject("approval", row.approval_id, row.user_id), detail=detail
    )
