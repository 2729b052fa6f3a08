"""Instances to move: a row or two in every table, files in every room."""

import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import Boolean, Column, Float, Integer, LargeBinary, Table, create_engine, insert

import clary.wiring.services  # noqa: F401  # pyright: ignore[reportUnusedImport]  (every table is known)
from clary.db.columns import Json, UtcTime
from clary.db.table_rows import plain_tables
from clary.settings import Settings, load_settings
from clary.wiring.backups import rooms_of
from support.schema import put_schema

ROWS = 3


def settings_of(folder: Path, **values: Any) -> Settings:
    """Settings on a data directory."""
    return load_settings(data_dir=folder, **values)


def value_of(column: Column[Any], row: int) -> Any:
    """Some value of a column, another one in each row; the same wherever a foreign key points."""
    match column.type:
        case Json():
            return '{"猫":[1.50,null]}'
        case UtcTime():
            return datetime(2026, 1, 2, 3, 4, 5, 678901, UTC) + timedelta(days=row)
        case LargeBinary():
            return bytes(range(256)) + bytes([row])
        case Boolean():
            return row % 2 == 1
        case Float():
            return 0.1 + row
        case Integer():
            return row + 1
        case _:
            return f"{row} \u2028 it's; 猫"[: column.type.length or 20]  # pyright: ignore


def add_everything(settings: Settings) -> list[Table]:
    """Puts rows into every table, and takes the last number of one away again."""
    put_schema(settings.database)
    tables = plain_tables()
    engine = create_engine(settings.database)
    with engine.begin() as connection:
        for table in tables:
            values = [{c.name: value_of(c, row) for c in table.columns} for row in range(ROWS)]
            connection.execute(insert(table), values)
        connection.execute(
            tables_by_name(tables)["grants"].delete().where(tables_by_name(tables)["grants"].c.grant_id == ROWS)
        )
        # The chain goes on behind these.
        connection.execute(tables_by_name(tables)["audit_head"].update().values(seq=ROWS))
    engine.dispose()
    for number, root in enumerate(rooms_of(settings).values()):
        for name in ("a.txt", f"deep/{number}/猫 .bin"):
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_bytes(name.encode() * 1000)
        (root / "a.txt").chmod(0o700)
        (root / "link").symlink_to("/etc/passwd")
        (root / "unfinished.part").write_bytes(b"x")
    return tables


def tables_by_name(tables: list[Table]) -> dict[str, Table]:
    """By name."""
    return {table.name: table for table in tables}


def rows_in(settings: Settings) -> dict[str, list[Any]]:
    """Every row of every table as SQLite holds it, and the last numbers; without the notes of moves themselves."""
    with closing(sqlite3.connect(settings.database.removeprefix("sqlite:///"))) as connection:
        names = [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        found = {name: sorted(map(repr, connection.execute(f'SELECT * FROM "{name}"'))) for name in names}
    return without_moves(found)


def without_moves(rows: dict[str, list[str]]) -> dict[str, list[str]]:
    """Shown rows without what the audit log says of moves; where its chain ends follows from it."""
    kept = {
        "audit_log": [row for row in rows.get("audit_log", []) if "'instance." not in row],
        "audit_head": [row for row in rows.get("audit_head", []) if not row.startswith("(1, ")],
    }
    return {**rows, **kept}


def moves_in(settings: Settings) -> list[str]:
    """What the audit log says of moves."""
    with closing(sqlite3.connect(settings.database.removeprefix("sqlite:///"))) as connection:
        found = connection.execute("SELECT action FROM audit_log WHERE action LIKE 'instance.%' ORDER BY seq")
        return [action for (action,) in found]


def files_in(settings: Settings) -> dict[str, tuple[bytes, bool]]:
    """Every file of every room with its content and whether it may be executed."""
    return {
        f"{room}/{path.relative_to(root)}": (path.read_bytes(), bool(path.stat().st_mode & 0o100))
        for room, root in rooms_of(settings).items()
        for path in root.rglob("*")
        if path.is_file() and not path.is_symlink() and path.suffix != ".part"
    }


def left_of(settings: Settings) -> list[str]:
    """Names that a refused import or restore must not leave."""
    kept = {"clary.db", "clary.db-wal", "clary.db-shm", "clary.db.lock", "secret.key"}
    return (
        [path.name for path in settings.data_dir.iterdir() if path.name not in kept]
        if settings.data_dir.exists()
        else []
    )
