"""Databases with every table, copied: making the tables anew costs most of a short test's time."""

import atexit
import shutil
import sqlite3
import tempfile
from contextlib import closing
from functools import cache
from pathlib import Path
from typing import Any

from clary.db.migrate import SQLITE, ensure_schema
from support import postgresql


@cache
def _migrated() -> bytes:
    """A database file that went every step of the migrations, as bytes; made once in a process."""
    folder = Path(tempfile.mkdtemp(prefix="clary-schema-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    path = folder / "empty.db"
    ensure_schema(f"{SQLITE}{path}")
    assert not path.with_name("empty.db-wal").exists()
    return path.read_bytes()


def put_schema(url: str) -> None:
    """Puts an empty database at an address of SQLite, readable by its owner only; one that is there stays."""
    path = Path(url.removeprefix(SQLITE))
    if not url.startswith(SQLITE) or path.exists():
        return
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    path.touch(mode=0o600)
    path.write_bytes(_migrated())


def database_url(folder: Path, name: str = "test.db") -> str:
    """The address of the database that belongs to a folder, on the kind that this run of the tests is for."""
    return postgresql.postgresql_in(folder) if postgresql.IS_CHOSEN else f"{SQLITE}{folder / name}"


def database_settings(data_dir: Path) -> dict[str, str]:
    """What settings of a server on a data directory have to say about its database."""
    return {"database_url": postgresql.postgresql_in(data_dir)} if postgresql.IS_CHOSEN else {}


def database_environment(data_dir: Path) -> dict[str, str]:
    """The same as variables."""
    return {f"CLARY_{name.upper()}": value for name, value in database_settings(data_dir).items()}


def stored_bytes(data_dir: Path) -> bytes:
    """Everything the database of a data directory holds."""
    if postgresql.IS_CHOSEN:
        return postgresql.all_values(data_dir)
    return b"".join(path.read_bytes() for path in data_dir.glob("clary.db*"))


def stored_rows(data_dir: Path, statement: str, *values: Any) -> list[Any]:
    """What a statement gives, while a server runs on the data directory or not; `?` stands for a value."""
    if postgresql.IS_CHOSEN:
        return postgresql.run(data_dir, statement, *values)
    with closing(sqlite3.connect(data_dir / "clary.db")) as db, db:
        return db.execute(statement, values).fetchall()
