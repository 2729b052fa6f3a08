"""A program that upgrades copies of databases and is killed (kill -9) at a chosen statement; started by the tests.

Arguments: the folder. Each released revision gets a database with rows, and an upgrade that dies at every one of a row
of statements, among them the first and the one after the last. Printed: one JSON line for each death.
"""

import json
import os
import shutil
import signal
import sqlite3
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

from alembic import command
from sqlalchemy import Engine, create_engine, event

from clary.db.database import set_write_ahead
from clary.db.migrate import alembic_config, ensure_schema, known_revisions, stored_revision

DEATHS = 5


def make(path: Path, revision: str) -> None:
    """A database of a released revision with something in it."""
    path.parent.mkdir(parents=True)
    set_write_ahead(path)
    engine = create_engine(f"sqlite:///{path}")
    with engine.connect() as connection:
        config = alembic_config()
        config.attributes["connection"] = connection
        command.upgrade(config, revision)
    engine.dispose()
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("INSERT INTO event_logs VALUES (7, 'kept', 0, 0, 0, 0)")


def upgrade(path: Path, die_at: int | None = None) -> int:
    """Upgrades in a child; returns how many statements it took, or -9."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        seen = 0

        def count(*_: Any) -> None:
            nonlocal seen
            if seen == die_at:
                os.kill(os.getpid(), signal.SIGKILL)
            seen += 1

        event.listen(Engine, "before_cursor_execute", count)
        event.listen(Engine, "commit", count)
        ensure_schema(f"sqlite:///{path}")
        os.write(writer, str(seen).encode())
        os._exit(0)
    os.close(writer)
    _, status = os.waitpid(child, 0)
    with os.fdopen(reader) as told:
        text = told.read()
    return int(text) if text else -os.WTERMSIG(status)


def facts(path: Path) -> dict[str, Any]:
    """What is in a database."""
    with closing(sqlite3.connect(path)) as connection:
        tables = connection.execute("SELECT name, sql FROM sqlite_master ORDER BY name").fetchall()
        return {
            "revision": stored_revision(path),
            "schema": hash(tuple(tables)),
            "kept": connection.execute("SELECT log_id, key FROM event_logs").fetchall() == [(7, "kept")],
            "intact": connection.execute("PRAGMA integrity_check").fetchone()[0] == "ok",
        }


def main(folder: Path) -> None:
    """Every revision, every death."""
    for revision in known_revisions()[:-1]:
        old = folder / revision / "clary.db"
        make(old, revision)
        before = facts(old)
        whole = folder / f"{revision}-whole" / "clary.db"
        shutil.copytree(old.parent, whole.parent)
        statements = upgrade(whole)
        after = facts(whole)
        for die_at in sorted({round(step * (statements - 1) / (DEATHS - 1)) for step in range(DEATHS)}):
            path = folder / f"{revision}-{die_at}" / "clary.db"
            shutil.copytree(old.parent, path.parent)
            status = upgrade(path, die_at)
            died = facts(path)
            healed_in = upgrade(path)
            told = {
                "revision": revision,
                "die_at": die_at,
                "status": status,
                "left": "old" if died == before else "new" if died == after else str(died),
                "healed": healed_in >= 0 and facts(path) == after and after["kept"] and after["intact"],
                "copies": sorted(each.name for each in path.parent.iterdir() if "before" in each.name),
            }
            print(json.dumps(told), flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
