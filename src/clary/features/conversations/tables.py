"""Rows of the slice."""

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, Boolean, Float, ForeignKey, Index, Integer, String, Text, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from clary.db.columns import Json, Row, UtcTime

BIG = BigInteger().with_variant(Integer, "sqlite")
LISTED = text("parent_id IS NULL")


class ConversationRow(Row):
    """One conversation; `session_id` is unique per owner only."""

    __tablename__ = "conversations"
    __table_args__ = (
        UniqueConstraint("user_id", "session_id"),
        # `parent_id` is in them so that SQLite counts in the index alone.
        Index(
            "ix_conversations_user_listed",
            "user_id",
            "updated_at",
            "parent_id",
            sqlite_where=LISTED,
            postgresql_where=LISTED,
        ),
        Index("ix_conversations_listed", "updated_at", "parent_id", sqlite_where=LISTED, postgresql_where=LISTED),
        Index("ix_conversations_session", "session_id"),
        # A deleted conversation's key never names another one: who still holds it must find nothing.
        {"sqlite_autoincrement": True},
    )

    conversation_id: Mapped[int] = mapped_column(BIG, primary_key=True, autoincrement=True)
    user_id: Mapped[str] = mapped_column(String(64))
    session_id: Mapped[str] = mapped_column(String(192))
    parent_id: Mapped[int | None] = mapped_column(BIG, index=True)
    """The conversation whose agent started this one; children are in no list (product.md 2.1)."""
    agent_id: Mapped[str] = mapped_column(String(64))
    agent_name: Mapped[str] = mapped_column(String(128))
    title: Mapped[str] = mapped_column(String(255))
    title_message_id: Mapped[str | None] = mapped_column(String(128))
    title_folded: Mapped[str] = mapped_column(Text)
    user_count: Mapped[int] = mapped_column(Integer, default=0)
    agent_count: Mapped[int] = mapped_column(Integer, default=0)
    system_context: Mapped[dict[str, Any]] = mapped_column(Json)
    interrupt_note: Mapped[str | None] = mapped_column(Text)
    """What the person said when interrupting; shown once to the next run's model."""
    link_off: Mapped[bool] = mapped_column(Boolean, default=False)
    """The owner withdrew the share; counts in share mode `link` (product.md 2.3)."""
    created_at: Mapped[datetime] = mapped_column(UtcTime)
    updated_at: Mapped[datetime] = mapped_column(UtcTime)


class MessageRow(Row):
    """A stored part of a turn, in the order of `row_id`."""

    __tablename__ = "messages"
    __table_args__ = (UniqueConstraint("conversation_id", "message_id"),)

    row_id: Mapped[int] = mapped_column(BIG, primary_key=True, autoincrement=True)
    conversation_id: Mapped[int] = mapped_column(ForeignKey("conversations.conversation_id"), index=True)
    run_id: Mapped[str] = mapped_column(String(36), index=True)
    message_id: Mapped[str] = mapped_column(String(128))
    role: Mapped[str] = mapped_column(String(16))
    type: Mapped[str] = mapped_column(String(32))
    content: Mapped[Any] = mapped_column(Json, nullable=True)
    tool_calls: Mapped[list[dict[str, Any]] | None] = mapped_column(Json)
    tool_call_id: Mapped[str | None] = mapped_column(String(160))
    is_error: Mapped[bool] = mapped_column(Boolean, default=False)
    agent_name: Mapped[str | None] = mapped_column(String(128))
    details: Mapped[dict[str, Any]] = mapped_column("metadata", Json)
    error_info: Mapped[dict[str, Any] | None] = mapped_column(Json)
    timestamp: Mapped[float] = mapped_column(Float)
    updated_at: Mapped[float | None] = mapped_column(Float)
    response_id: Mapped[str | None] = mapped_column(String(36))
    """Names the model response that text, reasoning and calls came from; they are one message to the model."""
    model_text: Mapped[str | None] = mapped_column(Text)
    """What the model sees where it differs from `content` (tool results)."""
    hidden_from_model: Mapped[bool | None] = mapped_column(Boolean)
    """Shown to people only: the server's own questions about a call (stream-runtime.md 9.13)."""
    folded: Mapped[str] = mapped_column(Text, default="")
    """Visible text for searching: case-folded; empty for tool messages."""
    archived: Mapped[bool] = mapped_column(Boolean, default=False)


