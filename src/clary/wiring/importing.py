"""Import of an archive into an instance that has nothing yet, of any database; all or nothing.

Files are laid beside their places and rows wait in one transaction until the whole archive was read and its hash fits;
then the folders are named and the rows committed. Rows of an earlier revision go into a scratch database of that
revision first, are upgraded there, and read out again.
"""

import asyncio
import itertools
import json
import shutil
import tempfile
from collections.abc import AsyncGenerator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

from clary.db.database import Database
from clary.db.migrate import SQLITE, ensure_schema, known_revisions, make_at_revision
from clary.db.session import Session
from clary.db.table_rows import (
    RowsError,
    Tables,
    add_rows,
    allow_pauses,
    from_line,
    is_any_row,
    plain_tables,
    portions_of,
    reflected_tables,
    set_last_numbers,
)
from clary.features.audit.service import CLI, Act
from clary.kit.file_trees import UNFINISHED, is_empty, write_hashed
from clary.settings import Settings
from clary.settings.data_dir import prepare_data_dir
from clary.wiring.archive_format import FILES, FORMAT, HEADER, KEY, ROWS, ArchiveError, ArchiveReader, Entry, shown
from clary.wiring.backups import Told, check_key, place_key, rooms_of
from clary.wiring.bucket_contents import Bucket, keep_contents
from clary.wiring.identity import audit_log


class Imported(NamedTuple):
    """What came in, and the revision of the archive. `missing`: contents that rows name and it has not."""

    revision: str
    rows: int
    files: int
    missing: int


async def import_instance(settings: Settings, source: Path, told: Told) -> Imported:
    """Takes an archive into an empty instance.

    Raises:
        ArchiveError, BackupError, RowsError, SchemaError, SettingsError, UnavailableError: nothing of it is there.
    """
    await asyncio.to_thread(prepare_data_dir, settings)
    await asyncio.to_thread(ensure_schema, settings.database)
    database = Database(settings.database, pool_size=2)
    try:
        with await asyncio.to_thread(source.open, "rb") as file:
            return await _Import(settings, told).run(database, file)
    except OSError as error:
        raise ArchiveError(f"the archive cannot be read, or not be unpacked ({error.strerror})") from error
    finally:
        await database.close()


