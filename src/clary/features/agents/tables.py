"""Rows of agents and of their saved versions."""

from datetime import datetime
from typing import Any

from sqlalchemy import Boolean, ForeignKey, Index, Integer, String, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from clary.db.columns import Json, Row, UtcTime

BUDGETED = text("budget IS NOT NULL")


class AgentRow(Row):
    """One agent. `configuration` holds every field of the wire that has no column of its own, under its wire name."""

    __tablename__ = "agents"
    __table_args__ = (
        UniqueConstraint("owner_id", "name"),
        # Few have one, and who asks is asked before each call of a model.
        Index("ix_agents_budgeted", "id", sqlite_where=BUDGETED, postgresql_where=BUDGETED),
    )

    id: Mapped[str] = mapped_column(String(64), primary_key=True)
    owner_id: Mapped[str] = mapped_column(String(64))
    name: Mapped[str] = mapped_column(String(100))
    is_default: Mapped[bool] = mapped_column(Boolean)
    llm_provider_id: Mapped[str | None] = mapped_column(String(64), index=True)
    fast_llm_provider_id: Mapped[str | None] = mapped_column(String(64), index=True)
    configuration: Mapped[dict[str, Any]] = mapped_column(Json)
    budget: Mapped[dict[str, Any] | None] = mapped_column(Json)
    version: Mapped[int] = mapped_column(Integer)
    created_at: Mapped[datetime] = mapped_column(UtcTime)
    updated_at: Mapped[datetime] = mapped_column(UtcTime)


class AgentVersionRow(Row):
    """One saved state of an agent: its whole configuration under wire names, and the fields that changed."""

    __tablename__ = "agent_versions"

    agent_id: Mapped[str] = mapped_column(String(64), ForeignKey("agents.id", ondelete="CASCADE"), primary_key=True)
    version: Mapped[int] = mapped_column(Integer, primary_key=True)
    author_id: Mapped[str] = mapped_column(String(64))
    configuration: Mapped[dict[str, Any]] = mapped_column(Json)
    changed: Mapped[list[str]] = mapped_column(Json)
    created_at: Mapped[datetime] = mapped_column(UtcTime)
