"""Rows of the slice. Times that decide something are epoch seconds, like those of leases."""

from typing import Any

from sqlalchemy import BigInteger, Boolean, Float, Index, Integer, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from clary.db.columns import Json, Row


class QuestionnaireRow(Row):
    """Questions to a person (stream-runtime.md 9.12); the id is unique per owner only, like the session id in it."""

    __tablename__ = "questionnaires"
    __table_args__ = (Index("ix_questionnaires_status_deadline", "status", "deadline"),)

    user_id: Mapped[str] = mapped_column(String(64), primary_key=True)
    questionnaire_id: Mapped[str] = mapped_column(String(512), primary_key=True, index=True)
    run_id: Mapped[str] = mapped_column(String(36), index=True)
    conversation_id: Mapped[int] = mapped_column(BigInteger, index=True)
    session_id: Mapped[str] = mapped_column(String(192))
    tool_call_id: Mapped[str] = mapped_column(String(160))
    title: Mapped[str] = mapped_column(Text)
    questions: Mapped[list[dict[str, Any]]] = mapped_column(Json)
    kind: Mapped[str] = mapped_column(String(32))
    wait_seconds: Mapped[int] = mapped_column(Integer)
    opened_at: Mapped[float] = mapped_column(Float)
    deadline: Mapped[float | None] = mapped_column(Float)
    status: Mapped[str] = mapped_column(String(16))
    """`pending`, `submitted`, `expired`."""
    answers: Mapped[dict[str, Any] | None] = mapped_column(Json)
    submitted_at: Mapped[float | None] = mapped_column(Float)
    is_auto_submit: Mapped[bool] = mapped_column(Boolean, default=False)
    approval_id: Mapped[str | None] = mapped_column(String(36))
    """The approval that the answer decides."""


class ApprovalRow(Row):
    """One call that waits, or waited, for a person's word (stream-runtime.md 9.13)."""

    __tablename__ = "approvals"
    __table_args__ = (Index("ix_approvals_decision_expires", "decision", "expires_at"),)

    approval_id: Mapped[str] = mapped_column(String(36), primary_key=True)
    run_id: Mapped[str] = mapped_column(String(36), index=True)
    conversation_id: Mapped[int] = mapped_column(BigInteger, index=True)
    user_id: Mapped[str] = mapped_column(String(64), index=True)
    session_id: Mapped[str] = mapped_column(String(192))
    tool_call_id: Mapped[str] = mapped_column(String(160))
    tool_name: Mapped[str] = mapped_column(String(160))
    category: Mapped[str] = mapped_column(String(32))
    command: Mapped[str] = mapped_column(Text)
    command_hash: Mapped[str] = mapped_column(String(64))
    reason: Mapped[str] = mapped_column(Text)
    mode: Mapped[str] = mapped_column(String(16))
    requested_at: Mapped[float] = mapped_column(Float)
    expires_at: Mapped[float] = mapped_column(Float)
    decision: Mapped[str | None] = mapped_column(String(16))
    """`approve`, `deny`, `expired`; None while it waits."""
    decided_by: Mapped[str | None] = mapped_column(String(64))
    decided_at: Mapped[float | None] = mapped_column(Float)
    told: Mapped[bool] = mapped_column(Boolean, default=False)
    """The line that tells of the decision was written."""


class GuidanceRow(Row):
    """Words for a run, in the order of `position` (stream-runtime.md 9.14).

    What a run took stays as a name only, so that a request sent twice is not consumed twice.
    """

    __tablename__ = "guidance"
    __table_args__ = (UniqueConstraint("conversation_id", "guidance_id"),)

    position: Mapped[int] = mapped_column(
        BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True
    )
    guidance_id: Mapped[str] = mapped_column(String(128))
    conversation_id: Mapped[int] = mapped_column(BigInteger)
    user_id: Mapped[str] = mapped_column(String(64))
    content: Mapped[Any] = mapped_column(Json, nullable=True)
    content_hash: Mapped[str] = mapped_column(String(64))
    details: Mapped[dict[str, Any]] = mapped_column("metadata", Json)
    created_at: Mapped[float] = mapped_column(Float)
    held_by: Mapped[str | None] = mapped_column(String(36))
    """The run that is about to take it; nobody changes it any more."""
    consumed: Mapped[bool] = mapped_column(Boolean, default=False)
