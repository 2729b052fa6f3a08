"""Budgets."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Forward."""
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

    op.drop_table("usage_sums")
    op.drop_table("budgets")
    with op.batch_alter_table("budget_reservations", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_budget_reservations_renewed_at"))

    op.drop_table("budget_reservations")
