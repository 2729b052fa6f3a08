"""Rows of the settings that change while the server runs."""

from typing import Any

from sqlalchemy import String
from sqlalchemy.orm import Mapped, mapped_column

from clary.db.columns import Json, Row


class SettingRow(Row):
    """A value that an admin chose; a key without a row has its default."""

    __tablename__ = "system_settings"

    key: Mapped[str] = mapped_column(String(64), primary_key=True)
    value: Mapped[Any] = mapped_column(Json)
