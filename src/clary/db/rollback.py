"""Back to the copy that the last upgrade kept: one rename, the newer file stays aside.

Only while no process has the database open. What was written since the upgrade is not in the copy; it is counted before
anything changes, and stays readable in the file aside.
"""

import os
import sqlite3
from collections.abc import Generator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, NamedTuple

from clary.db.migrate import (
    SQLITE,
    SchemaError,
    alone,
    copy_database,
    snapshot_path,
    sqlite_path,
    stored_revision,
    sync_folder,
)
from clary.kit.text import Text

_SQLITE_ONLY: Final = Text(
    "PostgreSQL 没有可回退的升级前副本：请用 pg_restore 恢复升级前用 pg_dump -Fc 做的备份，"
    "或者把升级前的 clary export 归档导入空数据库",
    "on PostgreSQL no copy is kept to roll back to: restore with pg_restore what pg_dump -Fc wrote before the upgrade, "
    "or import what clary export wrote then into an empty database",
)


class Rollback(NamedTuple):
    """What going back would mean. `lost`: table → rows that are there now and not in the copy, where they differ."""

    revision: str
    earlier: str
    copied_at: datetime
    lost: dict[str, int]


def plan_rollback(database_url: str) -> Rollback:
    """What a rollback would do; changes nothing. Blocking.

    Raises:
        SchemaError: there is no copy to go back to; on PostgreSQL never.
    """
    if not database_url.startswith(SQLITE):
        raise SchemaError(_SQLITE_ONLY.both)
    path = sqlite_path(database_url)
    revision = stored_revision(path)
    if revision is None:
        raise SchemaError("there is no database to roll back")
    copy = snapshot_path(path, revision)
    earlier = stored_revision(copy)
    if earlier is None:
        raise SchemaError(f"there is no copy of the database from before revision {revision}")
    now, then = _counts(path), _counts(copy)
    lost = {name: count - then.get(name, 0) for name, count in now.items() if count > then.get(name, 0)}
    return Rollback(revision, earlier, datetime.fromtimestamp(copy.stat().st_mtime, UTC), lost)


def roll_back(database_url: str) -> Path:
    """Puts the copy in the database's place; returns where the newer file lies now. Blocking.

    A death at any point leaves one whole database, the newer or the earlier one.

    Raises:
        SchemaError: see `plan_rollback`; a process has the database open; the disk is full.
    """
    path = sqlite_path(database_url)
    with alone(path):
        plan = plan_rollback(database_url)
        aside = path.with_name(f"{path.name}.rolled-back-{plan.revision}")
        draft = path.with_name(f"{path.name}.earlier")
        try:
            copy_database(snapshot_path(path, plan.revision), draft)
            with _closed_to_others(path):
                aside.unlink(missing_ok=True)
                os.link(path, aside)
                draft.replace(path)
                sync_folder(path.parent)
        finally:
            draft.unlink(missing_ok=True)
    return aside


@contextmanager
def _closed_to_others(path: Path) -> Generator[None]:
    """Nobody else has the file open; everything is in the file itself, none of it in journals."""
    with closing(sqlite3.connect(path, timeout=1, isolation_level=None)) as connection:
        try:
            # Leaving write-ahead mode wants the file alone, which is exactly the question.
            connection.execute("PRAGMA journal_mode=DELETE")
            connection.execute("BEGIN EXCLUSIVE")
        except sqlite3.OperationalError as error:
            raise SchemaError("the database is in use: stop every process of Clary first") from error
        yield
        connection.execute("ROLLBACK")


def _counts(path: Path) -> dict[str, int]:
    from sqlalchemy import create_engine, func, inspect, select, table

    engine = create_engine(f"{SQLITE}{path}")
    try:
        with engine.connect() as connection:
            names = sorted(set(inspect(connection).get_table_names()) - {"alembic_version"})
            return {
                name: connection.execute(select(func.count()).select_from(table(name))).scalar_one() for name in names
            }
    finally:
        engine.dispose()
