"""The base row and column types that read the same on SQLite and PostgreSQL."""

from datetime import UTC, datetime
from typing import Any, cast

from sqlalchemy import DateTime, Dialect, MetaData, Table, Text
from sqlalchemy.orm import DeclarativeBase
from sqlalchemy.types import TypeDecorator

from clary.kit import json_text

NAMING = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}


class Row(DeclarativeBase):
    """Every table of every slice."""

    metadata = MetaData(naming_convention=NAMING)


def table_of(row: type[Row]) -> Table:
    """The table of a row class, for statements that are built once and run without the ORM."""
    return cast("Table", row.__table__)


class UtcTime(TypeDecorator[datetime]):
    """A moment in UTC, timezone-aware in Python, microseconds kept."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Refuses naive times, which would mean another moment on another machine."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("naive datetime")
        value = value.astimezone(UTC)
        return value.replace(tzinfo=None) if dialect.name == "sqlite" else value

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Adds the zone that SQLite does not keep."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class Sealed(TypeDecorator[str]):
    """A text that a `SecretBox` sealed for `<table>.<column>:` and what stands in some columns of its row.

    `clary keys rotate` finds what it has to seal anew by this type, and opens it by these columns. `inner`: it is JSON
    in which objects with `id` and `sealed` hold what was sealed for `<inner>:<id>`.
    """

    impl = Text
    cache_ok = True

    def __init__(self, *place_columns: str, inner: str | None = None) -> None:
        super().__init__()
        self.place_columns = place_columns
        self.inner = inner


class Json(TypeDecorator[Any]):
    """Any JSON value, kept as text: byte-equal on every database, key order included."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Dialect) -> str | None:
        """Serialises; SQL NULL and JSON null are one."""
        return None if value is None else json_text.dumps_text(value)

    def process_result_value(self, value: str | None, dialect: Dialect) -> Any:
        """Parses."""
        return None if value is None else json_text.loads(value)
