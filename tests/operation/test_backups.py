"""`clary backup` and `clary restore`, and a server that goes on meanwhile (docs/operation.md)."""

import asyncio
import json
import os
import signal
import sqlite3
import subprocess
import sys
import threading
from contextlib import closing
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from clary.db.migrate import known_revisions
from clary.settings import Settings
from clary.settings.data_dir import secret_key
from clary.wiring import backups
from clary.wiring.backups import BackupError, check_backup, make_backup, restore_backup
from clary.wiring.exporting import export_instance
from clary.wiring.importing import import_instance
from operation.instances import add_everything, files_in, left_of, rows_in, settings_of
from support.server_process import Person, ServerProcess, running, signed_in
from support.terminal import clary

pytestmark = pytest.mark.anyio


def untold(_what: str, _done: int, _total: int) -> None:
    """Nobody looks at the progress."""


def filled(folder: Path) -> Settings:
    """An instance with everything."""
    settings = settings_of(folder / "old")
    add_everything(settings)
    secret_key(settings)
    return settings


def test_a_backup_is_all_of_it_and_comes_back(tmp_path: Path) -> None:
    old, target = filled(tmp_path), tmp_path / "backup"
    facts = make_backup(old, target, with_key=True, told=untold)
    assert facts == check_backup(target, untold)
    new = settings_of(tmp_path / "new")
    assert restore_backup(new, target, untold) == facts
    assert (rows_in(new), files_in(new), secret_key(new)) == (rows_in(old), files_in(old), secret_key(old))
    modes = {path.name: path.stat().st_mode & 0o777 for path in (target, target / "clary.db", target / "secret.key")}
    assert modes == {"backup": 0o700, "clary.db": 0o600, "secret.key": 0o600}
    with pytest.raises(BackupError, match="there is an instance already"):
        restore_backup(new, target, untold)
    with pytest.raises(BackupError, match="is there already"):
        make_backup(old, target, with_key=True, told=untold)


@pytest.mark.sqlite
def test_without_the_key_it_says_so_and_wants_the_key_first(tmp_path: Path) -> None:
    old = filled(tmp_path)
    done = clary(tmp_path, "backup", "copy", CLARY_DATA_DIR=str(old.data_dir))
    assert (done.returncode, done.stdout) == (0, f"backed up revision {known_revisions()[-1]} and 8 files to copy\n")
    assert done.stderr.startswith("the secret key is not in it: keep secret.key")
    assert not (tmp_path / "copy" / "secret.key").exists()
    refused = clary(tmp_path, "restore", "copy")
    assert (refused.returncode, left_of(settings_of(tmp_path / "data"))) == (1, [])
    assert refused.stderr.startswith("the secret key is not included: put secret.key into the data directory")
    (tmp_path / "copy" / "objects" / "a.txt").rename(tmp_path / "a.txt")
    broken = clary(tmp_path, "restore", "copy", "--check")
    assert (broken.returncode, broken.stdout, broken.stderr) == (1, "", "objects/a.txt is missing\n")
    (tmp_path / "a.txt").rename(tmp_path / "copy" / "objects" / "a.txt")
    with_key = clary(tmp_path, "restore", "copy", CLARY_SECRET_KEY=secret_key(old).hex())
    assert (with_key.returncode, with_key.stdout[:39]) == (
        0,
        f"restored: revision {known_revisions()[-1]}, 8 files, made ",
    )


