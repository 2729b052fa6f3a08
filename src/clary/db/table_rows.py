"""Whole tables, row by row, in a form that no database engine shows through: lists of JSON values.

A value goes by the type of its column: text and numbers as they are, moments as ISO 8601 in UTC, bytes as base64. JSON
columns stay the text they are, so that what was hashed keeps its bytes.
"""

import base64
import json
from collections.abc import AsyncIterator, Iterator, Sequence
from datetime import datetime
from typing import Any, Final, NamedTuple, cast

from sqlalchemy import (
    BigInteger,
    Column,
    DateTime,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    create_engine,
    insert,
    select,
    tuple_,
)
from sqlalchemy import text as sql
from sqlalchemy.exc import OperationalError, StatementError
from sqlalchemy.ext.asyncio import AsyncSession

from clary.db.columns import Json, Row, UtcTime

PORTION_BYTES: Final = 4 * 1024 * 1024
_FIRST_LIMIT: Final = 64
_MOST_ROWS: Final = 2000
_INSERTED_VALUES: Final = 10_000


Tables = Sequence[Table]


class RowsError(Exception):
    """Rows do not fit the tables; the text is one line for the operator."""


class Portion(NamedTuple):
    """Some rows of one table."""

    table: str
    columns: list[str]
    rows: list[list[Any]]


def plain_tables(metadata: MetaData | None = None) -> list[Table]:
    """The tables with the types that count here, parents before children. Reflected ones are taken as well."""
    plain = MetaData()
    for table in (metadata or Row.metadata).sorted_tables:
        if table.name != "alembic_version":
            Table(
                table.name,
                plain,
                *(Column(each.name, _plain_type(each), primary_key=each.primary_key) for each in table.columns),
            )
    return [
        plain.tables[table.name] for table in (metadata or Row.metadata).sorted_tables if table.name in plain.tables
    ]


def reflected_tables(database_url: str) -> list[Table]:
    """The tables that a SQLite file has, which may be those of an earlier revision. Blocking."""
    engine = create_engine(database_url)
    try:
        found = MetaData()
        found.reflect(engine)
        return plain_tables(found)
    finally:
        engine.dispose()


def _plain_type(column: Column[Any]) -> Any:
    if isinstance(column.type, Json):
        return Text()
    return UtcTime() if isinstance(column.type, DateTime) else column.type


async def allow_pauses(db: AsyncSession) -> None:
    """Lets the transaction rest while files are read or written; PostgreSQL would cut it off after a while."""
    if db.get_bind().dialect.name == "postgresql":
        await db.execute(sql("SET LOCAL idle_in_transaction_session_timeout = 0"))


