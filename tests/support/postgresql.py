"""A private PostgreSQL for the tests: one server per test process, one template, one copy of it per data directory.

`CLARY_TEST_DATABASE=postgresql` lets every test run on it; `CLARY_TEST_POSTGRES_URL` names a server to use instead of
an own one (its user must be allowed to make databases).
"""

import asyncio
import atexit
import hashlib
import os
import shutil
import subprocess
import tempfile
import threading
import time
from collections.abc import Coroutine, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path
from typing import Any

import asyncpg

from clary.db.migrate import ensure_schema

IS_CHOSEN = os.environ.get("CLARY_TEST_DATABASE") == "postgresql"
GIVEN = os.environ.get("CLARY_TEST_POSTGRES_URL")
START_SECONDS = 60
QUICK = {
    "fsync": "off",
    "full_page_writes": "off",
    "shared_buffers": "64MB",
    "max_connections": "300",
    "max_wal_size": "256MB",
    "autovacuum": "off",
    "listen_addresses": "",
    "log_min_messages": "fatal",
}


class PostgresServer:
    """A server on a socket in a folder of its own."""

    def __init__(self, **settings: str) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="clary-pg-", dir="/tmp"))
        self._settings = {**QUICK, **settings}
        self._process: subprocess.Popen[bytes] | None = None
        # PostgreSQL refuses to run as root.
        self._account = "postgres" if os.geteuid() == 0 else None
        if self._account is not None:
            shutil.chown(self.folder, self._account)
        initialise = [
            "initdb",
            "--auth=trust",
            "--username=postgres",
            "--encoding=UTF8",
            "--locale=C.UTF-8",
            "--no-sync",
        ]
        made = subprocess.run(
            [_program(initialise[0]), *initialise[1:], "-D", str(self.folder / "data")],
            user=self._account, group=self._account, cwd=self.folder, capture_output=True, check=False,
        )  # fmt: skip
        assert made.returncode == 0, made.stderr.decode()

    def url(self, database: str = "postgres") -> str:
        """The address of a database."""
        return f"postgresql://postgres@/{database}?host={self.folder}"

    def start(self) -> None:
        """Starts it and waits until it answers; it ends with this process."""
        options = [part for name, value in self._settings.items() for part in ("-c", f"{name}={value}")]
        rights = [f"--reuid={self._account}", f"--regid={self._account}", "--clear-groups"] if self._account else []
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                ["setpriv", *rights, "--pdeathsig=INT", _program("postgres"), "-D", str(self.folder / "data"),
                 "-k", str(self.folder), *options],
                cwd=self.folder, stdout=log, stderr=log,
            )  # fmt: skip
        give_up_at = time.monotonic() + START_SECONDS
        while subprocess.run([_program("pg_isready"), "-q", "-h", str(self.folder)], check=False).returncode:
            assert self._process.poll() is None, (self.folder / "log").read_text()
            assert time.monotonic() < give_up_at, "PostgreSQL does not answer"
            time.sleep(0.02)

    def stop(self, *, at_once: bool = False) -> None:
        """Ends it: connections are cut; `at_once` as a crash would."""
        if self._process is not None:
            self._process.send_signal(3 if at_once else 2)
            self._process.wait(START_SECONDS)
            self._process = None

    def remove(self) -> None:
        """Ends it and deletes everything."""
        self.stop(at_once=True)
        shutil.rmtree(self.folder, ignore_errors=True)


def _program(name: str) -> str:
    """Where Debian puts servers is not on the path.

    Raises:
        AssertionError: there is no PostgreSQL; the suite fails rather than passing by what it promises.
    """
    newest = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"), key=lambda path: int(path.parts[4]))
    found = str(newest[-1]) if newest else shutil.which(name)
    assert found is not None, f"{name} is missing: install the Debian package postgresql (make dev-setup does)"
    return found


class _Desk:
    """One connection that makes and drops databases, from any thread."""

    def __init__(self, url: str) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._connection: asyncpg.Connection[Any] = self._run(asyncpg.connect(url))
        self._made: set[str] = set()

    def _run(self, work: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(60)

    def make(self, name: str, template: str = "template0") -> None:
        """A copy of a database; one that is there stays."""
        if name not in self._made:
            self._run(self._connection.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}" ENCODING UTF8'))
            self._made.add(name)

    def drop(self, name: str) -> None:
        """Deletes a database whoever is connected."""
        self._made.discard(name)
        self._run(self._connection.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)'))

    def drop_all(self, prefix: str) -> None:
        """Deletes those of a folder and everything in it."""
        for name in [each for each in self._made if each.startswith(prefix)]:
            self.drop(name)

    def fetch(self, database: str, statements: Sequence[str], *values: Any) -> list[Any]:
        """Rows of statements in a database, one list of all."""

        async def work() -> list[Any]:
            connection = await asyncpg.connect(_at(database))
            try:
                return [tuple(row) for each in statements for row in await connection.fetch(each, *values)]
            finally:
                await connection.close()

        return self._run(work())

    def close(self) -> None:
        """Deletes what is left."""
        self.drop_all("")
        self._run(self._connection.close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()


@cache
def _server_url() -> str:
    if GIVEN is not None:
        return GIVEN
    server = PostgresServer()
    atexit.register(server.remove)
    server.start()
    return server.url()


@cache
def _desk() -> _Desk:
    desk = _Desk(_server_url())
    atexit.register(desk.close)
    return desk


def _at(name: str) -> str:
    base, _, query = _server_url().partition("?")
    return f"{base.rpartition('/')[0]}/{name}" + (f"?{query}" if query else "")


@cache
def _template() -> str:
    """A database that went every step of the migrations."""
    name = f"clary_template_{os.getpid()}"
    _desk().make(name)
    # Migrations run a loop of their own, and a test has one already.
    with ThreadPoolExecutor(1) as threads:
        threads.submit(ensure_schema, _at(name)).result()
    return name


def _name(folder: Path) -> str:
    """The test's folder first, so that all of a test can be found; processes must not meet on a given server."""
    test = hashlib.sha256(str(folder.parent if folder.name == "data" else folder).encode()).hexdigest()[:24]
    return f"clary_{os.getpid()}_{test}"


def postgresql_in(folder: Path, *, empty: bool = False) -> str:
    """The address of the database that belongs to a folder, made now with every table; `empty`: without."""
    name = _name(folder)
    _desk().make(name, "template0" if empty else _template())
    return _at(name)


def forget_postgresql_in(folder: Path) -> None:
    """Deletes what belonged to a folder."""
    for each in (folder, *(path for path in folder.rglob("data") if path.is_dir())):
        if _name(each) in _desk()._made:
            _desk().drop(_name(each))


def run(folder: Path, statement: str, *values: Any) -> list[Any]:
    """Rows of a statement; `?` stands for a value."""
    parts = statement.split("?")
    numbered = parts[0] + "".join(f"${number}{part}" for number, part in enumerate(parts[1:], 1))
    return _desk().fetch(_name(folder), [numbered], *values)


def all_values(folder: Path) -> bytes:
    """Every value of every table."""
    tables = run(folder, "SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
    rows = _desk().fetch(_name(folder), [f'SELECT * FROM "{table}"' for (table,) in tables])
    return b"\n".join(each if isinstance(each, bytes) else str(each).encode() for row in rows for each in row)
