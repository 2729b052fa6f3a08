"""Rows of flows that have begun."""

from datetime import datetime

from sqlalchemy import String
from sqlalchemy.orm import Mapped, mapped_column

from clary.db.columns import Row, Sealed, UtcTime


class UpstreamFlowRow(Row):
    """One sign-in on its way through a provider; gone with the first callback that names it."""

    __tablename__ = "upstream_flows"

    state_hash: Mapped[str] = mapped_column(String(64), primary_key=True)
    sealed: Mapped[str] = mapped_column(Sealed("state_hash"))
    created_at: Mapped[datetime] = mapped_column(UtcTime, index=True)