async def portions_of(db: AsyncSession, table: Table) -> AsyncIterator[Portion]:
    """Every row in the order of its key, in portions that fit into memory."""
    key = list(table.primary_key.columns)
    places = [list(table.columns).index(each) for each in key]
    last: tuple[Any, ...] | None = None
    limit = _FIRST_LIMIT
    while True:
        query = select(table).order_by(*key).limit(limit)
        if last is not None:
            query = query.where(tuple_(*key) > tuple_(*last))
        found = (await db.execute(query)).all()
        if not found:
            return
        rows = [encoded(table, row) for row in found]
        sizes = [sum(len(str(value)) for value in row) + 1 for row in rows]
        for part in _in_parts(rows, sizes):
            yield Portion(table.name, [each.name for each in table.columns], part)
        if len(found) < limit:
            return
        last = tuple(found[-1][place] for place in places)
        limit = max(1, min(_MOST_ROWS, PORTION_BYTES * len(rows) // sum(sizes)))


def _in_parts(rows: list[list[Any]], sizes: list[int]) -> Iterator[list[list[Any]]]:
    """Rows that turned out larger than those before them, in portions that whoever reads them can hold."""
    first, held = 0, 0
    for place, size in enumerate(sizes):
        if held + size > PORTION_BYTES and place > first:
            yield rows[first:place]
            first, held = place, 0
        held += size
    yield rows[first:]


def encoded(table: Table, row: Sequence[Any]) -> list[Any]:
    """A row as JSON values."""
    return [_encode(column, value) for column, value in zip(table.columns, row, strict=True)]


def _encode(column: Column[Any], value: Any) -> Any:
    if value is None:
        return None
    if isinstance(column.type, UtcTime):
        return value.isoformat()
    return base64.b64encode(value).decode() if isinstance(column.type, LargeBinary) else value


def _decode(column: Column[Any], value: Any) -> Any:
    if value is None:
        return None
    if isinstance(column.type, UtcTime):
        return datetime.fromisoformat(value)
    return base64.b64decode(value, validate=True) if isinstance(column.type, LargeBinary) else value


async def add_rows(db: AsyncSession, table: Table, columns: list[str], rows: Sequence[list[Any]]) -> None:
    """Adds rows as they were read.

    Raises:
        RowsError: the columns are not those of the table, a value is none of its column, a row contradicts another.
    """
    if columns != [each.name for each in table.columns]:
        raise RowsError(f"the columns of {table.name} are not those of this revision")
    try:
        values = [
            {column.name: _decode(column, value) for column, value in zip(table.columns, row, strict=True)}
            for row in rows
        ]
    except (ValueError, TypeError) as error:
        raise RowsError(f"a row of {table.name} cannot be read") from error
    at_once = max(1, _INSERTED_VALUES // len(columns))
    for first in range(0, len(values), at_once):
        try:
            await db.execute(insert(table), values[first : first + at_once])
        except OperationalError:
            # The database is away or full: no fault of the rows.
            raise
        except (StatementError, OverflowError) as error:
            raise RowsError(f"the database does not take a row of {table.name}") from error


async def rows_of(db: AsyncSession, table: str, columns: Sequence[str]) -> AsyncIterator[list[Any]]:
    """Some columns of every row of a table."""
    whole = next(each for each in plain_tables() if each.name == table)
    async for portion in portions_of(db, whole):
        places = [portion.columns.index(each) for each in columns]
        for row in portion.rows:
            yield [row[place] for place in places]


async def is_any_row(db: AsyncSession, tables: Tables) -> bool:
    """Whether a table has a row."""
    for table in tables:
        if (await db.execute(select(table).limit(1))).first() is not None:
            return True
    return False


def numbered(tables: Tables) -> dict[str, str]:
    """Tables whose numbers the database gives, with the column, as the ORM's metadata says."""
    known = {table.name for table in tables}
    return {
        table.name: column.name
        for table in Row.metadata.sorted_tables
        if table.name in known
        and (column := table.autoincrement_column) is not None
        and isinstance(column.type, (Integer, BigInteger))
        and not column.foreign_keys
        and column.autoincrement is True
    }


async def last_numbers(db: AsyncSession, tables: Tables) -> dict[str, int]:
    """The last number that was given in each of these tables, also when its row is gone: none may come back."""
    wanted = numbered(tables)
    if db.get_bind().dialect.name == "sqlite":
        found = (await db.execute(sql("SELECT name, seq FROM sqlite_sequence"))).all()
        return {name: int(last) for name, last in found if name in wanted}
    numbers: dict[str, int] = {}
    for name, column in wanted.items():
        sequence = await _sequence(db, name, column)
        if sequence is not None:
            last, called = (await db.execute(sql(f"SELECT last_value, is_called FROM {sequence}"))).one()  # noqa: S608
            if called:
                numbers[name] = int(last)
    return numbers


async def set_last_numbers(db: AsyncSession, tables: Tables, numbers: dict[str, int]) -> None:
    """Lets counting go on after the last number of before; call it when the rows are in."""
    dialect = db.get_bind().dialect.name
    for name, column in numbered(tables).items():
        table = next(each for each in tables if each.name == name)
        own = (await db.execute(select(table.c[column]).order_by(table.c[column].desc()).limit(1))).scalar() or 0
        last = max(int(own), numbers.get(name, 0))
        if last < 1:
            continue
        if dialect == "sqlite":
            if not Row.metadata.tables[name].dialect_options["sqlite"]["autoincrement"]:
                # SQLite counts on from the highest row; nothing else is promised for this table.
                continue
            await db.execute(sql("DELETE FROM sqlite_sequence WHERE name = :name"), {"name": name})
            await db.execute(
                sql("INSERT INTO sqlite_sequence (name, seq) VALUES (:name, :seq)"), {"name": name, "seq": last}
            )
        elif (sequence := await _sequence(db, name, column)) is not None:
            await db.execute(
                sql("SELECT setval(CAST(:sequence AS regclass), :last)"), {"sequence": sequence, "last": last}
            )


async def _sequence(db: AsyncSession, table: str, column: str) -> str | None:
    return (
        await db.execute(sql("SELECT pg_get_serial_sequence(:table, :column)"), {"table": table, "column": column})
    ).scalar()


def to_line(row: list[Any]) -> bytes:
    """A row as a line. Not orjson: a float that is infinite has to stay one."""
    return json.dumps(row, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "surrogatepass") + b"\n"


def from_line(line: bytes) -> Any:
    """The list of a line.

    Raises:
        RowsError
    """
    try:
        found = json.loads(line)
    except ValueError as error:
        raise RowsError("a line is no JSON") from error
    if not isinstance(found, list):
        raise RowsError("a line is no list")
    return cast("list[Any]", found)