class TodoRow(Row):
    """One item of a conversation's task list (stream-runtime.md 9.6)."""

    __tablename__ = "todos"

    conversation_id: Mapped[int] = mapped_column(ForeignKey("conversations.conversation_id"), primary_key=True)
    item_id: Mapped[str] = mapped_column(String(128), primary_key=True)
    position: Mapped[int] = mapped_column(Integer)
    content: Mapped[str] = mapped_column(Text)
    status: Mapped[str] = mapped_column(String(16))
    conclusion: Mapped[str] = mapped_column(Text, default="")
    created_at: Mapped[datetime] = mapped_column(UtcTime)
    updated_at: Mapped[datetime] = mapped_column(UtcTime)


class CompactionRow(Row):
    """A summary that stands for stored messages in the model's view (stream-runtime.md 9.8)."""

    __tablename__ = "compactions"

    compaction_id: Mapped[int] = mapped_column(BIG, primary_key=True, autoincrement=True)
    conversation_id: Mapped[int] = mapped_column(ForeignKey("conversations.conversation_id"), index=True)
    summary: Mapped[str] = mapped_column(Text)
    covers_from: Mapped[int] = mapped_column(BigInteger)
    covers_to: Mapped[int] = mapped_column(BigInteger)
    """First and last `row_id` it stands for."""
    model: Mapped[str] = mapped_column(String(255))
    created_at: Mapped[datetime] = mapped_column(UtcTime)


class ShareRow(Row):
    """A conversation that may be read without a login (product.md 2.3)."""

    __tablename__ = "shares"

    share_id: Mapped[str] = mapped_column(String(64), primary_key=True)
    conversation_id: Mapped[int] = mapped_column(ForeignKey("conversations.conversation_id"), unique=True)
    session_id: Mapped[str] = mapped_column(String(128), unique=True)
    secret: Mapped[bool] = mapped_column(Boolean, default=False)
    expires_at: Mapped[datetime | None] = mapped_column(UtcTime)
    created_at: Mapped[datetime] = mapped_column(UtcTime)


class SourceRow(Row):
    """A passage of a document that a model of this conversation, or of a child of it, was given (product.md 5.10).

    `ref` counts within the root conversation. `shown`: the result that gave it is recorded; a number that a crash left
    without one was never seen by a model. What was searched may be gone since: these are copies.
    """

    __tablename__ = "sources"
    __table_args__ = (UniqueConstraint("conversation_id", "doc_segment_id", "start", "end"),)

    conversation_id: Mapped[int] = mapped_column(ForeignKey("conversations.conversation_id"), primary_key=True)
    ref: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    kdb_id: Mapped[str] = mapped_column(String(64))
    doc_id: Mapped[str] = mapped_column(String(64))
    doc_segment_id: Mapped[str] = mapped_column(String(64))
    title: Mapped[str] = mapped_column(String(255))
    page: Mapped[int | None] = mapped_column(Integer)
    start: Mapped[int] = mapped_column(Integer)
    end: Mapped[int] = mapped_column(Integer)
    shown: Mapped[bool] = mapped_column(Boolean, default=False)


class CitationRow(Row):
    """A marker `[n]` in an answer. `ref`: the source it names, as known when the answer was stored; None: nobody's."""

    __tablename__ = "citations"
    __table_args__ = (Index("ix_citations_message", "conversation_id", "message_id"),)

    citation_id: Mapped[int] = mapped_column(BIG, primary_key=True, autoincrement=True)
    conversation_id: Mapped[int] = mapped_column(ForeignKey("conversations.conversation_id"))
    message_id: Mapped[str] = mapped_column(String(128))
    run_id: Mapped[str] = mapped_column(String(36))
    n: Mapped[int] = mapped_column(BigInteger)
    ref: Mapped[int | None] = mapped_column(Integer)
