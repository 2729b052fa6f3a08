"""Runtime."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Forward."""
    op.create_table(
        "approvals",
        sa.Column("approval_id", sa.String(length=36), nullable=False),
        sa.Column("run_id", sa.String(length=36), nullable=False),
        sa.Column("conversation_id", sa.BigInteger(), nullable=False),
        sa.Column("user_id", sa.String(length=64), nullable=False),
        sa.Column("session_id", sa.String(length=128), nullable=False),
        sa.Column("tool_call_id", sa.String(length=160), nullable=False),
        sa.Column("tool_name", sa.String(length=160), nullable=False),
        sa.Column("category", sa.String(length=32), nullable=False),
        sa.Column("command", sa.Text(), nullable=False),
        sa.Column("command_hash", sa.String(length=64), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("mode", sa.String(length=16), nullable=False),
        sa.Column("requested_at", sa.Float(), nullable=False),
        sa.Column("expires_at", sa.Float(), nullable=False),
        sa.Column("decision", sa.String(length=16), nullable=True),
        sa.Column("decided_by", sa.String(length=64), nullable=True),
        sa.Column("decided_at", sa.Float(), nullable=True),
        sa.Column("told", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("approval_id", name=op.f("pk_approvals")),
    )
    with op.batch_alter_table("approvals", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_approvals_conversation_id"), ["conversation_id"], unique=False)
        batch_op.create_index("ix_approvals_decision_expires", ["decision", "expires_at"], unique=False)
        batch_op.create_index(batch_op.f("ix_approvals_run_id"), ["run_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_approvals_user_id"), ["user_id"], unique=False)

    op.create_table(
        "budget_reservations",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("renewed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("user_id", sa.String(length=64), nullable=False),
        sa.Column("agent_id", sa.String(length=64), nullable=True),
        sa.Column("key_id", sa.String(length=64), nullable=True),
        sa.Column("session_id", sa.String(length=128), nullable=True),
        sa.Column("root_run_id", sa.String(length=36), nullable=True),
        sa.Column("tokens", sa.BigInteger(), nullable=False),
        sa.Column("cost", sa.BigInteger(), nullable=True),
        sa.Column("call", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_budget_reservations")),
    )
    with op.batch_alter_table("budget_reservations", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_budget_reservations_renewed_at"), ["renewed_at"], unique=False)

    op.create_table(
        "budgets",
        sa.Column("scope", sa.String(length=16), nullable=False),
        sa.Column("target_id", sa.String(length=64), nullable=False),
        sa.Column("budget", sa.Text(), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("scope", "target_id", name=op.f("pk_budgets")),
    )
    op.create_table(
        "guidance",
        sa.Column("position", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("guidance_id", sa.String(length=128), nullable=False),
        sa.Column("conversation_id", sa.BigInteger(), nullable=False),
        sa.Column("user_id", sa.String(length=64), nullable=False),
        sa.Column("content", sa.Text(), nullable=True),
        sa.Column("content_hash", sa.String(length=64), nullable=False),
        sa.Column("metadata", sa.Text(), nullable=False),
        sa.Column("created_at", sa.Float(), nullable=False),
        sa.Column("held_by", sa.String(length=36), nullable=True),
        sa.Column("consumed", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("position", name=op.f("pk_guidance")),
        sa.UniqueConstraint("conversation_id", "guidance_id", name=op.f("uq_guidance_conversation_id_guidance_id")),
    )
    op.create_table(
        "mcp_servers",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("owner_id", sa.String(length=64), nullable=False),
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("protocol", sa.String(length=32), nullable=False),
        sa.Column("url", sa.String(length=2048), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("auth", sa.String(length=16), nullable=False),
        sa.Column("oauth", sa.Text(), nullable=True),
        sa.Column("sealed", sa.Text(), nullable=True),
        sa.Column("sealed_client", sa.Text(), nullable=True),
        sa.Column("disabled", sa.Boolean(), nullable=False),
        sa.Column("state", sa.String(length=32), nullable=False),
        sa.Column("error_kind", sa.String(length=32), nullable=True),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("next_try_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("pin", sa.Text(), nullable=True),
        sa.Column("pinned_hash", sa.String(length=64), nullable=True),
        sa.Column("waiting", sa.Text(), nullable=True),
        sa.Column("pending_hash", sa.String(length=64), nullable=True),
        sa.Column("extras", sa.Text(), nullable=True),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("last_checked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_mcp_servers")),
        sa.UniqueConstraint("owner_id", "name", name=op.f("uq_mcp_servers_owner_id_name")),
    )
    with op.batch_alter_table("mcp_servers", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_mcp_servers_next_try_at"), ["next_try_at"], unique=False)
        batch_op.create_index(batch_op.f("ix_mcp_servers_owner_id"), ["owner_id"], unique=False)

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
        "questionnaires",
        sa.Column("user_id", sa.String(length=64), nullable=False),
        sa.Column("questionnaire_id", sa.String(length=320), nullable=False),
        sa.Column("run_id", sa.String(length=36), nullable=False),
        sa.Column("conversation_id", sa.BigInteger(), nullable=False),
        sa.Column("session_id", sa.String(length=128), nullable=False),
        sa.Column("tool_call_id", sa.String(length=160), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("questions", sa.Text(), nullable=False),
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column("wait_seconds", sa.Integer(), nullable=False),
        sa.Column("opened_at", sa.Float(), nullable=False),
        sa.Column("deadline", sa.Float(), nullable=True),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("answers", sa.Text(), nullable=True),
        sa.Column("submitted_at", sa.Float(), nullable=True),
        sa.Column("is_auto_submit", sa.Boolean(), nullable=False),
        sa.Column("approval_id", sa.String(length=36), nullable=True),
        sa.PrimaryKeyConstraint("user_id", "questionnaire_id", name=op.f("pk_questionnaires")),
    )
    with op.batch_alter_table("questionnaires", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_questionnaires_conversation_id"), ["conversation_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_questionnaires_questionnaire_id"), ["questionnaire_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_questionnaires_run_id"), ["run_id"], unique=False)
        batch_op.create_index("ix_questionnaires_status_deadline", ["status", "deadline"], unique=False)

    op.create_table(
        "skills",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("dimension", sa.String(length=8), nullable=False),
        sa.Column("place", sa.String(length=64), nullable=False),
        sa.Column("name_key", sa.String(length=256), nullable=False),
        sa.Column("approved_hash", sa.String(length=64), nullable=True),
        sa.Column("newest_hash", sa.String(length=64), nullable=False),
        sa.Column("pending_hash", sa.String(length=64), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_skills")),
        sa.UniqueConstraint("dimension", "place", "name_key", name=op.f("uq_skills_dimension_place_name_key")),
    )
    op.create_table(
        "usage_sums",
        sa.Column("scope", sa.String(length=16), nullable=False),
        sa.Column("target_id", sa.String(length=64), nullable=False),
        sa.Column("quarter", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("calls", sa.BigInteger(), nullable=False),
        sa.Column("unpriced_calls", sa.BigInteger(), nullable=False),
        sa.Column("input_tokens", sa.BigInteger(), nullable=False),
        sa.Column("output_tokens", sa.BigInteger(), nullable=False),
        sa.Column("cached_tokens", sa.BigInteger(), nullable=False),
        sa.Column("reasoning_tokens", sa.BigInteger(), nullable=False),
        sa.Column("cost", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("scope", "target_id", "quarter", name=op.f("pk_usage_sums")),
    )
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

    op.create_table(
        "mcp_authorizations",
        sa.Column("state_hash", sa.String(length=64), nullable=False),
        sa.Column("server_id", sa.String(length=32), nullable=False),
        sa.Column("user_id", sa.String(length=64), nullable=False),
        sa.Column("sealed", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["server_id"],
            ["mcp_servers.id"],
            name=op.f("fk_mcp_authorizations_server_id_mcp_servers"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("state_hash", name=op.f("pk_mcp_authorizations")),
    )
    with op.batch_alter_table("mcp_authorizations", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_mcp_authorizations_created_at"), ["created_at"], unique=False)
        batch_op.create_index(batch_op.f("ix_mcp_authorizations_server_id"), ["server_id"], unique=False)

    op.create_table(
        "mcp_tokens",
        sa.Column("server_id", sa.String(length=32), nullable=False),
        sa.Column("user_id", sa.String(length=64), nullable=False),
        sa.Column("sealed", sa.Text(), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["server_id"], ["mcp_servers.id"], name=op.f("fk_mcp_tokens_server_id_mcp_servers"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("server_id", "user_id", name=op.f("pk_mcp_tokens")),
    )
    with op.batch_alter_table("mcp_tokens", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_mcp_tokens_user_id"), ["user_id"], unique=False)

    op.create_table(
        "skill_versions",
        sa.Column("skill_id", sa.String(length=32), nullable=False),
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("decider", sa.String(length=8), nullable=True),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("file_count", sa.Integer(), nullable=False),
        sa.Column("details", sa.Text(), nullable=False),
        sa.Column("files", sa.Text(), nullable=False),
        sa.Column("findings", sa.Text(), nullable=False),
        sa.Column("source", sa.String(length=8), nullable=False),
        sa.Column("source_url", sa.Text(), nullable=True),
        sa.Column("approved_by", sa.String(length=64), nullable=True),
        sa.Column("approved_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["skill_id"], ["skills.id"], name=op.f("fk_skill_versions_skill_id_skills"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("skill_id", "hash", name=op.f("pk_skill_versions")),
    )
    with op.batch_alter_table("skill_versions", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_skill_versions_hash"), ["hash"], unique=False)

    with op.batch_alter_table("agents", schema=None) as batch_op:
        batch_op.add_column(sa.Column("budget", sa.Text(), nullable=True))
        batch_op.create_index(
            "ix_agents_budgeted",
            ["id"],
            unique=False,
            sqlite_where=sa.text("budget IS NOT NULL"),
            postgresql_where=sa.text("budget IS NOT NULL"),
        )

    with op.batch_alter_table("api_keys", schema=None) as batch_op:
        batch_op.create_index(
            "ix_api_keys_budgeted",
            ["id"],
            unique=False,
            sqlite_where=sa.text("budget IS NOT NULL"),
            postgresql_where=sa.text("budget IS NOT NULL"),
        )

    with op.batch_alter_table("conversations", schema=None, table_kwargs={"sqlite_autoincrement": True}) as batch_op:
        batch_op.add_column(sa.Column("parent_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True))
        batch_op.alter_column(
            "session_id", existing_type=sa.VARCHAR(length=128), type_=sa.String(length=192), existing_nullable=False
        )
        batch_op.create_index(batch_op.f("ix_conversations_parent_id"), ["parent_id"], unique=False)

    with op.batch_alter_table("messages", schema=None) as batch_op:
        batch_op.add_column(sa.Column("hidden_from_model", sa.Boolean(), nullable=True))

    with op.batch_alter_table("runs", schema=None) as batch_op:
        batch_op.add_column(sa.Column("parent_call_id", sa.String(length=160), nullable=True))
        batch_op.add_column(sa.Column("outcome", sa.Text(), nullable=True))
        batch_op.add_column(sa.Column("archived", sa.Boolean(), server_default=sa.false(), nullable=False))
        batch_op.add_column(sa.Column("waited_seconds", sa.Float(), nullable=True))
        batch_op.alter_column(
            "session_id", existing_type=sa.VARCHAR(length=128), type_=sa.String(length=192), existing_nullable=False
        )
        batch_op.create_index("ix_runs_root", ["root_run_id"], unique=False)

    with op.batch_alter_table("usage_ledger", schema=None) as batch_op:
        batch_op.create_index("ix_usage_ledger_at", ["at"], unique=False)
        batch_op.create_index("ix_usage_ledger_root_run", ["root_run_id"], unique=False)
        batch_op.create_index("ix_usage_ledger_session", ["session_id"], unique=False)


def downgrade() -> None:
    """Back."""
    with op.batch_alter_table("usage_ledger", schema=None) as batch_op:
        batch_op.drop_index("ix_usage_ledger_session")
        batch_op.drop_index("ix_usage_ledger_root_run")
        batch_op.drop_index("ix_usage_ledger_at")

    with op.batch_alter_table("runs", schema=None) as batch_op:
        batch_op.drop_index("ix_runs_root")
        batch_op.alter_column(
            "session_id", existing_type=sa.String(length=192), type_=sa.VARCHAR(length=128), existing_nullable=False
        )
        batch_op.drop_column("waited_seconds")
        batch_op.drop_column("archived")
        batch_op.drop_column("outcome")
        batch_op.drop_column("parent_call_id")

    with op.batch_alter_table("messages", schema=None) as batch_op:
        batch_op.drop_column("hidden_from_model")

    with op.batch_alter_table("conversations", schema=None, table_kwargs={"sqlite_autoincrement": True}) as batch_op:
        batch_op.drop_index(batch_op.f("ix_conversations_parent_id"))
        batch_op.alter_column(
            "session_id", existing_type=sa.String(length=192), type_=sa.VARCHAR(length=128), existing_nullable=False
        )
        batch_op.drop_column("parent_id")

    with op.batch_alter_table("api_keys", schema=None) as batch_op:
        batch_op.drop_index(
            "ix_api_keys_budgeted",
            sqlite_where=sa.text("budget IS NOT NULL"),
            postgresql_where=sa.text("budget IS NOT NULL"),
        )

    with op.batch_alter_table("agents", schema=None) as batch_op:
        batch_op.drop_index(
            "ix_agents_budgeted",
            sqlite_where=sa.text("budget IS NOT NULL"),
            postgresql_where=sa.text("budget IS NOT NULL"),
        )
        batch_op.drop_column("budget")

    with op.batch_alter_table("skill_versions", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_skill_versions_hash"))

    op.drop_table("skill_versions")
    with op.batch_alter_table("mcp_tokens", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_mcp_tokens_user_id"))

    op.drop_table("mcp_tokens")
    with op.batch_alter_table("mcp_authorizations", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_mcp_authorizations_server_id"))
        batch_op.drop_index(batch_op.f("ix_mcp_authorizations_created_at"))

    op.drop_table("mcp_authorizations")
    with op.batch_alter_table("workspaces", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_workspaces_user_id"))
        batch_op.drop_index(batch_op.f("ix_workspaces_ends_at"))
        batch_op.drop_index(batch_op.f("ix_workspaces_agent_id"))

    op.drop_table("workspaces")
    with op.batch_alter_table("workspace_imports", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_workspace_imports_created_at"))

    op.drop_table("workspace_imports")
    op.drop_table("usage_sums")
    op.drop_table("skills")
    with op.batch_alter_table("questionnaires", schema=None) as batch_op:
        batch_op.drop_index("ix_questionnaires_status_deadline")
        batch_op.drop_index(batch_op.f("ix_questionnaires_run_id"))
        batch_op.drop_index(batch_op.f("ix_questionnaires_questionnaire_id"))
        batch_op.drop_index(batch_op.f("ix_questionnaires_conversation_id"))

    op.drop_table("questionnaires")
    with op.batch_alter_table("memory_notes", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_memory_notes_agent_id"))

    op.drop_table("memory_notes")
    with op.batch_alter_table("mcp_servers", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_mcp_servers_owner_id"))
        batch_op.drop_index(batch_op.f("ix_mcp_servers_next_try_at"))

    op.drop_table("mcp_servers")
    op.drop_table("guidance")
    op.drop_table("budgets")
    with op.batch_alter_table("budget_reservations", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_budget_reservations_renewed_at"))

    op.drop_table("budget_reservations")
    with op.batch_alter_table("approvals", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_approvals_user_id"))
        batch_op.drop_index(batch_op.f("ix_approvals_run_id"))
        batch_op.drop_index("ix_approvals_decision_expires")
        batch_op.drop_index(batch_op.f("ix_approvals_conversation_id"))

    op.drop_table("approvals")
