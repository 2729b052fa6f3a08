"""Brings the schema up to what the program needs.

A start with a current schema costs one query and does not import Alembic. SQLite's file is copied before the first
step; on PostgreSQL all steps are one transaction. Revisions are the four digits that begin the
file names in `versions/`; they form one line, so the highest is the head.
"""

import fcntl
import os
import sqlite3
from collections.abc import Callable, Generator
from contextlib import closing, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, NamedTuple, TypeVar

import clary

if TYPE_CHECKING:
    from alembic.config import Config
    from sqlalchemy import Connection

T = TypeVar("T")

SQLITE = "sqlite:///"
BUSY_SECONDS = 60
COPIED_PAGES = 2048
"""Pages of a portion: 8 MiB, a few milliseconds."""


class SchemaError(Exception):
    """The schema cannot be brought to what this program needs; the text is one line for the operator."""


class DatabaseAwayError(SchemaError):
    """The database does not answer; later it may."""


class SchemaState(NamedTuple):
    """The revision in the database (None: empty database) and the one the program needs."""

    stored: str | None
    head: str

    @property
    def is_current(self) -> bool:
        """Whether nothing has to be done."""
        return self.stored == self.head


def migrations_dir() -> Path:
    """Where the migrations lie: inside the installed package, or beside `src` in a source tree."""
    package = Path(clary.__file__).resolve().parent
    for folder in (package / "migrations", package.parents[1] / "migrations"):
        if (folder / "env.py").is_file():
            return folder
    raise SchemaError("the program is incomplete: its migrations are missing")


def steps_between(stored: str | None, head: str) -> list[str]:
    """The names of the steps from one revision to a later one, as `0006 platform`, oldest first."""
    files = sorted((migrations_dir() / "versions").glob("[0-9][0-9][0-9][0-9]_*.py"))
    return [file.stem.replace("_", " ", 1) for file in files if (stored or "") < file.name[:4] <= head]


def known_revisions() -> list[str]:
    """Every revision of this program, oldest first."""
    return sorted(path.name[:4] for path in (migrations_dir() / "versions").glob("[0-9][0-9][0-9][0-9]_*.py"))


def schema_state(database_url: str) -> SchemaState:
    """Compares database and program without changing either.

    Raises:
        SchemaError: the database was made by a newer program, or is no database of ours.
        DatabaseAwayError: it does not answer.
    """
    known = known_revisions()
    if _is_postgresql(database_url):
        stored = _on_postgresql(database_url, _revision_on_postgresql, keep=False)
    else:
        stored = stored_revision(sqlite_path(database_url))
    if stored is not None and stored not in known:
        raise SchemaError("the database is newer than this program; install the newer program or restore a copy")
    return SchemaState(stored, known[-1])


def ensure_schema(database_url: str) -> bool:
    """Upgrades the schema if needed; blocking, so call it in a thread. Returns whether anything changed.

    Before the first step on an existing database its file is copied to `<file>.before-<head>`. Several processes that
    start together do it once.

    Raises:
        SchemaError: see `schema_state`.
    """
    if schema_state(database_url).is_current:
        return False
    if _is_postgresql(database_url):
        return _on_postgresql(database_url, _upgrade_postgresql)
    path = sqlite_path(database_url)
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with alone(path):
        state = schema_state(database_url)
        if state.is_current:
            return False
        if state.stored is not None:
            copy_database(path, snapshot_path(path, state.head))
        _upgrade(path)
    return True


def check_upgrade(database_url: str) -> SchemaState:
    """Tries the upgrade on a copy, on PostgreSQL in a transaction that is undone; changes nothing.

    Raises:
        SchemaError: see `schema_state`; anything else the upgrade raises is its own fault and passes through.
    """
    state = schema_state(database_url)
    if _is_postgresql(database_url):
        _on_postgresql(database_url, _upgrade_postgresql, keep=False)
    elif not state.is_current:
        source = sqlite_path(database_url)
        with TemporaryDirectory(prefix="clary-migrate-") as folder:
            copy = Path(folder) / "copy.db"
            if source.exists():
                copy_database(source, copy)
            _upgrade(copy)
    return state


def snapshot_path(path: Path, revision: str) -> Path:
    """Where the copy lies that was made before the upgrade to a revision."""
    return path.with_name(f"{path.name}.before-{revision}")


