"""Upgrades that are killed at any step, and the way back (platform.md 13)."""

import json
import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from clary.db.migrate import SchemaError, ensure_schema, known_revisions, snapshot_path, stored_revision
from clary.db.rollback import plan_rollback, roll_back
from support.terminal import clary

DYING = Path(__file__).with_name("dying.py")


def test_an_upgrade_from_every_released_schema_survives_a_kill_at_every_step(tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, str(DYING), str(tmp_path)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    deaths = [json.loads(line) for line in done.stdout.splitlines()]
    head = known_revisions()[-1]
    assert [death for death in deaths if death["status"] != -9 or death["left"] not in ("old", "new")] == []
    assert [death for death in deaths if not death["healed"]] == []
    assert {tuple(death["copies"]) for death in deaths} == {(f"clary.db.before-{head}",)}
    assert {death["revision"] for death in deaths} == set(known_revisions()[:-1])
    assert len(deaths) >= 5 * len(known_revisions()[:-1])


def _upgraded(folder: Path) -> Path:
    """A database that was upgraded to the newest revision and written to since."""
    from alembic import command
    from sqlalchemy import create_engine

    from clary.db.database import set_write_ahead
    from clary.db.migrate import alembic_config

    path = folder / "data" / "clary.db"
    path.parent.mkdir(parents=True)
    set_write_ahead(path)
    engine = create_engine(f"sqlite:///{path}")
    with engine.connect() as connection:
        config = alembic_config()
        config.attributes["connection"] = connection
        command.upgrade(config, known_revisions()[-2])
    engine.dispose()
    ensure_schema(f"sqlite:///{path}")
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("INSERT INTO system_settings VALUES ('announcement', '\"new\"')")
    return path


@pytest.mark.sqlite
def test_a_rollback_says_what_is_missing_afterwards_and_keeps_the_newer_database(tmp_path: Path) -> None:
    path = _upgraded(tmp_path)
    head, earlier = known_revisions()[-1], known_revisions()[-2]
    asked = clary(tmp_path, "rollback", stdin="n\n")
    assert asked.returncode == 1
    assert asked.stdout.startswith(f"from revision {head} to {earlier}, as it was at ")
    assert "missing afterwards: 1 rows of system_settings\n" in asked.stdout
    assert asked.stderr.endswith("nothing was changed\n")
    assert stored_revision(path) == head
    done = clary(tmp_path, "rollback", "--yes")
    assert (done.returncode, done.stdout.splitlines()[-1]) == (
        0,
        f"rolled back; the newer database is clary.db.rolled-back-{head}",
    )
    assert stored_revision(path) == earlier
    with closing(sqlite3.connect(path.with_name(f"clary.db.rolled-back-{head}"))) as connection:
        assert connection.execute("SELECT count(*) FROM system_settings").fetchone() == (1,)
    assert path.stat().st_mode & 0o777 == 0o600
    again = clary(tmp_path, "rollback", "--yes")
    assert (again.returncode, again.stderr) == (
        1,
        f"there is no copy of the database from before revision {earlier}\n",
    )


def test_a_database_in_use_is_not_rolled_back(tmp_path: Path) -> None:
    path = _upgraded(tmp_path)
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("SELECT count(*) FROM users").fetchone()
        with pytest.raises(SchemaError, match="in use: stop every process"):
            roll_back(f"sqlite:///{path}")
    assert stored_revision(path) == known_revisions()[-1]
    assert [each.name for each in path.parent.iterdir() if "earlier" in each.name or "rolled" in each.name] == []


def test_without_a_database_there_is_nothing_to_roll_back(tmp_path: Path) -> None:
    with pytest.raises(SchemaError, match="no database to roll back"):
        plan_rollback(f"sqlite:///{tmp_path / 'clary.db'}")


@pytest.mark.sqlite
def test_a_full_disk_ends_the_upgrade_with_one_line_before_its_first_step(tmp_path: Path) -> None:
    path = _upgraded(tmp_path)
    assert clary(tmp_path, "rollback", "--yes").returncode == 0
    # Another snapshot cannot be written: as good as a full disk, and the same for root.
    snapshot_path(path, known_revisions()[-1]).unlink()
    limited = (
        "import resource, sys, clary.cli as c; resource.setrlimit(resource.RLIMIT_FSIZE, (65536, 65536));"
        "import signal; signal.signal(signal.SIGXFSZ, signal.SIG_IGN); sys.argv = ['clary', 'migrate']; c.main()"
    )
    done = subprocess.run(
        [sys.executable, "-c", limited],
        env={**os.environ, "CLARY_DATA_DIR": str(path.parent)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (
        1,
        "a copy of the database cannot be written: no space, or no access\n",
    )
    assert [each.name for each in path.parent.iterdir() if "before" in each.name] == []
    assert stored_revision(path) == known_revisions()[-2]
    assert clary(tmp_path, "migrate").stdout == "upgraded\n"
