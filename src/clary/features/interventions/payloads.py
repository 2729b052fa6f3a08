"""Wire shapes of the slice (stream-runtime.md 10.3, 10.5, 10.6)."""

from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from pydantic import Field

from clary.features.interventions.tables import ApprovalRow, GuidanceRow, QuestionnaireRow
from clary.http.content import ID_PATTERN, Content, Metadata
from clary.http.payload import Payload
from clary.kit.clock import wire_time

Json = dict[str, Any]
GuidanceId = Annotated[str, Field(pattern=ID_PATTERN)]


class SubmitRequest(Payload):
    """Answers by question id. What else existing clients send is ignored: the stored questions decide."""

    answers: Annotated[dict[str, str | list[str] | None], Field(max_length=1000)]


class DecisionRequest(Payload):
    """A person's word on one call; the hash, if sent, says which arguments were seen."""

    session_id: str
    approval_id: str
    decision: Literal["approve", "deny"]
    command_hash: Annotated[str, Field(max_length=128)] | None = None


class GuidanceRequest(Payload):
    """Words for the run under way, or for the next one."""

    content: Content
    guidance_id: GuidanceId | None = None
    metadata: Metadata = Field(default_factory=dict[str, Any])


class GuidanceChange(Payload):
    """Other words in the same place."""

    content: Content


def results_object(row: QuestionnaireRow) -> Json:
    """Answer of `…/results`."""
    return {
        "questionnaire_id": row.questionnaire_id,
        "status": row.status,
        "answers": row.answers,
        "submitted_at": moment(row.submitted_at),
        "is_auto_submit": row.is_auto_submit,
    }


def approval_item(row: ApprovalRow) -> Json:
    """One entry of the approval audit."""
    return {
        "approval_id": row.approval_id,
        "tool_name": row.tool_name,
        "category": row.category,
        "command_hash": row.command_hash,
        "decision": row.decision,
        "decided_by": row.decided_by,
        "requested_at": moment(row.requested_at),
        "decided_at": moment(row.decided_at),
    }


def guidance_item(row: GuidanceRow) -> Json:
    """One item of the list."""
    return {
        "guidance_id": row.guidance_id,
        "content": row.content,
        "metadata": row.details,
        "status": "pending",
        "timestamp": row.created_at,
    }


def moment(epoch: float | None) -> str | None:
    """Epoch seconds as UTC ISO 8601 with `Z`."""
    return None if epoch is None else wire_time(datetime.fromtimestamp(epoch, UTC))
