"""Knowledge."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Forward."""
    op.create_table(
        "knowledge_bases",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("owner_id", sa.String(length=64), nullable=False),
        sa.Column("name", sa.String(length=128), nullable=False),
        sa.Column("type", sa.String(length=52), nullable=False),
        sa.Column("intro", sa.Text(), nullable=False),
        sa.Column("index_name", sa.String(length=64), nullable=False),
        sa.Column("settings", sa.Text(), nullable=False),
        sa.Column("index_version", sa.Integer(), nullable=False),
        sa.Column("change_number", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("warning", sa.Text(), nullable=True),
        sa.Column("queried_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_knowledge_bases")),
        sa.UniqueConstraint("index_name", name=op.f("uq_knowledge_bases_index_name")),
    )
    with op.batch_alter_table("knowledge_bases", schema=None) as batch_op:
        batch_op.create_index("ix_knowledge_bases_owner", ["owner_id", "created_at"], unique=False)

    op.create_table(
        "citations",
        sa.Column(
            "citation_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False
        ),
        sa.Column("conversation_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("message_id", sa.String(length=128), nullable=False),
        sa.Column("run_id", sa.String(length=36), nullable=False),
        sa.Column("n", sa.BigInteger(), nullable=False),
        sa.Column("ref", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(
            ["conversation_id"],
            ["conversations.conversation_id"],
            name=op.f("fk_citations_conversation_id_conversations"),
        ),
        sa.PrimaryKeyConstraint("citation_id", name=op.f("pk_citations")),
    )
    with op.batch_alter_table("citations", schema=None) as batch_op:
        batch_op.create_index("ix_citations_message", ["conversation_id", "message_id"], unique=False)

    op.create_table(
        "knowledge_documents",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("kdb_id", sa.String(length=64), nullable=False),
        sa.Column("owner_id", sa.String(length=64), nullable=False),
        sa.Column("task_id", sa.String(length=64), nullable=False),
        sa.Column("place", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.Column("extension", sa.String(length=16), nullable=False),
        sa.Column("size", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("file_key", sa.String(length=255), nullable=True),
        sa.Column("replaces_id", sa.String(length=64), nullable=True),
        sa.Column("status", sa.Integer(), nullable=False),
        sa.Column("outcome", sa.String(length=16), nullable=True),
        sa.Column("error_kind", sa.String(length=16), nullable=True),
        sa.Column("progress", sa.Integer(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("losses", sa.Integer(), nullable=False),
        sa.Column("generation", sa.Integer(), nullable=False),
        sa.Column("due_at", sa.Float(precision=53), nullable=False),
        sa.Column("lease_owner", sa.String(length=64), nullable=True),
        sa.Column("lease_expires_at", sa.Float(precision=53), nullable=True),
        sa.Column("text_ready", sa.Boolean(), nullable=False),
        sa.Column("passages", sa.Integer(), nullable=False),
        sa.Column("pages", sa.Integer(), nullable=True),
        sa.Column("vectors", sa.String(length=16), nullable=False),
        sa.Column("details", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["kdb_id"],
            ["knowledge_bases.id"],
            name=op.f("fk_knowledge_documents_kdb_id_knowledge_bases"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_knowledge_documents")),
    )
    with op.batch_alter_table("knowledge_documents", schema=None) as batch_op:
        batch_op.create_index(
            "ix_knowledge_documents_kept",
            ["owner_id", "size"],
            unique=False,
            sqlite_where=sa.text("file_key IS NOT NULL"),
            postgresql_where=sa.text("file_key IS NOT NULL"),
        )
        batch_op.create_index("ix_knowledge_documents_list", ["kdb_id", "created_at", "place"], unique=False)
        batch_op.create_index("ix_knowledge_documents_name", ["kdb_id", "name"], unique=False)
        batch_op.create_index(
            "ix_knowledge_documents_queue", ["status", "owner_id", "created_at", "place", "due_at"], unique=False
        )
        batch_op.create_index("ix_knowledge_documents_task", ["task_id", "status"], unique=False)

    op.create_table(
        "knowledge_evaluations",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("kdb_id", sa.String(length=64), nullable=False),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("trigger", sa.String(length=16), nullable=False),
        sa.Column("index_version", sa.Integer(), nullable=False),
        sa.Column("questions", sa.Integer(), nullable=False),
        sa.Column("recall", sa.Float(precision=53), nullable=True),
        sa.Column("mrr", sa.Float(precision=53), nullable=True),
        sa.Column("missed", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["kdb_id"],
            ["knowledge_bases.id"],
            name=op.f("fk_knowledge_evaluations_kdb_id_knowledge_bases"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_knowledge_evaluations")),
    )
    with op.batch_alter_table("knowledge_evaluations", schema=None) as batch_op:
        batch_op.create_index("ix_knowledge_evaluations_base", ["kdb_id", "created_at"], unique=False)

    op.create_table(
        "knowledge_indexes",
        sa.Column("kdb_id", sa.String(length=64), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("progress", sa.Integer(), nullable=False),
        sa.Column("embedding", sa.Text(), nullable=False),
        sa.Column("chunk", sa.Text(), nullable=False),
        sa.Column("task_id", sa.String(length=64), nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["kdb_id"],
            ["knowledge_bases.id"],
            name=op.f("fk_knowledge_indexes_kdb_id_knowledge_bases"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("kdb_id", "version", name=op.f("pk_knowledge_indexes")),
    )
    op.create_table(
        "knowledge_questions",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("kdb_id", sa.String(length=64), nullable=False),
        sa.Column("place", sa.Integer(), nullable=False),
        sa.Column("question", sa.Text(), nullable=False),
        sa.Column("expected", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["kdb_id"],
            ["knowledge_bases.id"],
            name=op.f("fk_knowledge_questions_kdb_id_knowledge_bases"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_knowledge_questions")),
    )
    with op.batch_alter_table("knowledge_questions", schema=None) as batch_op:
        batch_op.create_index("ix_knowledge_questions_base", ["kdb_id", "place"], unique=False)

    op.create_table(
        "knowledge_removals",
        sa.Column("number", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False),
        sa.Column("kdb_id", sa.String(length=64), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("change", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("removed_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["kdb_id"],
            ["knowledge_bases.id"],
            name=op.f("fk_knowledge_removals_kdb_id_knowledge_bases"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_knowledge_removals")),
    )
    with op.batch_alter_table("knowledge_removals", schema=None) as batch_op:
        batch_op.create_index("ix_knowledge_removals_change", ["kdb_id", "version", "change"], unique=False)

    op.create_table(
        "knowledge_tasks",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("kdb_id", sa.String(length=64), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["kdb_id"],
            ["knowledge_bases.id"],
            name=op.f("fk_knowledge_tasks_kdb_id_knowledge_bases"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_knowledge_tasks")),
    )
    with op.batch_alter_table("knowledge_tasks", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_knowledge_tasks_kdb_id"), ["kdb_id"], unique=False)

    op.create_table(
        "sources",
        sa.Column("conversation_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("ref", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("kdb_id", sa.String(length=64), nullable=False),
        sa.Column("doc_id", sa.String(length=64), nullable=False),
        sa.Column("doc_segment_id", sa.String(length=64), nullable=False),
        sa.Column("title", sa.String(length=255), nullable=False),
        sa.Column("page", sa.Integer(), nullable=True),
        sa.Column("start", sa.Integer(), nullable=False),
        sa.Column("end", sa.Integer(), nullable=False),
        sa.Column("shown", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(
            ["conversation_id"],
            ["conversations.conversation_id"],
            name=op.f("fk_sources_conversation_id_conversations"),
        ),
        sa.PrimaryKeyConstraint("conversation_id", "ref", name=op.f("pk_sources")),
        sa.UniqueConstraint(
            "conversation_id",
            "doc_segment_id",
            "start",
            "end",
            name=op.f("uq_sources_conversation_id_doc_segment_id_start_end"),
        ),
    )
    op.create_table(
        "knowledge_passages",
        sa.Column("number", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("kdb_id", sa.String(length=64), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("doc_id", sa.String(length=64), nullable=False),
        sa.Column("place", sa.Integer(), nullable=False),
        sa.Column("start", sa.Integer(), nullable=False),
        sa.Column("end", sa.Integer(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("text_hash", sa.String(length=64), nullable=False),
        sa.Column("context", sa.Text(), nullable=False),
        sa.Column("page", sa.Integer(), nullable=True),
        sa.Column("part", sa.String(length=255), nullable=True),
        sa.Column("heading_path", sa.Text(), nullable=False),
        sa.Column("details", sa.Text(), nullable=False),
        sa.Column("tokens", sa.Text(), nullable=False),
        sa.Column("vector", sa.LargeBinary(), nullable=True),
        sa.Column("change", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.ForeignKeyConstraint(
            ["doc_id"],
            ["knowledge_documents.id"],
            name=op.f("fk_knowledge_passages_doc_id_knowledge_documents"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["kdb_id"],
            ["knowledge_bases.id"],
            name=op.f("fk_knowledge_passages_kdb_id_knowledge_bases"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_knowledge_passages")),
        sa.UniqueConstraint("kdb_id", "version", "id", name=op.f("uq_knowledge_passages_kdb_id_version_id")),
        sqlite_autoincrement=True,
    )
    with op.batch_alter_table("knowledge_passages", schema=None) as batch_op:
        batch_op.create_index("ix_knowledge_passages_change", ["kdb_id", "version", "change"], unique=False)
        batch_op.create_index("ix_knowledge_passages_doc", ["doc_id", "version", "place"], unique=False)
        batch_op.create_index(batch_op.f("ix_knowledge_passages_id"), ["id"], unique=False)

    op.create_table(
        "knowledge_texts",
        sa.Column("doc_id", sa.String(length=64), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("total_chars", sa.Integer(), nullable=False),
        sa.Column("layout", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["doc_id"],
            ["knowledge_documents.id"],
            name=op.f("fk_knowledge_texts_doc_id_knowledge_documents"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("doc_id", name=op.f("pk_knowledge_texts")),
    )
    with op.batch_alter_table("grants", schema=None) as batch_op:
        batch_op.add_column(sa.Column("permission", sa.String(length=8), nullable=True))


def downgrade() -> None:
    """Back."""
    with op.batch_alter_table("grants", schema=None) as batch_op:
        batch_op.drop_column("permission")

    op.drop_table("knowledge_texts")
    with op.batch_alter_table("knowledge_passages", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_knowledge_passages_id"))
        batch_op.drop_index("ix_knowledge_passages_doc")
        batch_op.drop_index("ix_knowledge_passages_change")

    op.drop_table("knowledge_passages")
    op.drop_table("sources")
    with op.batch_alter_table("knowledge_tasks", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_knowledge_tasks_kdb_id"))

    op.drop_table("knowledge_tasks")
    with op.batch_alter_table("knowledge_removals", schema=None) as batch_op:
        batch_op.drop_index("ix_knowledge_removals_change")

    op.drop_table("knowledge_removals")
    with op.batch_alter_table("knowledge_questions", schema=None) as batch_op:
        batch_op.drop_index("ix_knowledge_questions_base")

    op.drop_table("knowledge_questions")
    op.drop_table("knowledge_indexes")
    with op.batch_alter_table("knowledge_evaluations", schema=None) as batch_op:
        batch_op.drop_index("ix_knowledge_evaluations_base")

    op.drop_table("knowledge_evaluations")
    with op.batch_alter_table("knowledge_documents", schema=None) as batch_op:
        batch_op.drop_index("ix_knowledge_documents_task")
        batch_op.drop_index("ix_knowledge_documents_queue")
        batch_op.drop_index("ix_knowledge_documents_name")
        batch_op.drop_index("ix_knowledge_documents_list")
        batch_op.drop_index(
            "ix_knowledge_documents_kept",
            sqlite_where=sa.text("file_key IS NOT NULL"),
            postgresql_where=sa.text("file_key IS NOT NULL"),
        )

    op.drop_table("knowledge_documents")
    with op.batch_alter_table("citations", schema=None) as batch_op:
        batch_op.drop_index("ix_citations_message")

    op.drop_table("citations")
    with op.batch_alter_table("knowledge_bases", schema=None) as batch_op:
        batch_op.drop_index("ix_knowledge_bases_owner")

    op.drop_table("knowledge_bases")
