"""Platform."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Forward."""
    op.create_table(
        "file_contents_loose",
        sa.Column("blob", sa.String(length=64), nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("blob", name=op.f("pk_file_contents_loose")),
    )
    with op.batch_alter_table("file_contents_loose", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_file_contents_loose_since"), ["since"], unique=False)

    op.create_table(
        "file_places",
        sa.Column("place", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("place", name=op.f("pk_file_places")),
    )
    op.create_table(
        "releases",
        sa.Column("version", sa.String(length=32), nullable=False),
        sa.Column("release_notes", sa.Text(), nullable=False),
        sa.Column("pub_date", sa.DateTime(timezone=True), nullable=False),
        sa.Column("artifacts", sa.Text(), nullable=False),
        sa.Column("source", sa.String(length=8), nullable=False),
        sa.PrimaryKeyConstraint("version", name=op.f("pk_releases")),
    )
    op.create_table(
        "scheduled_tasks",
        sa.Column("row_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("task_id", sa.String(length=32), nullable=False),
        sa.Column("user_id", sa.String(length=64), nullable=False),
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("folded", sa.Text(), nullable=False),
        sa.Column("agent_id", sa.String(length=64), nullable=False),
        sa.Column("schedule", sa.String(length=256), nullable=False),
        sa.Column("is_recurring", sa.Boolean(), nullable=False),
        sa.Column("timezone", sa.String(length=64), nullable=False),
        sa.Column("enabled", sa.Boolean(), nullable=False),
        sa.Column("closed", sa.String(length=16), nullable=True),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("session_mode", sa.String(length=8), nullable=False),
        sa.Column("session_id", sa.String(length=128), nullable=True),
        sa.Column("max_retries", sa.Integer(), nullable=False),
        sa.Column("missed", sa.String(length=16), nullable=False),
        sa.Column("overlap", sa.String(length=8), nullable=False),
        sa.Column("run_options", sa.Text(), nullable=False),
        sa.Column("next_run_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("last_run_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("last_status", sa.String(length=64), nullable=True),
        sa.Column("run_count", sa.Integer(), nullable=False),
        sa.Column("failure_count", sa.Integer(), nullable=False),
        sa.Column("created_by", sa.String(length=8), nullable=False),
        sa.Column("made_in_run", sa.String(length=36), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("row_id", name=op.f("pk_scheduled_tasks")),
        sa.UniqueConstraint("task_id", name=op.f("uq_scheduled_tasks_task_id")),
    )
    with op.batch_alter_table("scheduled_tasks", schema=None) as batch_op:
        batch_op.create_index("ix_scheduled_tasks_due", ["next_run_at", "row_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_scheduled_tasks_made_in_run"), ["made_in_run"], unique=False)
        batch_op.create_index("ix_scheduled_tasks_user", ["user_id", "next_run_at"], unique=False)

    op.create_table(
        "task_runs",
        sa.Column("row_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("task_run_id", sa.String(length=36), nullable=False),
        sa.Column("task_id", sa.String(length=32), nullable=False),
        sa.Column("scheduled_for", sa.DateTime(timezone=True), nullable=False),
        sa.Column("trigger", sa.String(length=16), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("not_before", sa.DateTime(timezone=True), nullable=True),
        sa.Column("run_id", sa.String(length=36), nullable=True),
        sa.Column("session_id", sa.String(length=128), nullable=True),
        sa.Column("error", sa.String(length=64), nullable=True),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("row_id", name=op.f("pk_task_runs")),
        sa.UniqueConstraint(
            "task_id", "scheduled_for", "attempt", name=op.f("uq_task_runs_task_id_scheduled_for_attempt")
        ),
        sa.UniqueConstraint("task_run_id", name=op.f("uq_task_runs_task_run_id")),
    )
    with op.batch_alter_table("task_runs", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_task_runs_ended_at"), ["ended_at"], unique=False)
        batch_op.create_index("ix_task_runs_status", ["status", "not_before"], unique=False)

    op.create_table(
        "files",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("key", sa.String(length=1024), nullable=False),
        sa.Column("owner_id", sa.String(length=64), nullable=True),
        sa.Column("kind", sa.String(length=8), nullable=False),
        sa.Column("filename", sa.String(length=512), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("content_type", sa.String(length=128), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("blob", sa.String(length=64), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["owner_id"], ["users.user_id"], name=op.f("fk_files_owner_id_users"), ondelete="SET NULL"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_files")),
        sa.UniqueConstraint("blob", name=op.f("uq_files_blob")),
        sa.UniqueConstraint("key", name=op.f("uq_files_key")),
    )
    with op.batch_alter_table("files", schema=None) as batch_op:
        batch_op.create_index("ix_files_owner", ["owner_id", "created_at"], unique=False)

    with op.batch_alter_table("conversations", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_conversations_user_updated"))
        batch_op.create_index(
            "ix_conversations_listed",
            ["updated_at", "parent_id"],
            unique=False,
            sqlite_where=sa.text("parent_id IS NULL"),
            postgresql_where=sa.text("parent_id IS NULL"),
        )
        batch_op.create_index(
            "ix_conversations_user_listed",
            ["user_id", "updated_at", "parent_id"],
            unique=False,
            sqlite_where=sa.text("parent_id IS NULL"),
            postgresql_where=sa.text("parent_id IS NULL"),
        )

    with op.batch_alter_table("knowledge_bases", schema=None) as batch_op:
        batch_op.add_column(
            sa.Column(
                "forgotten_change",
                sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
                server_default="0",
                nullable=False,
            )
        )

    with op.batch_alter_table("knowledge_documents", schema=None) as batch_op:
        batch_op.add_column(sa.Column("name_folded", sa.Text(), nullable=True))

    with op.batch_alter_table("knowledge_evaluations", schema=None) as batch_op:
        batch_op.add_column(sa.Column("top_k", sa.Integer(), nullable=True))
        batch_op.add_column(sa.Column("mode", sa.String(length=16), nullable=True))

    with op.batch_alter_table("knowledge_indexes", schema=None) as batch_op:
        batch_op.add_column(sa.Column("analyzer_version", sa.Integer(), server_default="1", nullable=False))


def downgrade() -> None:
    """Back."""
    with op.batch_alter_table("knowledge_indexes", schema=None) as batch_op:
        batch_op.drop_column("analyzer_version")

    with op.batch_alter_table("knowledge_evaluations", schema=None) as batch_op:
        batch_op.drop_column("mode")
        batch_op.drop_column("top_k")

    with op.batch_alter_table("knowledge_documents", schema=None) as batch_op:
        batch_op.drop_column("name_folded")

    with op.batch_alter_table("knowledge_bases", schema=None) as batch_op:
        batch_op.drop_column("forgotten_change")

    with op.batch_alter_table("conversations", schema=None) as batch_op:
        batch_op.drop_index(
            "ix_conversations_user_listed",
            sqlite_where=sa.text("parent_id IS NULL"),
            postgresql_where=sa.text("parent_id IS NULL"),
        )
        batch_op.drop_index(
            "ix_conversations_listed",
            sqlite_where=sa.text("parent_id IS NULL"),
            postgresql_where=sa.text("parent_id IS NULL"),
        )
        batch_op.create_index(batch_op.f("ix_conversations_user_updated"), ["user_id", "updated_at"], unique=False)

    with op.batch_alter_table("files", schema=None) as batch_op:
        batch_op.drop_index("ix_files_owner")

    op.drop_table("files")
    with op.batch_alter_table("task_runs", schema=None) as batch_op:
        batch_op.drop_index("ix_task_runs_status")
        batch_op.drop_index(batch_op.f("ix_task_runs_ended_at"))

    op.drop_table("task_runs")
    with op.batch_alter_table("scheduled_tasks", schema=None) as batch_op:
        batch_op.drop_index("ix_scheduled_tasks_user")
        batch_op.drop_index(batch_op.f("ix_scheduled_tasks_made_in_run"))
        batch_op.drop_index("ix_scheduled_tasks_due")

    op.drop_table("scheduled_tasks")
    op.drop_table("releases")
    op.drop_table("file_places")
    with op.batch_alter_table("file_contents_loose", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_file_contents_loose_since"))

    op.drop_table("file_contents_loose")
