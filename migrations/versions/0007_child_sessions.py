"""Child sessions."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Forward."""
    with op.batch_alter_table("approvals", schema=None) as batch_op:
        batch_op.alter_column(
            "session_id", existing_type=sa.VARCHAR(length=128), type_=sa.String(length=192), existing_nullable=False
        )

    with op.batch_alter_table("questionnaires", schema=None) as batch_op:
        batch_op.alter_column(
            "questionnaire_id",
            existing_type=sa.VARCHAR(length=320),
            type_=sa.String(length=512),
            existing_nullable=False,
        )
        batch_op.alter_column(
            "session_id", existing_type=sa.VARCHAR(length=128), type_=sa.String(length=192), existing_nullable=False
        )

    with op.batch_alter_table("runs", schema=None) as batch_op:
        batch_op.add_column(sa.Column("read_until", sa.Float(), nullable=True))


def downgrade() -> None:
    """Back."""
    with op.batch_alter_table("runs", schema=None) as batch_op:
        batch_op.drop_column("read_until")

    with op.batch_alter_table("questionnaires", schema=None) as batch_op:
        batch_op.alter_column(
            "session_id", existing_type=sa.String(length=192), type_=sa.VARCHAR(length=128), existing_nullable=False
        )
        batch_op.alter_column(
            "questionnaire_id",
            existing_type=sa.String(length=512),
            type_=sa.VARCHAR(length=320),
            existing_nullable=False,
        )

    with op.batch_alter_table("approvals", schema=None) as batch_op:
        batch_op.alter_column(
            "session_id", existing_type=sa.String(length=192), type_=sa.VARCHAR(length=128), existing_nullable=False
        )