class _Import:
    """One import."""

    def __init__(self, settings: Settings, told: Told) -> None:
        self._settings = settings
        self._told = told
        self._rooms = rooms_of(settings)
        self._key: bytes | None = None
        self._counts: dict[str, int] = {}
        self._files = 0
        self._missing = 0

    async def run(self, database: Database, file: BinaryIO) -> Imported:
        """Reads all of it, then keeps all of it."""
        entries = iter(reader := ArchiveReader(file))
        header = await asyncio.to_thread(_header, entries)
        check_key(self._settings, header["key_fingerprint"], has_key=header["has_key"])
        async with AsyncExitStack() as undo:
            undo.callback(self._remove_unfinished)
            async with database.write() as db:
                await allow_pauses(db)
                tables = plain_tables()
                if await is_any_row(db, tables) or not all(map(is_empty, self._rooms.values())):
                    raise ArchiveError("there is an instance already: import into an empty one")
                self._remove_unfinished()
                async with self._place_for_rows(header["revision"], db, tables) as (target, at_revision):
                    await self._take_entries(entries, target, at_revision)
                    numbers = self._numbers_of(reader.manifest or {})
                await set_last_numbers(db, tables, numbers)
                detail = {"revision": header["revision"], "made_at": header.get("made_at"), "files": self._files}
                await audit_log(self._settings, database).record(db, Act("instance.imported", CLI, detail=detail))
                await self._keep_files(db, undo)
            # Committed: what is there stays.
            undo.pop_all()
        return Imported(header["revision"], sum(self._counts.values()), self._files, self._missing)

    @asynccontextmanager
    async def _place_for_rows(
        self, revision: str, db: Session, tables: Tables
    ) -> AsyncGenerator[tuple[Session, Tables]]:
        """Where rows of a revision go: the database, or a scratch one that is upgraded and read out at the end."""
        if revision == known_revisions()[-1]:
            yield db, tables
            return
        with tempfile.TemporaryDirectory(prefix="clary-import-", dir=self._settings.data_dir) as folder:
            url = f"{SQLITE}{Path(folder) / 'clary.db'}"
            await asyncio.to_thread(make_at_revision, url, revision)
            scratch = Database(url)
            try:
                async with scratch.write() as rows:
                    yield rows, await asyncio.to_thread(reflected_tables, url)
            finally:
                await scratch.close()
            await asyncio.to_thread(ensure_schema, url)
            upgraded = Database(url)
            try:
                async with upgraded.read() as rows:
                    for table in tables:
                        async for portion in portions_of(rows, table):
                            await add_rows(db, table, portion.columns, portion.rows)
            finally:
                await upgraded.close()

    async def _take_entries(self, entries: Iterator[Entry], db: Session, tables: Tables) -> None:
        by_name = {table.name: table for table in tables}
        for done in itertools.count(1):
            entry = await asyncio.to_thread(next, entries, None)
            if entry is None:
                return
            if row_entry := ROWS.fullmatch(entry.name):
                lines = (await asyncio.to_thread(entry.whole)).splitlines()
                table = by_name.get(row_entry[1])
                if table is None or not lines:
                    raise RowsError(f"there is no table {shown(row_entry[1])} at this revision")
                columns, *rows = map(from_line, lines)
                await add_rows(db, table, columns, rows)
                self._counts[table.name] = self._counts.get(table.name, 0) + len(rows)
            elif file_entry := FILES.fullmatch(entry.name):
                await asyncio.to_thread(self._take_file, entry, file_entry[1], file_entry[2])
            elif entry.name == KEY:
                self._key = await asyncio.to_thread(entry.whole)
            else:
                raise ArchiveError(f"{shown(entry.name)} comes at the wrong place")
            self._told("reading", done, 0)

    def _take_file(self, entry: Entry, room: str, inside: str) -> None:
        target = _beside(self._rooms[room]) / inside
        is_new = not target.exists()
        target.unlink(missing_ok=True)
        write_hashed(iter(entry.content), target, is_executable=entry.is_executable)
        self._files += is_new

    def _numbers_of(self, manifest: dict[str, Any]) -> dict[str, int]:
        """The last numbers, when the rows are those that the end of the archive names."""
        try:
            expected = {name: count for name, count in manifest["rows"].items() if count}
            numbers = {str(name): int(last) for name, last in manifest["last_numbers"].items()}
        except (KeyError, AttributeError, TypeError, ValueError) as error:
            raise ArchiveError("the end of the archive cannot be read") from error
        if expected != self._counts:
            raise ArchiveError("the archive has not the rows that its end names")
        return numbers

    async def _keep_files(self, db: Session, undo: AsyncExitStack) -> None:
        """Gives the folders their names, and the bucket its contents."""
        beside = {name: _beside(root) for name, root in self._rooms.items()}
        with tempfile.TemporaryDirectory(prefix="clary-import-") as scratch:
            bucket = None if self._settings.object_store == "file" else Bucket(self._settings, Path(scratch))
            self._missing = await keep_contents(db, beside, bucket, undo, lambda done: self._told("contents", done, 0))
        if bucket is not None:
            # Versions of skills stay as well: folders of them are what a machine works with.
            for name in ("objects", "knowledge"):
                shutil.rmtree(beside[name], ignore_errors=True)
        for root in self._rooms.values():
            beside = _beside(root)
            if beside.exists():
                with suppress(FileNotFoundError):
                    shutil.rmtree(root)
                beside.rename(root)
                undo.callback(shutil.rmtree, root, ignore_errors=True)
        if self._key is not None:
            place_key(self._settings, self._key)

    def _remove_unfinished(self) -> None:
        for root in self._rooms.values():
            shutil.rmtree(_beside(root), ignore_errors=True)


def _beside(root: Path) -> Path:
    return root.with_name(f"{root.name}{UNFINISHED}")


def _header(entries: Iterator[Entry]) -> dict[str, Any]:
    first = next(entries, None)
    if first is None or first.name != HEADER:
        raise ArchiveError("this is no archive of an instance")
    try:
        found = json.loads(first.whole())
        revision, form = found["revision"], found["format"]
        known = {"key_fingerprint": str(found["key_fingerprint"]), "has_key": bool(found["has_key"])}
    except (ValueError, KeyError, TypeError) as error:
        raise ArchiveError("this is no archive of an instance") from error
    if form != FORMAT or revision not in known_revisions():
        raise ArchiveError("the archive was made by a newer program; install that one")
    return {"revision": revision, **known}
