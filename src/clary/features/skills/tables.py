"""Rows of skills and of their stored versions."""

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Integer, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from clary.db.columns import Json, Row, UtcTime


class SkillRow(Row):
    """One skill. `place`: its owner's id, its agent's id, or "" for the server; `name_key`: the name as compared.

    `approved_hash`: the version in use; `newest_hash`: the one that came last; `pending_hash`: the one that waits.
    """

    __tablename__ = "skills"
    __table_args__ = (UniqueConstraint("dimension", "place", "name_key"),)

    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    dimension: Mapped[str] = mapped_column(String(8))
    place: Mapped[str] = mapped_column(String(64))
    name_key: Mapped[str] = mapped_column(String(256))
    approved_hash: Mapped[str | None] = mapped_column(String(64))
    newest_hash: Mapped[str] = mapped_column(String(64))
    pending_hash: Mapped[str | None] = mapped_column(String(64))
    created_at: Mapped[datetime] = mapped_column(UtcTime)
    updated_at: Mapped[datetime] = mapped_column(UtcTime)


class SkillVersionRow(Row):
    """One stored version: what its front matter says, what is in it, what the scan found, and who let it in.

    `number` counts up per skill. `decider`: who may approve it while it waits, `owner` or `admin`. `details`: what the
    front matter says beside name and description, and what in it can be executed. `files`: `{path, size, executable}`.
    """

    __tablename__ = "skill_versions"

    skill_id: Mapped[str] = mapped_column(String(32), ForeignKey("skills.id", ondelete="CASCADE"), primary_key=True)
    hash: Mapped[str] = mapped_column(String(64), primary_key=True, index=True)
    number: Mapped[int] = mapped_column(Integer)
    name: Mapped[str] = mapped_column(String(64))
    description: Mapped[str] = mapped_column(Text)
    state: Mapped[str] = mapped_column(String(16))
    decider: Mapped[str | None] = mapped_column(String(8))
    size: Mapped[int] = mapped_column(Integer)
    file_count: Mapped[int] = mapped_column(Integer)
    details: Mapped[dict[str, Any]] = mapped_column(Json)
    files: Mapped[list[dict[str, Any]]] = mapped_column(Json, deferred=True, deferred_raiseload=True)
    findings: Mapped[list[dict[str, Any]]] = mapped_column(Json, deferred=True, deferred_raiseload=True)
    source: Mapped[str] = mapped_column(String(8))
    source_url: Mapped[str | None] = mapped_column(Text)
    approved_by: Mapped[str | None] = mapped_column(String(64))
    approved_at: Mapped[datetime | None] = mapped_column(UtcTime)
    created_at: Mapped[datetime] = mapped_column(UtcTime)
