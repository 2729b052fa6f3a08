"""The schema a start makes, and what an upgrade does to an existing database (platform.md 13)."""

import runpy
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine

from clary.db import migrate
from clary.db.columns import Row
from clary.db.migrate import (
    SchemaError,
    SchemaState,
    alembic_config,
    check_upgrade,
    ensure_schema,
    known_revisions,
    schema_state,
)

ROOT = Path(__file__).resolve().parents[2]
TOOL = ROOT / "tools" / "make_migration.py"


def url_of(path: Path) -> str:
    return f"sqlite:///{path}"


def test_tables_and_migrations_agree(tmp_path: Path) -> None:
    tool = runpy.run_path(str(TOOL))
    tool["import_tables"]()
    ensure_schema(url_of(tmp_path / "clary.db"))
    engine = create_engine(url_of(tmp_path / "clary.db"))
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "render_as_batch": True})
        found = compare_metadata(context, Row.metadata)
    engine.dispose()
    assert found == []


def test_keys_that_must_not_come_back_do_not_after_all_steps(tmp_path: Path) -> None:
    """A table made anew by a step forgets AUTOINCREMENT unless the step says it: numbers of deleted rows return."""
    path = tmp_path / "clary.db"
    ensure_schema(url_of(path))
    runpy.run_path(str(TOOL))["import_tables"]()
    wanted = {name for name, table in Row.metadata.tables.items() if table.dialect_options["sqlite"]["autoincrement"]}
    with closing(sqlite3.connect(path)) as connection:
        found = connection.execute("SELECT name FROM sqlite_master WHERE sql LIKE '%AUTOINCREMENT%'").fetchall()
    assert {name for (name,) in found} == wanted != set()


def test_the_newest_migration_is_what_the_tool_writes() -> None:
    tool = runpy.run_path(str(TOOL))
    tool["import_tables"]()
    newest = tool["newest"]()
    assert newest.read_text() == tool["formatted"](tool["rendered"](newest))


def test_file_names_tell_the_line_of_revisions() -> None:
    scripts = ScriptDirectory.from_config(alembic_config())
    assert [script.revision for script in scripts.walk_revisions()] == known_revisions()[::-1]


def test_a_current_schema_is_left_alone_without_importing_alembic(tmp_path: Path) -> None:
    url = url_of(tmp_path / "clary.db")
    assert [ensure_schema(url), ensure_schema(url)] == [True, False]
    program = f"import sys; from clary.db.migrate import ensure_schema; ensure_schema({url!r}); print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert not {"alembic", "sqlalchemy"} & set(done.stdout.split())


def test_a_database_is_readable_by_its_owner_only(tmp_path: Path) -> None:
    ensure_schema(url_of(tmp_path / "clary.db"))
    assert (tmp_path / "clary.db").stat().st_mode & 0o777 == 0o600


def test_starts_at_once_upgrade_once(tmp_path: Path) -> None:
    program = f"from clary.db.migrate import ensure_schema; print(ensure_schema({url_of(tmp_path / 'clary.db')!r}))"
    running = [subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True) for _ in range(4)]
    printed = [process.communicate(timeout=60)[0].strip() for process in running]
    assert sorted(printed) == ["False", "False", "False", "True"]


def test_a_newer_database_is_refused(tmp_path: Path) -> None:
    url = url_of(tmp_path / "clary.db")
    ensure_schema(url)
    with closing(sqlite3.connect(tmp_path / "clary.db")) as connection, connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(SchemaError, match="newer than this program"):
        ensure_schema(url)


def test_a_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    (tmp_path / "clary.db").write_bytes(b"no database at all" * 100)
    with pytest.raises(SchemaError, match="damaged or no SQLite file"):
        schema_state(url_of(tmp_path / "clary.db"))


@pytest.fixture
def next_version(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A program with one migration more than the first; returns its folder of versions."""
    folder = tmp_path / "migrations"
    (folder / "versions").mkdir(parents=True)
    for name in ("env.py", "versions/0001_initial.py"):
        (folder / name).write_text((migrate.migrations_dir() / name).read_text())
    head = "from alembic import op\nrevision = '0002'\ndown_revision = '0001'\n\ndef upgrade():\n"
    (folder / "versions" / "0002_more.py").write_text(f"{head}    op.execute('CREATE TABLE more (id INTEGER)')\n")
    monkeypatch.setattr(migrate, "migrations_dir", lambda: folder)
    return folder / "versions"


def _at_first(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as context:
        folder = path.parent / "first"
        (folder / "versions").mkdir(parents=True)
        for name in ("env.py", "versions/0001_initial.py"):
            (folder / name).write_text((ROOT / "migrations" / name).read_text())
        context.setattr(migrate, "migrations_dir", lambda: folder)
        ensure_schema(url_of(path))


def test_an_upgrade_keeps_a_copy_of_the_file(
    tmp_path: Path, next_version: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "clary.db"
    _at_first(path, monkeypatch)
    assert check_upgrade(url_of(path)) == SchemaState("0001", "0002")
    assert schema_state(url_of(path)) == SchemaState("0001", "0002")
    assert ensure_schema(url_of(path)) is True
    copy = tmp_path / "clary.db.before-0002"
    assert (_tables(path) - _tables(copy), copy.stat().st_mode & 0o777) == ({"more"}, 0o600)


def test_a_step_that_fails_changes_nothing(tmp_path: Path, next_version: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "clary.db"
    _at_first(path, monkeypatch)
    script = next_version / "0002_more.py"
    script.write_text(script.read_text() + "    op.execute('no SQL')\n")
    before = _tables(path)
    with pytest.raises(Exception, match="syntax error"):
        ensure_schema(url_of(path))
    assert (_tables(path), schema_state(url_of(path)).stored) == (before, "0001")


def _tables(path: Path) -> set[str]:
    with closing(sqlite3.connect(path)) as connection:
        return {row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}


def test_every_step_leads_back(tmp_path: Path) -> None:
    """Down to nothing and up again gives the same tables."""
    from alembic.command import downgrade, upgrade

    engine = create_engine(url_of(tmp_path / "clary.db"))
    with engine.connect() as connection:
        config = alembic_config()
        config.attributes["connection"] = connection
        upgrade(config, "head")
        first = _tables(tmp_path / "clary.db")
        for revision in [*known_revisions()[-2::-1], "base"]:
            downgrade(config, revision)
        assert _tables(tmp_path / "clary.db") <= {"alembic_version", "sqlite_sequence"}
        upgrade(config, "head")
    engine.dispose()
    assert _tables(tmp_path / "clary.db") == first
