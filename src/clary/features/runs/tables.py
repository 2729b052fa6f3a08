"""Rows of the slice."""

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, Boolean, Float, Index, Integer, String, Text, false, text
from sqlalchemy.orm import Mapped, mapped_column

from clary.db.columns import Json, Row, Sealed, UtcTime

ACTIVE_ROOT = text("status IN ('queued', 'running') AND parent_run_id IS NULL")


class RunRow(Row):
    """One execution (stream-runtime.md 6.1)."""

    __tablename__ = "runs"
    __table_args__ = (
        # Two starts at once: the database lets one through.
        Index(
            "uq_runs_active_root",
            "conversation_id",
            unique=True,
            sqlite_where=ACTIVE_ROOT,
            postgresql_where=ACTIVE_ROOT,
        ),
        Index("ix_runs_user_status", "user_id", "status"),
        Index("ix_runs_conversation_created", "conversation_id", "created_at"),
        Index("ix_runs_status", "status"),
        Index("ix_runs_root", "root_run_id"),
    )

    run_id: Mapped[str] = mapped_column(String(36), primary_key=True)
    log_id: Mapped[int] = mapped_column(BigInteger)
    root_run_id: Mapped[str] = mapped_column(String(36))
    parent_run_id: Mapped[str | None] = mapped_column(String(36))
    parent_call_id: Mapped[str | None] = mapped_column(String(160))
    """The delegation that started a child."""
    outcome: Mapped[dict[str, Any] | None] = mapped_column(Json)
    """What a child reported to its parent: `{status, result}`."""
    user_id: Mapped[str] = mapped_column(String(64))
    conversation_id: Mapped[int] = mapped_column(BigInteger)
    session_id: Mapped[str] = mapped_column(String(192))
    agent_id: Mapped[str] = mapped_column(String(64))
    agent_name: Mapped[str] = mapped_column(String(128))
    agent_mode: Mapped[str] = mapped_column(String(32))
    endpoint: Mapped[str] = mapped_column(String(32))
    status: Mapped[str] = mapped_column(String(16))
    end_reason: Mapped[str | None] = mapped_column(String(32))
    attached: Mapped[bool] = mapped_column(Boolean)
    interrupt_on_disconnect: Mapped[bool] = mapped_column(Boolean)
    generation: Mapped[int] = mapped_column(Integer, default=1)
    takeovers: Mapped[int] = mapped_column(Integer, default=0)
    takeovers_since_step: Mapped[int] = mapped_column(Integer, default=0)
    lease_owner: Mapped[str | None] = mapped_column(String(64))
    lease_expires_at: Mapped[float | None] = mapped_column(Float)
    read_until: Mapped[float | None] = mapped_column(Float)
    """Till when a process that does not work on it counts as reading it, epoch seconds (stream-runtime.md 6.4)."""
    waiting: Mapped[dict[str, Any] | None] = mapped_column(Json)
    warnings: Mapped[list[dict[str, Any]]] = mapped_column(Json)
    usage: Mapped[dict[str, Any]] = mapped_column(Json)
    cost: Mapped[str | None] = mapped_column(String(40))
    currency: Mapped[str | None] = mapped_column(String(8))
    error_info: Mapped[dict[str, Any] | None] = mapped_column(Json)
    line_count: Mapped[int | None] = mapped_column(Integer)
    stored_lines: Mapped[int] = mapped_column(Integer, default=0)
    """Lines of the log whose messages are in the message store; the two advance in one transaction."""
    archived: Mapped[bool] = mapped_column(Boolean, default=False, server_default=false())
    """An edit or rerun took messages of it away; it is read by its id only (stream-runtime.md 6.5)."""
    query: Mapped[str] = mapped_column(Text)
    stop_reason: Mapped[str | None] = mapped_column(String(32))
    stop_note: Mapped[str | None] = mapped_column(Text)
    input_sealed: Mapped[str | None] = mapped_column(Sealed("run_id", inner="mcp_extra"))
    created_at: Mapped[datetime] = mapped_column(UtcTime)
    started_at: Mapped[datetime | None] = mapped_column(UtcTime)
    ended_at: Mapped[datetime | None] = mapped_column(UtcTime)
    last_activity: Mapped[float] = mapped_column(Float)
    waited_seconds: Mapped[float | None] = mapped_column(Float)
    """How long nobody worked on it: it waited for a person, or for a process to take it up."""


class RunStepRow(Row):
    """One model call or one tool call (stream-runtime.md 6.9, step ledger)."""

    __tablename__ = "run_steps"

    run_id: Mapped[str] = mapped_column(String(36), primary_key=True)
    step_id: Mapped[str] = mapped_column(String(160), primary_key=True)
    position: Mapped[int] = mapped_column(Integer)
    kind: Mapped[str] = mapped_column(String(16))
    name: Mapped[str] = mapped_column(String(160))
    status: Mapped[str] = mapped_column(String(16))
    effect: Mapped[str | None] = mapped_column(String(16))
    arguments: Mapped[str | None] = mapped_column(Text)
    detail: Mapped[dict[str, Any]] = mapped_column(Json)
    attempt: Mapped[int] = mapped_column(Integer, default=1)
    line_from: Mapped[int | None] = mapped_column(Integer)
    line_to: Mapped[int | None] = mapped_column(Integer)
    started_at: Mapped[float] = mapped_column(Float)
    ended_at: Mapped[float | None] = mapped_column(Float)


class IdempotencyKeyRow(Row):
    """A key a client sent with a start, per user (stream-runtime.md 6.8)."""

    __tablename__ = "idempotency_keys"

    user_id: Mapped[str] = mapped_column(String(64), primary_key=True)
    key: Mapped[str] = mapped_column(String(255), primary_key=True)
    content_hash: Mapped[str] = mapped_column(String(64))
    run_id: Mapped[str] = mapped_column(String(36), index=True)
    created_at: Mapped[datetime] = mapped_column(UtcTime)
