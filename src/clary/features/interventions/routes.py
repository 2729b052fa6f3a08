"""Answers, approvals and guidance (stream-runtime.md 10.3, 10.5, 10.6)."""

from typing import Annotated, Any

from fastapi import Depends, Query, Request

from clary.features.interventions.payloads import DecisionRequest, GuidanceChange, GuidanceRequest, SubmitRequest
from clary.features.interventions.service import ApprovalService, GuidanceService, QuestionnaireService
from clary.features.permissions.guards import CurrentUser
from clary.http.access import CHAT_BYTES, needs
from clary.http.envelope import Envelope, answer
from clary.http.routing import slice_router
from clary.http.unit_of_work import ReadUnit, UnitOfWork

router = slice_router("/api", "interventions")

Json = dict[str, Any]
CHANGES = needs("chat", max_bytes=CHAT_BYTES)
INJECT = "/sessions/{session_id}/inject-user-message"
OwnerId = Annotated[str | None, Query(alias="user_id")]
"""Selects among several holders of one session id; of use to admins only (stream-runtime.md 1)."""


async def _questionnaires(request: Request) -> QuestionnaireService:
    return request.app.state.questionnaires


async def _approvals(request: Request) -> ApprovalService:
    return request.app.state.approvals


async def _guidance(request: Request) -> GuidanceService:
    return request.app.state.guidance


Questionnaires = Annotated[QuestionnaireService, Depends(_questionnaires)]
Approvals = Annotated[ApprovalService, Depends(_approvals)]
Guidance = Annotated[GuidanceService, Depends(_guidance)]


@router.post(
    "/questionnaires/{questionnaire_id}/submit",
    summary="Answer a questionnaire",
    openapi_extra=needs("chat", answers="detailed", max_bytes=CHAT_BYTES),
)
async def submit_questionnaire(
    questionnaire_id: str, body: SubmitRequest, user: CurrentUser, questionnaires: Questionnaires, db: UnitOfWork
) -> Envelope[Json]:
    """The first submission wins; refusals have their true HTTP status and a sentence in `detail`."""
    await questionnaires.submit(db, identity=user, questionnaire_id=questionnaire_id, answers=body.answers)
    return answer({"success": True})


@router.get(
    "/questionnaires/{questionnaire_id}/results",
    summary="Read the answers",
    openapi_extra=needs("read", answers="detailed"),
)
async def read_questionnaire(
    questionnaire_id: str, user: CurrentUser, questionnaires: Questionnaires, user_id: OwnerId = None
) -> Envelope[Json]:
    """How far a questionnaire is; owner or admin."""
    return answer(await questionnaires.results(identity=user, questionnaire_id=questionnaire_id, user_id=user_id))


@router.post("/sandbox/approval", summary="Approve or deny a call", openapi_extra=CHANGES)
async def decide_approval(
    body: DecisionRequest, user: CurrentUser, approvals: Approvals, db: UnitOfWork
) -> Envelope[Json]:
    """One word on one call, once."""
    status = await approvals.decide(
        db,
        identity=user,
        session_id=body.session_id,
        approval_id=body.approval_id,
        decision=body.decision,
        command_hash=body.command_hash,
    )
    return answer({"success": True, "status": status})


@router.get("/sandbox/approval/audit", summary="What was approved", openapi_extra=needs("read"))
async def list_approvals(
    user: CurrentUser,
    approvals: Approvals,
    session_id: Annotated[str | None, Query()] = None,
    limit: Annotated[int, Query()] = 100,
    user_id: OwnerId = None,
) -> Envelope[Json]:
    """Approvals of a conversation, newest first, at most 500; owner or admin."""
    items = await approvals.list_audit(
        identity=user, session_id=session_id, user_id=user_id, limit=min(max(limit, 1), 500)
    )
    return answer({"items": items})


@router.post(INJECT, summary="Guide the run", openapi_extra=CHANGES)
async def inject_guidance(
    session_id: str, body: GuidanceRequest, user: CurrentUser, guidance: Guidance, db: UnitOfWork
) -> Envelope[Json]:
    """Words for the run under way, or for the next one."""
    return answer(await guidance.inject(db, identity=user, session_id=session_id, request=body))


@router.get(INJECT, summary="Pending guidance", openapi_extra=needs("read"))
async def list_guidance(
    session_id: str, user: CurrentUser, guidance: Guidance, db: ReadUnit, user_id: OwnerId = None
) -> Envelope[Json]:
    """What no run has used yet, oldest first; owner or admin."""
    return answer(await guidance.list_pending(db, identity=user, session_id=session_id, user_id=user_id))


@router.patch(INJECT + "/{guidance_id}", summary="Change guidance", openapi_extra=CHANGES)
async def change_guidance(
    session_id: str, guidance_id: str, body: GuidanceChange, user: CurrentUser, guidance: Guidance, db: UnitOfWork
) -> Envelope[Json]:
    """Other words, as long as no run has used them."""
    return answer(
        await guidance.change(db, identity=user, session_id=session_id, guidance_id=guidance_id, request=body)
    )


@router.delete(INJECT + "/{guidance_id}", summary="Withdraw guidance", openapi_extra=CHANGES)
async def withdraw_guidance(
    session_id: str, guidance_id: str, user: CurrentUser, guidance: Guidance, db: UnitOfWork
) -> Envelope[Json]:
    """Takes guidance back, as long as no run has used it."""
    return answer(await guidance.withdraw(db, identity=user, session_id=session_id, guidance_id=guidance_id))
