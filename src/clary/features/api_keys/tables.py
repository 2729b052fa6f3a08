"""Rows of API keys."""

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, String, text
from sqlalchemy.orm import Mapped, mapped_column

from clary.db.columns import Json, Row, UtcTime

BUDGETED = text("budget IS NOT NULL")


class ApiKeyRow(Row):
    """One key. After a rotation the old secret may work for a while (`old_hash`, `old_until`)."""

    __tablename__ = "api_keys"
    __table_args__ = (
        # Most keys have none, and who asks is asked before each call of a model.
        Index("ix_api_keys_budgeted", "id", sqlite_where=BUDGETED, postgresql_where=BUDGETED),
    )

    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    user_id: Mapped[str] = mapped_column(ForeignKey("users.user_id", ondelete="CASCADE"), index=True)
    name: Mapped[str] = mapped_column(String(64))
    prefix: Mapped[str] = mapped_column(String(8))
    secret_hash: Mapped[str] = mapped_column(String(64), unique=True)
    old_hash: Mapped[str | None] = mapped_column(String(64), unique=True)
    old_until: Mapped[datetime | None] = mapped_column(UtcTime)
    scopes: Mapped[list[str]] = mapped_column(Json)
    agent_ids: Mapped[list[str]] = mapped_column(Json)
    addresses: Mapped[list[str]] = mapped_column(Json)
    budget: Mapped[dict[str, Any] | None] = mapped_column(Json)
    expires_at: Mapped[datetime | None] = mapped_column(UtcTime)
    created_at: Mapped[datetime] = mapped_column(UtcTime)
    last_used_at: Mapped[datetime | None] = mapped_column(UtcTime)
    last_used_address: Mapped[str | None] = mapped_column(String(64))