@pytest.mark.parametrize("name", ["clary.db", "files.jsonl", "objects/a.txt", "backup.json"])
def test_a_backup_that_is_not_whole_is_found_and_leaves_nothing(tmp_path: Path, name: str) -> None:
    old, target = filled(tmp_path), tmp_path / "backup"
    make_backup(old, target, with_key=True, told=untold)
    content = bytearray((target / name).read_bytes())
    content[len(content) // 2] ^= 1
    (target / name).write_bytes(content)
    with pytest.raises(BackupError):
        check_backup(target, untold)
    new = settings_of(tmp_path / "new")
    with pytest.raises(BackupError):
        restore_backup(new, target, untold)
    assert not new.data_dir.exists()


def test_a_name_that_leads_out_is_refused(tmp_path: Path) -> None:
    old, target = filled(tmp_path), tmp_path / "backup"
    make_backup(old, target, with_key=True, told=untold)
    (target / "files.jsonl").write_text('{"path":"objects/../../out","size":1,"sha256":"","executable":false}\n')
    facts = json.loads((target / "backup.json").read_text())
    facts["sha256"]["files.jsonl"] = backups.hash_of(target / "files.jsonl")
    (target / "backup.json").write_text(json.dumps(facts))
    with pytest.raises(BackupError, match="leads out"):
        restore_backup(settings_of(tmp_path / "new"), target, untold)


def test_files_that_come_and_go_meanwhile_leave_no_row_without_its_file(tmp_path: Path) -> None:
    """What is removed after the first look stays in the copy; what comes before the database is copied is added."""
    old, target = filled(tmp_path), tmp_path / "backup"

    def meanwhile(what: str, done: int, _total: int) -> None:
        if what == "database" and done:
            (old.objects / "a.txt").unlink(missing_ok=True)
            (old.objects / "late").write_bytes(b"late")
            (old.workspaces / "a.txt").write_bytes(b"changed")

    make_backup(old, target, with_key=False, told=meanwhile)
    check_backup(target, untold)
    assert (target / "objects" / "a.txt").read_bytes().startswith(b"a.txt")
    assert (target / "objects" / "late").read_bytes() == b"late"
    assert (target / "workspaces" / "a.txt").read_bytes() == b"changed"


async def test_writers_go_on_while_a_large_database_is_copied(tmp_path: Path) -> None:
    """The copy shows one moment, and nobody waits for it: the longest write is far shorter than the copy."""
    old, target = filled(tmp_path), tmp_path / "backup"
    path = old.data_dir / "clary.db"
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("CREATE TABLE ballast (content BLOB)")
        connection.execute(
            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 60) "
            "INSERT INTO ballast SELECT randomblob(1000000) FROM n"
        )
        connection.execute("CREATE TABLE pairs (a INTEGER, b INTEGER)")
    stop, written = threading.Event(), list[int]()

    def write() -> None:
        with closing(sqlite3.connect(path, isolation_level=None, timeout=1)) as connection:
            while not stop.is_set():
                connection.execute("BEGIN IMMEDIATE")
                connection.execute("INSERT INTO pairs VALUES (?, 0)", (len(written),))
                connection.execute("UPDATE pairs SET b = 1 WHERE a = ?", (len(written),))
                connection.execute("COMMIT")
                written.append(1)

    during = list[int]()
    thread = threading.Thread(target=write)
    thread.start()
    try:
        await asyncio.to_thread(
            make_backup,
            old,
            target,
            with_key=False,
            told=lambda what, *_: during.append(len(written)) if what == "database" else None,
        )
    finally:
        stop.set()
        thread.join()
    assert len(during) > 3
    assert during[-1] > during[0], "nobody could write while the database was copied"
    with closing(sqlite3.connect(target / "clary.db")) as copy:
        assert copy.execute("SELECT count(*) FROM pairs WHERE b = 0").fetchone() == (0,)
        assert copy.execute("PRAGMA integrity_check").fetchone() == ("ok",)


STOPPED = """
import os, signal, sys
from clary.wiring import backups, exporting, importing
def slow(*_, **__):
    os.kill(os.getpid(), int(os.environ["SENT"]))
    import time
    time.sleep(30)
backups.copy_database = slow
exporting.allow_pauses = slow
importing.set_last_numbers = slow
from clary.cli import main
main()
"""


@pytest.mark.parametrize("command", ["backup", "export"])
def test_a_call_to_stop_leaves_nothing(tmp_path: Path, command: str) -> None:
    old = filled(tmp_path)
    done = subprocess.run(
        [sys.executable, "-c", STOPPED, command, "target"],
        env={**os.environ, "CLARY_DATA_DIR": str(old.data_dir), "SENT": str(int(signal.SIGTERM))},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stderr.splitlines()[-1]) == (130, "stopped; nothing is left of it")
    assert [path.name for path in tmp_path.iterdir()] == ["old"]


@pytest.mark.parametrize("sent", [signal.SIGTERM, signal.SIGKILL])
async def test_an_import_that_is_stopped_or_killed_is_begun_anew(tmp_path: Path, sent: signal.Signals) -> None:
    old = filled(tmp_path)
    await export_instance(old, tmp_path / "all.tar.gz", with_key=True, told=untold)
    new = settings_of(tmp_path / "new")
    done = await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "-c", STOPPED, "import", "all.tar.gz"],
        env={**os.environ, "CLARY_DATA_DIR": str(new.data_dir), "SENT": str(int(sent))},
        cwd=tmp_path,
        timeout=60,
        check=False,
    )
    if sent is signal.SIGTERM:
        assert (done.returncode, left_of(new)) == (130, [])
    assert {name for name, rows in rows_in(new).items() if rows} <= {"alembic_version", "sqlite_sequence"}
    await import_instance(new, tmp_path / "all.tar.gz", untold)
    assert (rows_in(new), files_in(new)) == (rows_in(old), files_in(old))


