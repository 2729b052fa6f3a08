"""Rows of knowledge bases, their index versions, documents, texts, passages, questions and evaluations."""

from datetime import datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    String,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from clary.db.columns import Json, Row, UtcTime

BIG = BigInteger().with_variant(Integer, "sqlite")


def _folded_name(context: Any) -> str:
    return context.get_current_parameters()["name"].casefold()


class KnowledgeBaseRow(Row):
    """One knowledge base. `settings`: `kdbSetting` as the person sees it (contract product 5.3).

    `change_number` counts every change of what searches can find; whoever keeps derived files follows it.
    `forgotten_change`: removals up to this one may be forgotten; who has followed less far begins from nothing.
    `index_version` answers queries. `warning`: what the question set says of the newest version.
    """

    __tablename__ = "knowledge_bases"
    __table_args__ = (Index("ix_knowledge_bases_owner", "owner_id", "created_at"),)

    id: Mapped[str] = mapped_column(String(64), primary_key=True)
    owner_id: Mapped[str] = mapped_column(String(64))
    name: Mapped[str] = mapped_column(String(128))
    type: Mapped[str] = mapped_column(String(52))
    intro: Mapped[str] = mapped_column(Text)
    index_name: Mapped[str] = mapped_column(String(64), unique=True)
    settings: Mapped[dict[str, Any]] = mapped_column(Json)
    index_version: Mapped[int] = mapped_column(Integer)
    change_number: Mapped[int] = mapped_column(BIG)
    forgotten_change: Mapped[int] = mapped_column(BIG, server_default="0")
    warning: Mapped[dict[str, Any] | None] = mapped_column(Json)
    queried_at: Mapped[datetime | None] = mapped_column(UtcTime)
    created_at: Mapped[datetime] = mapped_column(UtcTime)
    updated_at: Mapped[datetime] = mapped_column(UtcTime)


class KnowledgeIndexRow(Row):
    """One version of a base's index. The base's `index_version` answers; a higher one is being built beside it.

    `embedding`: `{mode, provider_id?, model, dims}` as resolved when the version was made (`mode` `none`: words only);
    `chunk`: `{target_chars, overlap_chars}`; `analyzer_version`: of the words its passages are found by. `task_id`
    names the rebuild to the person; `error` says why it failed, or why no other version follows the one that answers.
    """

    __tablename__ = "knowledge_indexes"

    kdb_id: Mapped[str] = mapped_column(
        String(64), ForeignKey("knowledge_bases.id", ondelete="CASCADE"), primary_key=True
    )
    version: Mapped[int] = mapped_column(Integer, primary_key=True)
    state: Mapped[str] = mapped_column(String(16))
    progress: Mapped[int] = mapped_column(Integer)
    embedding: Mapped[dict[str, Any]] = mapped_column(Json)
    chunk: Mapped[dict[str, Any]] = mapped_column(Json)
    analyzer_version: Mapped[int] = mapped_column(Integer, server_default="1")
    task_id: Mapped[str | None] = mapped_column(String(64))
    error: Mapped[dict[str, Any] | None] = mapped_column(Json)
    created_at: Mapped[datetime] = mapped_column(UtcTime)


class KnowledgeTaskRow(Row):
    """The documents of one upload or redo have its name; the row stays when they are gone."""

    __tablename__ = "knowledge_tasks"

    id: Mapped[str] = mapped_column(String(64), primary_key=True)
    kdb_id: Mapped[str] = mapped_column(String(64), ForeignKey("knowledge_bases.id", ondelete="CASCADE"), index=True)
    created_at: Mapped[datetime] = mapped_column(UtcTime)


