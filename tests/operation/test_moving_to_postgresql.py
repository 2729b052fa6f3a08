"""Whole instances between SQLite and PostgreSQL, and the commands that are for one of them (platform.md 13)."""

import asyncio
import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from sqlalchemy import insert, text
from typer.testing import CliRunner

from clary.cli import app
from clary.db.database import Database
from clary.db.migrate import schema_state
from clary.db.table_rows import RowsError, allow_pauses, numbered, plain_tables
from clary.settings import Settings
from clary.settings.data_dir import secret_key
from clary.wiring import exporting, importing
from clary.wiring.archive_format import LARGEST_IN_MEMORY, ArchiveError, ArchiveReader
from clary.wiring.exporting import export_instance
from clary.wiring.importing import import_instance
from operation.instances import (
    ROWS,
    add_everything,
    files_in,
    left_of,
    rows_in,
    settings_of,
    tables_by_name,
    without_moves,
)
from support.postgresql import PostgresServer

pytestmark = pytest.mark.anyio


def untold(_what: str, _done: int, _total: int) -> None:
    """Nobody looks at the progress."""


@pytest.fixture(scope="module")
def postgres() -> Iterator[PostgresServer]:
    """A server whose own rule of sorting is not the one of bytes, and that cuts off who rests."""
    server = PostgresServer()
    server.start()
    yield server
    server.remove()


@pytest.fixture
async def addresses(postgres: PostgresServer, request: pytest.FixtureRequest) -> list[str]:
    """Two empty databases."""
    connection = await asyncpg.connect(postgres.url())
    names = [f"moved_{abs(hash(request.node.name))}_{number}" for number in range(2)]
    for name in names:
        await connection.execute(f"CREATE DATABASE {name}")
    await connection.close()
    return [postgres.url(name) for name in names]


async def rows_of(settings: Settings) -> dict[str, list[Any]]:
    """Every row of every table, as the program reads them; without the notes of moves themselves."""
    database = Database(settings.database)
    try:
        async with database.read() as db:
            found = {
                table.name: sorted(repr(tuple(row)) for row in await db.execute(table.select()))
                for table in plain_tables()
            }
    finally:
        await database.close()
    return without_moves(found)


async def next_numbers(url: str) -> dict[str, int]:
    """What PostgreSQL would give next."""
    connection = await asyncpg.connect(url)
    try:
        return {
            table: await connection.fetchval(f"SELECT nextval(pg_get_serial_sequence('{table}', '{column}'))")
            for table, column in numbered(plain_tables()).items()
        }
    finally:
        await connection.close()


async def test_an_instance_goes_to_postgresql_and_on_and_back(tmp_path: Path, addresses: list[str]) -> None:
    lite = settings_of(tmp_path / "lite")
    add_everything(lite)
    secret_key(lite)
    row, stored, files = await rows_of(lite), rows_in(lite), files_in(lite)
    assert {len(rows) for rows in row.values()} == {ROWS, ROWS - 1}
    way = [
        lite,
        settings_of(tmp_path / "one", database_url=addresses[0]),
        settings_of(tmp_path / "two", database_url=addresses[1]),
        settings_of(tmp_path / "back"),
    ]
    for number, (old, new) in enumerate(itertools.pairwise(way)):
        archive = tmp_path / f"{number}.tar.gz"
        exported = await export_instance(old, archive, with_key=True, told=untold)
        imported = await import_instance(new, archive, untold)
        assert (exported.rows, exported.files) == (imported.rows, imported.files)
        assert await rows_of(new) == row
        assert (files_in(new), secret_key(new)) == (files, secret_key(lite))
    # Byte for byte what it was, with the numbers that rows which are gone have had.
    assert rows_in(way[-1]) == stored
    # On PostgreSQL counting goes on where it stopped; the last number of `grants` belongs to a row that is gone.
    assert set((await next_numbers(addresses[1])).values()) == {ROWS + 1}


