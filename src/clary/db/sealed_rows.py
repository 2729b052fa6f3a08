"""Every sealed value of every table, found by the type of its column."""

from collections.abc import Sequence
from typing import Any, NamedTuple, cast

from sqlalchemy import CursorResult, Table, func, select, tuple_, update

from clary.db.columns import Row, Sealed
from clary.db.session import Session


class SealedColumn(NamedTuple):
    """Where sealed values lie, the columns of their row that their place is made of, and what is sealed inside them."""

    table: Table
    column: str
    place_columns: tuple[str, ...]
    inner: str | None

    @property
    def name(self) -> str:
        """As places begin."""
        return f"{self.table.name}.{self.column}"


class SealedValue(NamedTuple):
    """A sealed value of one row."""

    key: tuple[Any, ...]
    place: str
    sealed: str


def sealed_columns() -> list[SealedColumn]:
    """Those of every table that is known."""
    return [
        SealedColumn(table, column.name, column.type.place_columns, column.type.inner)
        for table in Row.metadata.sorted_tables
        for column in table.columns
        if isinstance(column.type, Sealed)
    ]


async def list_sealed(
    db: Session, where: SealedColumn, *, beginning: str, after: tuple[Any, ...] | None, limit: int
) -> list[SealedValue]:
    """Values that do not begin like this, or hold others, in the order of their rows' keys, behind a key."""
    key, column = list(where.table.primary_key.columns), where.table.c[where.column]
    places = [where.table.c[name] for name in where.place_columns]
    query = select(*key, *places, column).where(column.is_not(None))
    if where.inner is None:
        query = query.where(func.substr(column, 1, len(beginning)) != beginning)
    if after is not None:
        query = query.where(tuple_(*key) > tuple_(*after))
    found: Sequence[Any] = (await db.execute(query.order_by(*key).limit(limit))).all()
    return [
        SealedValue(tuple(row[: len(key)]), ":".join([where.name, *map(str, row[len(key) : -1])]), cast("str", row[-1]))
        for row in found
    ]


async def replace_sealed(db: Session, where: SealedColumn, value: SealedValue, fresh: str) -> bool:
    """Puts another value in its place, unless it was changed or removed since it was read."""
    statement = update(where.table).where(where.table.c[where.column] == value.sealed)
    for column, part in zip(where.table.primary_key.columns, value.key, strict=True):
        statement = statement.where(column == part)
    done = cast("CursorResult[Any]", await db.execute(statement.values({where.column: fresh})))
    return done.rowcount == 1
