"""Export of a whole instance while it runs, from any database, into one archive."""

import asyncio
import json
import os
import tempfile
from contextlib import aclosing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, BinaryIO, Final, NamedTuple

from clary import __version__
from clary.db.database import Database
from clary.db.migrate import schema_state, sync_folder
from clary.db.session import Session
from clary.db.table_rows import allow_pauses, last_numbers, plain_tables, portions_of, to_line
from clary.features.audit.service import CLI, Act
from clary.kit.crypto import key_fingerprint
from clary.kit.file_trees import TreeFile, files_below, open_unlinked
from clary.settings import Settings
from clary.settings.data_dir import secret_key
from clary.wiring.archive_format import FORMAT, HEADER, KEY, ArchiveError, ArchiveWriter
from clary.wiring.backups import Told, encoded_key, rooms_of
from clary.wiring.bucket_contents import Bucket, Named
from clary.wiring.identity import audit_log

_FILES: Final = "files"


class Exported(NamedTuple):
    """What an archive holds. `missing`: files that rows name and the store has no more."""

    revision: str
    rows: int
    files: int
    missing: int


async def export_instance(settings: Settings, target: Path, *, with_key: bool, told: Told) -> Exported:
    """Writes an archive to a file that is not there yet, of one moment of the rows.

    Raises:
        ArchiveError, SchemaError, SettingsError, UnavailableError: nothing is left of it.
    """
    state = await asyncio.to_thread(schema_state, settings.database)
    if not state.is_current:
        raise ArchiveError("the schema is not current: migrate first")
    draft = await asyncio.to_thread(_draft_of, target)
    database = Database(settings.database, pool_size=1)
    try:
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            done = await _Export(settings, told, state.head).run(database, file, with_key=with_key)
            async with database.write() as db:
                # Before anybody can take the archive away.
                detail = {"rows": done.rows, "files": done.files, "with_key": with_key}
                await audit_log(settings, database).record(db, Act("instance.exported", CLI, detail=detail))
            file.flush()
            await asyncio.to_thread(os.fsync, file.fileno())
        os.link(draft, target)
        sync_folder(target.parent)
    except OSError as error:
        raise ArchiveError(f"the archive cannot be written ({error.strerror})") from error
    finally:
        draft.unlink(missing_ok=True)
        await database.close()
    return done


def _draft_of(target: Path) -> Path:
    if target.exists():
        raise ArchiveError(f"{target} is there already")
    draft = target.with_name(f"{target.name}.part")
    draft.unlink(missing_ok=True)
    return draft


class _Export:
    """One export."""

    def __init__(self, settings: Settings, told: Told, revision: str) -> None:
        self._settings = settings
        self._told = told
        self._revision = revision
        self._seen: dict[str, TreeFile] = {}
        self._named = Named()
        self._is_in_bucket = settings.object_store != "file"
        self._rows = 0
        self._missing = 0

    async def run(self, database: Database, file: BinaryIO, *, with_key: bool) -> Exported:
        """Files, rows, then the files that came or changed meanwhile."""
        key = secret_key(self._settings)
        with ArchiveWriter(file) as archive:
            header = {
                "format": FORMAT,
                "clary": __version__,
                "revision": self._revision,
                "made_at": datetime.now(UTC).isoformat(timespec="seconds"),
                "key_fingerprint": key_fingerprint(key),
                "has_key": with_key,
            }
            archive.add(HEADER, json.dumps(header).encode())
            if with_key:
                archive.add(KEY, encoded_key(key))
            await asyncio.to_thread(self._add_files, archive)
            async with database.read() as db:
                await allow_pauses(db)
                manifest = await self._add_rows(db, archive)
            await asyncio.to_thread(self._add_files, archive)
            if self._is_in_bucket:
                await self._add_contents(archive)
            archive.finish(manifest)
        return Exported(self._revision, self._rows, len(self._seen), self._missing)

    def _add_files(self, archive: ArchiveWriter) -> None:
        """What is new or changed since it was last added."""
        for room, root in rooms_of(self._settings).items():
            # Beside a bucket that folder holds copies of what is just being read.
            is_scratch = self._is_in_bucket and room == "knowledge"
            for file in () if is_scratch else files_below(root):
                name = f"{_FILES}/{room}/{file.path}"
                if self._seen.get(name) == file:
                    continue
                content = open_unlinked(root / file.path)
                if content is None:
                    continue
                with content:
                    size = os.fstat(content.fileno()).st_size
                    archive.add_stream(name, content, size, is_executable=file.is_executable)
                self._seen[name] = file._replace(size=size)
                self._told(room, len(self._seen), 0)

    async def _add_rows(self, db: Session, archive: ArchiveWriter) -> dict[str, Any]:
        tables, counts = plain_tables(), dict[str, int]()
        for done, table in enumerate(tables, 1):
            counts[table.name], number = 0, 0
            async for portion in portions_of(db, table):
                lines = b"".join((to_line(portion.columns), *map(to_line, portion.rows)))
                await asyncio.to_thread(archive.add, f"rows/{table.name}/{number:06}.jsonl", lines)
                number += 1
                counts[table.name] += len(portion.rows)
                self._named.note(table.name, portion.columns, portion.rows)
            self._rows += counts[table.name]
            self._told("rows", done, len(tables))
        return {"rows": counts, "last_numbers": await last_numbers(db, tables)}

    async def _add_contents(self, archive: ArchiveWriter) -> None:
        """What lies in a bucket."""
        with tempfile.TemporaryDirectory(prefix="clary-export-") as scratch:
            async with aclosing(Bucket(self._settings, Path(scratch)).read(self._named)) as contents:
                async for content in contents:
                    if content.path is None:
                        self._missing += 1
                        continue
                    size, name = content.path.stat().st_size, f"{_FILES}/{content.name}"
                    with content.path.open("rb") as file:
                        await asyncio.to_thread(
                            archive.add_stream, name, file, size, is_executable=content.is_executable
                        )
                    self._seen[name] = TreeFile(content.name, size, 0, content.is_executable)
                    self._told("bucket", len(self._seen), 0)
