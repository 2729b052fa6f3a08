"""Workspaces and memory."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Forward."""
    op.create_table(
        "memory_notes",
        sa.Column("row_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("note_id", sa.String(length=64), nullable=False),
        sa.Column("user_id", sa.String(length=64), nullable=False),
        sa.Column("agent_id", sa.String(length=64), nullable=False),
        sa.Column("content", sa.Text(), nullable=False),
        sa.Column("content_hash", sa.String(length=64), nullable=False),
        sa.Column("source", sa.String(length=8), nullable=False),
        sa.Column("session_id", sa.String(length=128), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("row_id", name=op.f("pk_memory_notes")),
        sa.UniqueConstraint("note_id", name=op.f("uq_memory_notes_note_id")),
        sa.UniqueConstraint(
            "user_id", "agent_id", "content_hash", name=op.f("uq_memory_notes_user_id_agent_id_content_hash")
        ),
    )
    with op.batch_alter_table("memory_notes", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_memory_notes_agent_id"), ["agent_id"], unique=False)

    op.create_table(
        "workspace_imports",
        sa.Column("folder", sa.String(length=40), nullable=False),
        sa.Column("key_hash", sa.String(length=64), nullable=False),
        sa.Column("archive_sha256", sa.String(length=64), nullable=False),
        sa.Column("answer", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("folder", "key_hash", name=op.f("pk_workspace_imports")),
    )
    with op.batch_alter_table("workspace_imports", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_workspace_imports_created_at"), ["created_at"], unique=False)

    op.create_table(
        "workspaces",
        sa.Column("folder", sa.String(length=40), nullable=False),
        sa.Column("user_id", sa.String(length=64), nullable=False),
        sa.Column("agent_id", sa.String(length=64), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ends_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("folder", name=op.f("pk_workspaces")),
    )
    with op.batch_alter_table("workspaces", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_workspaces_agent_id"), ["agent_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_workspaces_ends_at"), ["ends_at"], unique=False)
        batch_op.create_index(batch_op.f("ix_workspaces_user_id"), ["user_id"], unique=False)


def downgrade() -> None:
    """Back."""
    with op.batch_alter_table("workspaces", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_workspaces_user_id"))
        batch_op.drop_index(batch_op.f("ix_workspaces_ends_at"))
        batch_op.drop_index(batch_op.f("ix_workspaces_agent_id"))

    op.drop_table("workspaces")
    with op.batch_alter_table("workspace_imports", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_workspace_imports_created_at"))

    op.drop_table("workspace_imports")
    with op.batch_alter_table("memory_notes", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_memory_notes_agent_id"))

    op.drop_table("memory_notes")
