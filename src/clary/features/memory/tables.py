"""Rows of notes."""

from datetime import datetime

from sqlalchemy import BigInteger, Integer, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from clary.db.columns import Row, UtcTime

BIG = BigInteger().with_variant(Integer, "sqlite")


class NoteRow(Row):
    """One note. `source`: who made it, `user` or `agent`; `row_id` rises with age."""

    __tablename__ = "memory_notes"
    __table_args__ = (UniqueConstraint("user_id", "agent_id", "content_hash"),)

    row_id: Mapped[int] = mapped_column(BIG, primary_key=True, autoincrement=True)
    note_id: Mapped[str] = mapped_column(String(64), unique=True)
    user_id: Mapped[str] = mapped_column(String(64))
    agent_id: Mapped[str] = mapped_column(String(64), index=True)
    content: Mapped[str] = mapped_column(Text)
    content_hash: Mapped[str] = mapped_column(String(64))
    """SHA-256 of the content: one text is one note, which the database enforces."""
    source: Mapped[str] = mapped_column(String(8))
    session_id: Mapped[str | None] = mapped_column(String(128))
    """The conversation in which an agent made it."""
    created_at: Mapped[datetime] = mapped_column(UtcTime)
    updated_at: Mapped[datetime] = mapped_column(UtcTime)
