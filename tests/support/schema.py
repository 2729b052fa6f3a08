"""Databases with every table, copied: making the tables anew costs most of a short test's time."""

import atexit
import shutil
import tempfile
from functools import cache
from pathlib import Path

from clary.db.migrate import SQLITE, ensure_schema


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