class KnowledgeDocumentRow(Row):
    """One file. `status` 0 pending, 1 processing, 2 success, 3 failed (contract product 5.5).

    `generation` rises with every claim, redo and cancel; a late attempt holds an older one and writes nothing. `due_at`
    and `lease_expires_at` are epoch seconds. `replaces_id`: the document this one takes the place of once it is ready.
    `place` is its order within its upload; `file_key` names the original in the store, None: its bytes are not kept.
    `text_ready`: a text of an earlier attempt is there and searchable, whatever the status says. `losses`: attempts
    that ended with their process. `name_folded`: the name for searching, case-folded; None in rows that are older.
    """

    __tablename__ = "knowledge_documents"
    __table_args__ = (
        Index("ix_knowledge_documents_list", "kdb_id", "created_at", "place"),
        Index("ix_knowledge_documents_task", "task_id", "status"),
        Index("ix_knowledge_documents_queue", "status", "owner_id", "created_at", "place", "due_at"),
        # How much an owner has stored, without a look at the rows.
        Index(
            "ix_knowledge_documents_kept",
            "owner_id",
            "size",
            sqlite_where=text("file_key IS NOT NULL"),
            postgresql_where=text("file_key IS NOT NULL"),
        ),
        Index("ix_knowledge_documents_name", "kdb_id", "name"),
    )

    id: Mapped[str] = mapped_column(String(64), primary_key=True)
    kdb_id: Mapped[str] = mapped_column(String(64), ForeignKey("knowledge_bases.id", ondelete="CASCADE"))
    owner_id: Mapped[str] = mapped_column(String(64))
    task_id: Mapped[str] = mapped_column(String(64))
    place: Mapped[int] = mapped_column(Integer)
    name: Mapped[str] = mapped_column(String(255))
    name_folded: Mapped[str | None] = mapped_column(Text, default=_folded_name)
    extension: Mapped[str] = mapped_column(String(16))
    size: Mapped[int] = mapped_column(BIG)
    file_key: Mapped[str | None] = mapped_column(String(255))
    replaces_id: Mapped[str | None] = mapped_column(String(64))
    status: Mapped[int] = mapped_column(Integer)
    outcome: Mapped[str | None] = mapped_column(String(16))
    error_kind: Mapped[str | None] = mapped_column(String(16))
    progress: Mapped[int] = mapped_column(Integer)
    attempts: Mapped[int] = mapped_column(Integer)
    losses: Mapped[int] = mapped_column(Integer)
    generation: Mapped[int] = mapped_column(Integer)
    due_at: Mapped[float] = mapped_column(Float(53))
    lease_owner: Mapped[str | None] = mapped_column(String(64))
    lease_expires_at: Mapped[float | None] = mapped_column(Float(53))
    text_ready: Mapped[bool] = mapped_column(Boolean)
    passages: Mapped[int] = mapped_column(Integer)
    pages: Mapped[int | None] = mapped_column(Integer)
    vectors: Mapped[str] = mapped_column(String(16))
    details: Mapped[dict[str, Any]] = mapped_column(Json)
    created_at: Mapped[datetime] = mapped_column(UtcTime)
    updated_at: Mapped[datetime] = mapped_column(UtcTime)


class KnowledgeTextRow(Row):
    """The text of a document, and where its pages, headings, parts and tables are: offsets in characters.

    `layout`: `{pages, headings, parts, tables, rows}` so that passages can be cut anew without the
    original. Changes together with the passages.
    """

    __tablename__ = "knowledge_texts"

    doc_id: Mapped[str] = mapped_column(
        String(64), ForeignKey("knowledge_documents.id", ondelete="CASCADE"), primary_key=True
    )
    text: Mapped[str] = mapped_column(Text, deferred=True, deferred_raiseload=True)
    total_chars: Mapped[int] = mapped_column(Integer)
    layout: Mapped[dict[str, Any]] = mapped_column(Json, deferred=True, deferred_raiseload=True)


