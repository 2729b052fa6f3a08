"""Rows of tasks and of their starts."""

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, Boolean, Index, Integer, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from clary.db.columns import Json, Row, UtcTime

BIG = BigInteger().with_variant(Integer, "sqlite")


class TaskRow(Row):
    """One task (platform.md 15.2). `row_id` rises with age; `status` follows from `enabled`, `closed` and its runs."""

    __tablename__ = "scheduled_tasks"
    __table_args__ = (
        Index("ix_scheduled_tasks_due", "next_run_at", "row_id"),
        Index("ix_scheduled_tasks_user", "user_id", "next_run_at"),
    )

    row_id: Mapped[int] = mapped_column(BIG, primary_key=True, autoincrement=True)
    task_id: Mapped[str] = mapped_column(String(32), unique=True)
    user_id: Mapped[str] = mapped_column(String(64))
    name: Mapped[str] = mapped_column(String(100))
    description: Mapped[str] = mapped_column(Text)
    folded: Mapped[str] = mapped_column(Text)
    """Name and description, for the search."""
    agent_id: Mapped[str] = mapped_column(String(64))
    schedule: Mapped[str] = mapped_column(String(256))
    is_recurring: Mapped[bool] = mapped_column(Boolean)
    timezone: Mapped[str] = mapped_column(String(64))
    enabled: Mapped[bool] = mapped_column(Boolean)
    closed: Mapped[str | None] = mapped_column(String(16))
    """`completed`: by its owner, for ever; `ran`, `failed`: its one time has passed. It is not due."""
    status: Mapped[str] = mapped_column(String(16))
    session_mode: Mapped[str] = mapped_column(String(8))
    session_id: Mapped[str | None] = mapped_column(String(128))
    max_retries: Mapped[int] = mapped_column(Integer)
    missed: Mapped[str] = mapped_column(String(16))
    overlap: Mapped[str] = mapped_column(String(8))
    run_options: Mapped[dict[str, Any]] = mapped_column(Json)
    next_run_at: Mapped[datetime | None] = mapped_column(UtcTime)
    last_run_at: Mapped[datetime | None] = mapped_column(UtcTime)
    last_status: Mapped[str | None] = mapped_column(String(64))
    run_count: Mapped[int] = mapped_column(Integer)
    failure_count: Mapped[int] = mapped_column(Integer)
    created_by: Mapped[str] = mapped_column(String(8))
    made_in_run: Mapped[str | None] = mapped_column(String(36), index=True)
    """The run whose agent made it."""
    created_at: Mapped[datetime] = mapped_column(UtcTime)
    updated_at: Mapped[datetime] = mapped_column(UtcTime)


class TaskRunRow(Row):
    """One start, or one that did not happen. The claim of a due time is this row: the database lets one through."""

    __tablename__ = "task_runs"
    __table_args__ = (
        UniqueConstraint("task_id", "scheduled_for", "attempt"),
        Index("ix_task_runs_status", "status", "not_before"),
    )

    row_id: Mapped[int] = mapped_column(BIG, primary_key=True, autoincrement=True)
    task_run_id: Mapped[str] = mapped_column(String(36), unique=True)
    task_id: Mapped[str] = mapped_column(String(32))
    scheduled_for: Mapped[datetime] = mapped_column(UtcTime)
    trigger: Mapped[str] = mapped_column(String(16))
    attempt: Mapped[int] = mapped_column(Integer)
    status: Mapped[str] = mapped_column(String(16))
    not_before: Mapped[datetime | None] = mapped_column(UtcTime)
    """When one that is queued may start."""
    run_id: Mapped[str | None] = mapped_column(String(36))
    session_id: Mapped[str | None] = mapped_column(String(128))
    error: Mapped[str | None] = mapped_column(String(64))
    started_at: Mapped[datetime | None] = mapped_column(UtcTime)
    ended_at: Mapped[datetime | None] = mapped_column(UtcTime, index=True)