MEASURED = """
import asyncio, resource, sys
from pathlib import Path
import clary.wiring.services
from clary.settings import load_settings
from clary.settings.data_dir import secret_key
from clary.wiring.exporting import export_instance
from clary.wiring.importing import import_instance
folder = Path(sys.argv[1])
untold = lambda *_: None
def most():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
secret_key(load_settings(data_dir=folder / "old"))
before = most()
asyncio.run(export_instance(load_settings(data_dir=folder / "old"), folder / "all.tar.gz", with_key=True, told=untold))
asyncio.run(import_instance(load_settings(data_dir=folder / "new"), folder / "all.tar.gz", untold))
print(most() - before)
"""


@pytest.mark.slow
def test_memory_does_not_grow_with_the_instance(tmp_path: Path) -> None:
    """200 MiB of rows and files, and a small part of it in memory."""
    settings = filled(tmp_path)
    with closing(sqlite3.connect(settings.data_dir / "clary.db")) as connection, connection:
        connection.execute(
            "WITH RECURSIVE n(i) AS (SELECT 10 UNION ALL SELECT i + 1 FROM n WHERE i < 2000) "
            "INSERT INTO event_lines (log_id, first, count, lines) SELECT 1, i, 1, randomblob(50000) FROM n"
        )
    with (settings.objects / "large").open("wb") as file:
        for _ in range(100):
            file.write(os.urandom(1024 * 1024))
    done = subprocess.run(
        [sys.executable, "-c", MEASURED, str(tmp_path)], capture_output=True, text=True, timeout=110, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert int(done.stdout) < 100
    assert rows_in(settings_of(tmp_path / "new"))["event_lines"] == rows_in(settings)["event_lines"]


async def _write_note(person: Person, server: ServerProcess, number: int) -> None:
    form = aiohttp.FormData()
    form.add_field("file", f"content {number}".encode(), filename=f"{number}.txt")
    async with (
        aiohttp.ClientSession(headers=person.headers) as session,
        session.post(server.url + "/api/oss/upload", data=form) as answer,
    ):
        assert (await answer.json())["code"] == 200


@pytest.mark.sqlite
@pytest.mark.timeout(300)
async def test_a_running_server_is_copied_exported_and_comes_back(tmp_path: Path) -> None:
    """People upload all the while; each file that a row of the copy names is in it, and the audit chain holds."""
    async with running(tmp_path / "data") as server:
        admin = await signed_in(server)
        stop = asyncio.Event()
        await _write_note(admin, server, 0)

        async def go_on() -> None:
            number = 1
            while not stop.is_set():
                await _write_note(admin, server, number)
                number += 1

        writing = asyncio.create_task(go_on())
        try:
            for command in (("backup", "copy", "--with-secret-key"), ("export", "all.tar.gz", "--with-secret-key")):
                done = await asyncio.to_thread(clary, tmp_path, *command)
                assert done.returncode == 0, done.stderr
        finally:
            stop.set()
            await writing
    restored, imported = settings_of(tmp_path / "restored"), settings_of(tmp_path / "imported")
    await asyncio.to_thread(restore_backup, restored, tmp_path / "copy", untold)
    await import_instance(imported, tmp_path / "all.tar.gz", untold)
    assert (_missing(restored.data_dir), _missing(imported.data_dir)) == ([], [])
    verified = await asyncio.to_thread(clary, tmp_path, "audit", "verify", CLARY_DATA_DIR=str(imported.data_dir))
    assert verified.stdout.startswith("intact: "), verified.stderr
    async with running(tmp_path / "imported") as server:
        people: Any = await (await signed_in(server)).data("GET", "/api/user/list")
        assert people["total"] == 1


def _missing(folder: Path) -> list[str]:
    with closing(sqlite3.connect(folder / "clary.db")) as connection:
        blobs = [blob for (blob,) in connection.execute("SELECT blob FROM files")]
    assert blobs
    return [blob for blob in blobs if not (folder / "objects" / blob).is_file()]
