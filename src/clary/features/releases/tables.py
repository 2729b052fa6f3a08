"""Rows of releases."""

from datetime import datetime
from typing import Any, Literal

from sqlalchemy import String, Text
from sqlalchemy.orm import Mapped, mapped_column

from clary.db.columns import Json, Row, UtcTime


class ReleaseRow(Row):
    """One release with its artifacts, `[{platform, installer_url, updater_url, updater_signature}]`, as given."""

    __tablename__ = "releases"

    version: Mapped[str] = mapped_column(String(32), primary_key=True)
    release_notes: Mapped[str] = mapped_column(Text)
    pub_date: Mapped[datetime] = mapped_column(UtcTime)
    artifacts: Mapped[list[dict[str, Any]]] = mapped_column(Json)
    source: Mapped[Literal["manual", "github"]] = mapped_column(String(8))