def copy_database(source: Path, target: Path, progress: Callable[[int, int], None] | None = None) -> None:
    """A consistent copy of a SQLite file, readable by its owner only and on its disk; replaces an older copy.

    Writers of the source wait for one portion at most. `progress` hears how many pages are done, and of how many.

    Raises:
        SchemaError: it cannot be written; nothing of it is left.
    """
    unfinished = target.with_name(target.name + ".part")
    unfinished.unlink(missing_ok=True)
    try:
        descriptor = os.open(unfinished, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600)
        try:
            with closing(sqlite3.connect(source, timeout=BUSY_SECONDS)) as origin, closing(_plain(unfinished)) as copy:
                _copy_pages(origin, copy, progress)
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        unfinished.replace(target)
        sync_folder(target.parent)
    except (OSError, sqlite3.OperationalError) as error:
        raise SchemaError("a copy of the database cannot be written: no space, or no access") from error
    finally:
        unfinished.unlink(missing_ok=True)


def _copy_pages(
    origin: sqlite3.Connection, copy: sqlite3.Connection, progress: Callable[[int, int], None] | None
) -> None:
    # One snapshot for all portions: without it every foreign write would begin the copy anew.
    origin.execute("BEGIN")
    origin.execute("SELECT count(*) FROM sqlite_master").fetchone()
    origin.backup(
        copy,
        pages=COPIED_PAGES,
        progress=None if progress is None else lambda _, left, total: progress(total - left, total),
    )


def _plain(path: Path) -> sqlite3.Connection:
    # A copy that dies is thrown away: no journal of its own.
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA synchronous=OFF")
    return connection


def sync_folder(folder: Path) -> None:
    """Puts the names in a folder on the disk, so that a rename outlives a power loss."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sqlite_path(database_url: str) -> Path:
    """The file of a SQLite address.

    Raises:
        SchemaError: another kind of database.
    """
    if not database_url.startswith(SQLITE):
        raise SchemaError("the database is not a SQLite file")
    return Path(database_url.removeprefix(SQLITE))


def stored_revision(path: Path) -> str | None:
    """The revision in a SQLite file; None: no file, or nothing of ours in it.

    Raises:
        SchemaError: the file cannot be opened, or is no database.
    """
    if not path.exists():
        return None
    try:
        with closing(sqlite3.connect(path, timeout=BUSY_SECONDS)) as connection:
            row = connection.execute("SELECT version_num FROM alembic_version").fetchone()
    except sqlite3.OperationalError as error:
        if "no such table" in str(error):
            return None
        raise SchemaError("the database file cannot be opened") from error
    except sqlite3.DatabaseError as error:
        raise SchemaError("the database file is damaged or no SQLite file") from error
    return row[0] if row else None


@contextmanager
def alone(path: Path) -> Generator[None]:
    """One process at a time changes the schema; the kernel frees the lock when its holder dies."""
    descriptor = os.open(path.with_name(path.name + ".lock"), os.O_CREAT | os.O_RDWR, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def make_at_revision(database_url: str, revision: str) -> None:
    """Makes an empty SQLite database of an earlier revision; blocking."""
    _upgrade(sqlite_path(database_url), revision)


def _upgrade(path: Path, revision: str = "head") -> None:
    from alembic import command
    from sqlalchemy import create_engine

    from clary.db.database import set_write_ahead

    if not path.exists():
        os.close(os.open(path, os.O_CREAT | os.O_WRONLY, 0o600))
    set_write_ahead(path)
    engine = create_engine(f"{SQLITE}{path}", connect_args={"timeout": BUSY_SECONDS})
    try:
        with engine.connect() as connection:
            config = alembic_config()
            config.attributes["connection"] = connection
            command.upgrade(config, revision)
    finally:
        engine.dispose()


def _is_postgresql(database_url: str) -> bool:
    return database_url.startswith("postgres")


def _on_postgresql(database_url: str, work: Callable[["Connection"], T], *, keep: bool = True) -> T:
    """In one transaction; the driver is loaded only for a database that needs it."""
    from clary.db.postgresql import NotConnectedError, in_transaction

    try:
        return in_transaction(database_url, work, keep=keep)
    except NotConnectedError as error:
        raise DatabaseAwayError(f"the database cannot be reached ({error})") from error


def _revision_on_postgresql(connection: "Connection") -> str | None:
    from clary.db.postgresql import fault_of_database

    fault = fault_of_database(connection)
    if fault is not None:
        raise SchemaError(fault)
    if connection.exec_driver_sql("SELECT to_regclass('alembic_version')").scalar() is None:
        return None
    return connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalar()


def _upgrade_postgresql(connection: "Connection") -> bool:
    from alembic import command

    from clary.db.postgresql import lock_schema, order_by_bytes

    lock_schema(connection)
    if _revision_on_postgresql(connection) == known_revisions()[-1]:
        return False
    config = alembic_config()
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
    order_by_bytes(connection)
    return True


def alembic_config() -> "Config":
    """Alembic's configuration; `attributes["connection"]` must be set before use."""
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(migrations_dir()).replace("%", "%%"))
    return config
