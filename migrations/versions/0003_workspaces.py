"""Workspaces."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Forward."""
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
