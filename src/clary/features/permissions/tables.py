"""Rows of grants."""

from datetime import datetime

from sqlalchemy import BigInteger, Index, Integer, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from clary.db.columns import Row, UtcTime


class GrantRow(Row):
    """Somebody, or everybody in a group, may read and use an object of somebody else. `grant_id` is the order.

    `permission` `write` lets them change what is in it as well; None is `read`.
    """

    __tablename__ = "grants"
    __table_args__ = (
        UniqueConstraint("object_type", "object_id", "kind", "grantee_id"),
        Index("ix_grants_grantee", "kind", "grantee_id", "object_type"),
        {"sqlite_autoincrement": True},
    )

    grant_id: Mapped[int] = mapped_column(
        BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True
    )
    object_type: Mapped[str] = mapped_column(String(16))
    object_id: Mapped[str] = mapped_column(String(64))
    kind: Mapped[str] = mapped_column(String(8))
    grantee_id: Mapped[str] = mapped_column(String(64))
    permission: Mapped[str | None] = mapped_column(String(8))
    granted_by: Mapped[str] = mapped_column(String(64))
    granted_at: Mapped[datetime] = mapped_column(UtcTime)