async def test_an_import_that_fails_late_leaves_an_empty_database(tmp_path: Path, addresses: list[str]) -> None:
    old = settings_of(tmp_path / "old")
    add_everything(old)
    secret_key(old)
    archive = tmp_path / "whole.tar.gz"
    await export_instance(old, archive, with_key=True, told=untold)
    new = settings_of(tmp_path / "new", database_url=addresses[0])
    content = archive.read_bytes()
    cut = tmp_path / "cut.tar.gz"
    cut.write_bytes(content[: int(len(content) * 0.995)])
    with pytest.raises((ArchiveError, RowsError)):
        await import_instance(new, cut, untold)
    assert (await asyncio.to_thread(schema_state, new.database)).is_current
    assert {name for name, rows in (await rows_of(new)).items() if rows} == set()
    assert left_of(new) == []
    await import_instance(new, archive, untold)
    before = await rows_of(new)
    with pytest.raises(ArchiveError, match="there is an instance already"):
        await import_instance(settings_of(tmp_path / "other", database_url=addresses[0]), archive, untold)
    assert await rows_of(new) == before == await rows_of(old)


async def test_rows_larger_than_those_before_them_fit_and_pauses_are_not_cut_off(
    tmp_path: Path, addresses: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    old = settings_of(tmp_path / "old")
    tables = tables_by_name(add_everything(old))
    table = tables["event_lines"]
    some = {column.name: None for column in table.columns}
    database = Database(old.database)
    async with database.write() as db:
        [first] = (await db.execute(table.select().limit(1))).mappings().all()
        content = next(column.name for column in table.columns if isinstance(first[column.name], bytes))
        number = next(column.name for column in table.primary_key.columns)
        rows = [
            {**some, **first, number: 1000 + at, "first": 1000 + at, content: b"x" * (1_500_000 if at > 163 else 10)}
            for at in range(170)
        ]
        await db.execute(insert(table), rows)
    await database.close()

    async def cut_off_soon(db: Any) -> None:
        await db.connection()
        await db.execute(_soon(db))
        await allow_pauses(db)
        await asyncio.sleep(0.6)

    monkeypatch.setattr(importing, "allow_pauses", cut_off_soon)
    monkeypatch.setattr(exporting, "allow_pauses", cut_off_soon)
    archive = tmp_path / "large.tar.gz"
    await export_instance(old, archive, with_key=True, told=untold)
    with archive.open("rb") as file:
        sizes = [entry.size for entry in ArchiveReader(file)]
    assert max(sizes) < 7_000_000 < LARGEST_IN_MEMORY
    new = settings_of(tmp_path / "new", database_url=addresses[0])
    await import_instance(new, archive, untold)
    await export_instance(new, tmp_path / "again.tar.gz", with_key=True, told=untold)
    assert (await rows_of(new))["event_lines"] == (await rows_of(old))["event_lines"]


def _soon(db: Any) -> Any:
    is_postgresql = db.get_bind().dialect.name == "postgresql"
    return text("SET LOCAL idle_in_transaction_session_timeout = '200ms'" if is_postgresql else "SELECT 1")


async def test_commands_for_files_of_sqlite_say_what_to_use_instead(tmp_path: Path, addresses: list[str]) -> None:
    environment = {"CLARY_DATA_DIR": str(tmp_path / "data"), "CLARY_DATABASE_URL": addresses[0]}

    def run(*arguments: str, status: int) -> str:
        done = CliRunner().invoke(app, arguments, env=environment)
        assert done.exit_code == status, done.output
        return done.stdout if status == 0 else done.stderr

    tried = await asyncio.to_thread(run, "migrate", "--check", status=0)
    assert "tried and undone: 0001 initial" in tried
    assert (await asyncio.to_thread(schema_state, addresses[0])).stored is None
    assert await asyncio.to_thread(run, "migrate", status=0) == "upgraded\n"
    assert await asyncio.to_thread(run, "migrate", "--check", status=0) == "up to date\n"
    for command in (("backup", str(tmp_path / "copy")), ("restore", str(tmp_path)), ("rollback", "--yes")):
        [line] = run(*command, status=1).splitlines()
        assert "pg_dump -Fc" in line
        assert line.count("clary export") == 2
        assert "空数据库" in line or "只用于 SQLite" in line
    assert not (tmp_path / "copy").exists()
