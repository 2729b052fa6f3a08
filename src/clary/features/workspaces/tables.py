"""Rows of workspaces with a saved agent, and of archives that were imported."""

from datetime import datetime
from typing import Any

from sqlalchemy import String
from sqlalchemy.orm import Mapped, mapped_column

from clary.db.columns import Json, Row, UtcTime


class WorkspaceRow(Row):
    """The folder of a person's agent. `ends_at` is set when the agent is deleted: then the folder goes."""

    __tablename__ = "workspaces"

    folder: Mapped[str] = mapped_column(String(40), primary_key=True)
    user_id: Mapped[str] = mapped_column(String(64), index=True)
    agent_id: Mapped[str] = mapped_column(String(64), index=True)
    created_at: Mapped[datetime] = mapped_column(UtcTime)
    ends_at: Mapped[datetime | None] = mapped_column(UtcTime, index=True)


class ArchiveImportRow(Row):
    """What an import with an idempotency key answered."""

    __tablename__ = "workspace_imports"

    folder: Mapped[str] = mapped_column(String(40), primary_key=True)
    key_hash: Mapped[str] = mapped_column(String(64), primary_key=True)
    archive_sha256: Mapped[str] = mapped_column(String(64))
    answer: Mapped[dict[str, Any]] = mapped_column(Json)
    created_at: Mapped[datetime] = mapped_column(UtcTime, index=True)