class KnowledgePassageRow(Row):
    """One indexed piece of a document, in one version of its base's index.

    `number` never comes back after a deletion; derived files know passages by it. `change` is the base's change number
    of its last write. `context` (heading path, QA: nothing) is searched with the text but is not part of it; `tokens`
    are the analyzed words of both. `vector`: float16, little endian; None while it is pending, empty where the model
    refuses the text.
    """

    __tablename__ = "knowledge_passages"
    __table_args__ = (
        UniqueConstraint("kdb_id", "version", "id"),
        Index("ix_knowledge_passages_change", "kdb_id", "version", "change"),
        Index("ix_knowledge_passages_doc", "doc_id", "version", "place"),
        {"sqlite_autoincrement": True},
    )

    number: Mapped[int] = mapped_column(BIG, primary_key=True, autoincrement=True)
    id: Mapped[str] = mapped_column(String(64), index=True)
    kdb_id: Mapped[str] = mapped_column(String(64), ForeignKey("knowledge_bases.id", ondelete="CASCADE"))
    version: Mapped[int] = mapped_column(Integer)
    doc_id: Mapped[str] = mapped_column(String(64), ForeignKey("knowledge_documents.id", ondelete="CASCADE"))
    place: Mapped[int] = mapped_column(Integer)
    start: Mapped[int] = mapped_column(Integer)
    end: Mapped[int] = mapped_column(Integer)
    text: Mapped[str] = mapped_column(Text)
    text_hash: Mapped[str] = mapped_column(String(64))
    context: Mapped[str] = mapped_column(Text)
    page: Mapped[int | None] = mapped_column(Integer)
    part: Mapped[str | None] = mapped_column(String(255))
    heading_path: Mapped[list[str]] = mapped_column(Json)
    details: Mapped[dict[str, Any]] = mapped_column(Json)
    tokens: Mapped[str] = mapped_column(Text, deferred=True, deferred_raiseload=True)
    vector: Mapped[bytes | None] = mapped_column(LargeBinary, deferred=True, deferred_raiseload=True)
    change: Mapped[int] = mapped_column(BIG)


class KnowledgeRemovalRow(Row):
    """A passage that is gone, for those who follow changes; forgotten after a day (`forgotten_change` of its base)."""

    __tablename__ = "knowledge_removals"
    __table_args__ = (Index("ix_knowledge_removals_change", "kdb_id", "version", "change"),)

    number: Mapped[int] = mapped_column(BIG, primary_key=True, autoincrement=False)
    kdb_id: Mapped[str] = mapped_column(String(64), ForeignKey("knowledge_bases.id", ondelete="CASCADE"))
    version: Mapped[int] = mapped_column(Integer)
    change: Mapped[int] = mapped_column(BIG)
    removed_at: Mapped[datetime] = mapped_column(UtcTime)


class KnowledgeQuestionRow(Row):
    """A question of a base's question set. `expected`: `[{doc_id?, doc_name?, contains?}]`."""

    __tablename__ = "knowledge_questions"
    __table_args__ = (Index("ix_knowledge_questions_base", "kdb_id", "place"),)

    id: Mapped[str] = mapped_column(String(64), primary_key=True)
    kdb_id: Mapped[str] = mapped_column(String(64), ForeignKey("knowledge_bases.id", ondelete="CASCADE"))
    place: Mapped[int] = mapped_column(Integer)
    question: Mapped[str] = mapped_column(Text)
    expected: Mapped[list[dict[str, Any]]] = mapped_column(Json)


class KnowledgeEvaluationRow(Row):
    """One run of the question set. `missed`: `[{id, question}]`; `recall` and `mrr` are there when it has ended.

    `top_k`, `mode`: how it was asked; only runs that were asked alike are compared.
    """

    __tablename__ = "knowledge_evaluations"
    __table_args__ = (Index("ix_knowledge_evaluations_base", "kdb_id", "created_at"),)

    id: Mapped[str] = mapped_column(String(64), primary_key=True)
    kdb_id: Mapped[str] = mapped_column(String(64), ForeignKey("knowledge_bases.id", ondelete="CASCADE"))
    status: Mapped[str] = mapped_column(String(16))
    trigger: Mapped[str] = mapped_column(String(16))
    index_version: Mapped[int] = mapped_column(Integer)
    top_k: Mapped[int | None] = mapped_column(Integer)
    mode: Mapped[str | None] = mapped_column(String(16))
    questions: Mapped[int] = mapped_column(Integer)
    recall: Mapped[float | None] = mapped_column(Float(53))
    mrr: Mapped[float | None] = mapped_column(Float(53))
    missed: Mapped[list[dict[str, Any]]] = mapped_column(Json)
    created_at: Mapped[datetime] = mapped_column(UtcTime)
