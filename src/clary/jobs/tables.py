"""The row of a job."""

from datetime import datetime
from typing import Any

from sqlalchemy import Float, Index, Integer, String
from sqlalchemy.orm import Mapped, mapped_column

from clary.db.columns import Json, Row, UtcTime


class JobRow(Row):
    """One job. `due_at` and `lease_expires_at` are epoch seconds; the lease means something while it is running."""

    __tablename__ = "jobs"
    __table_args__ = (
        Index("ix_jobs_queue", "kind", "status", "owner_id", "created_at"),
        Index("ix_jobs_owner", "owner_id", "status"),
        Index("ix_jobs_ended", "ended_at"),
    )

    id: Mapped[str] = mapped_column(String(64), primary_key=True)
    kind: Mapped[str] = mapped_column(String(64))
    owner_id: Mapped[str] = mapped_column(String(64))
    status: Mapped[str] = mapped_column(String(16))
    payload: Mapped[Any] = mapped_column(Json)
    progress: Mapped[int] = mapped_column(Integer)
    step: Mapped[str] = mapped_column(String(64))
    result: Mapped[Any | None] = mapped_column(Json)
    error: Mapped[dict[str, Any] | None] = mapped_column(Json)
    attempts: Mapped[int] = mapped_column(Integer)
    generation: Mapped[int] = mapped_column(Integer)
    due_at: Mapped[float] = mapped_column(Float(53))
    lease_owner: Mapped[str | None] = mapped_column(String(64))
    lease_expires_at: Mapped[float | None] = mapped_column(Float(53))
    created_at: Mapped[datetime] = mapped_column(UtcTime)
    updated_at: Mapped[datetime] = mapped_column(UtcTime)
    ended_at: Mapped[datetime | None] = mapped_column(UtcTime)
