"""Copies of a whole instance on SQLite while it runs, and their way back (docs/operation.md).

Files first, then the database, then the files that came or changed meanwhile: a row of the copy never names a file that
was there all the time and is not in it. A backup appears under its name in one step, or not at all. Everything here
blocks; the server's processes are not asked and hardly notice.
"""

import base64
import json
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath
from typing import Any, Final, NamedTuple, cast

from clary import __version__
from clary.db.migrate import SQLITE, copy_database, schema_state, sqlite_path, stored_revision, sync_folder
from clary.kit.crypto import key_fingerprint
from clary.kit.file_trees import TreeFile, files_below, hash_of, is_empty, open_unlinked, pieces_of, write_hashed
from clary.kit.text import Text
from clary.settings import Settings
from clary.settings.data_dir import KEY_FILE, secret_key

Told = Callable[[str, int, int], None]
"""What is being done, how much of it is done, of how much."""

FORMAT: Final = 1
_FACTS: Final = "backup.json"
_LIST: Final = "files.jsonl"
_DATABASE: Final = "clary.db"


_SQLITE_ONLY: Final = Text(
    "clary backup 和 clary restore 只用于 SQLite：PostgreSQL 请用 pg_dump -Fc 和 pg_restore 并复制各文件夹，"
    "或者用 clary export 和 clary import",
    "clary backup and clary restore are for SQLite: on PostgreSQL use pg_dump -Fc and pg_restore and copy the folders, "
    "or clary export and clary import",
)


class BackupError(Exception):
    """It cannot be done; the text is one line for the operator."""


class BackupFacts(NamedTuple):
    """What a backup holds."""

    revision: str
    files: int
    made_at: str
    has_key: bool


def rooms_of(settings: Settings) -> dict[str, Path]:
    """The folders of an instance by the names they have in backups and archives; what can be built anew is not here."""
    return {
        "objects": settings.objects,
        "knowledge": settings.originals,
        "skills": settings.skills,
        "workspaces": settings.workspaces,
    }


def make_backup(settings: Settings, target: Path, *, with_key: bool, told: Told) -> BackupFacts:
    """Writes a backup into a folder that is not there yet.

    Raises:
        BackupError, SchemaError: nothing is left of it.
    """
    database = _sqlite_path(settings)
    if stored_revision(database) is None:
        raise BackupError("there is no database to back up")
    if target.exists():
        raise BackupError(f"{target} is there already")
    draft = target.with_name(f"{target.name}.part")
    shutil.rmtree(draft, ignore_errors=True)
    try:
        draft.mkdir(mode=0o700, parents=True)
        facts = _fill(settings, draft, database, with_key=with_key, told=told)
        draft.rename(target)
        sync_folder(target.parent)
    except OSError as error:
        raise BackupError(f"the backup cannot be written ({error.strerror})") from error
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    return facts


def _sqlite_path(settings: Settings) -> Path:
    if not settings.database.startswith(SQLITE):
        raise BackupError(_SQLITE_ONLY.both)
    return sqlite_path(settings.database)


def _fill(settings: Settings, draft: Path, database: Path, *, with_key: bool, told: Told) -> BackupFacts:
    taken: dict[str, tuple[TreeFile, str]] = {}
    _take_files(settings, draft, taken, told)
    copy_database(database, draft / _DATABASE, lambda done, total: told("database", done, total))
    _take_files(settings, draft, taken, told)
    key = secret_key(settings)
    if with_key:
        # Only its owner may read it, like the original.
        with os.fdopen(os.open(draft / KEY_FILE, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(encoded_key(key))
    with (draft / _LIST).open("w", encoding="utf-8") as listed:
        for name in sorted(taken):
            file, digest = taken[name]
            line = {"path": name, "size": file.size, "sha256": digest, "executable": file.is_executable}
            listed.write(json.dumps(line) + "\n")
    facts = BackupFacts(
        stored_revision(draft / _DATABASE) or "", len(taken), datetime.now(UTC).isoformat(timespec="seconds"), with_key
    )
    whole = {
        "format": FORMAT,
        "clary": __version__,
        **facts._asdict(),
        "key_fingerprint": key_fingerprint(key),
        "sha256": {name: hash_of(draft / name) for name in (_DATABASE, _LIST)},
    }
    (draft / _FACTS).write_text(json.dumps(whole, indent=1), encoding="utf-8")
    for name in (_FACTS, _LIST):
        with (draft / name).open("rb") as written:
            os.fsync(written.fileno())
    sync_folder(draft)
    return facts


def encoded_key(key: bytes) -> bytes:
    """A key as its file holds it."""
    return base64.b64encode(key)


def _take_files(settings: Settings, draft: Path, taken: dict[str, tuple[TreeFile, str]], told: Told) -> None:
    """Copies what is new or changed since it was last taken."""
    for room, root in rooms_of(settings).items():
        wanted = [each for each in files_below(root) if taken.get(f"{room}/{each.path}", (None, ""))[0] != each]
        told(room, 0, len(wanted))
        for done, file in enumerate(wanted, 1):
            copied = _take(root / file.path, draft / room / file.path, file)
            if copied is not None:
                taken[f"{room}/{file.path}"] = copied
            told(room, done, len(wanted))


def _take(source: Path, target: Path, file: TreeFile) -> tuple[TreeFile, str] | None:
    content = open_unlinked(source)
    if content is None:
        return None
    with content:
        target.unlink(missing_ok=True)
        digest = write_hashed(pieces_of(content), target, is_executable=file.is_executable)
    return file._replace(size=target.stat().st_size), digest


def check_backup(folder: Path, told: Told) -> BackupFacts:
    """Whether a backup is whole: every hash, and nothing that leads out.

    Raises:
        BackupError: it is not; SchemaError: its database is no database.
    """
    facts = _facts(folder)
    for name, digest in facts["sha256"].items():
        if name not in (_DATABASE, _LIST) or hash_of(folder / name) != digest:
            raise BackupError(f"{name} is not what was backed up")
    for done, line in enumerate(_listed(folder), 1):
        told("checking", done, facts["files"])
        path = folder / line["path"]
        content = open_unlinked(path)
        if content is None:
            raise BackupError(f"{line['path']} is missing")
        content.close()
        if hash_of(path) != line["sha256"]:
            raise BackupError(f"{line['path']} is not what was backed up")
    return BackupFacts(facts["revision"], facts["files"], facts["made_at"], facts["has_key"])


def restore_backup(settings: Settings, folder: Path, told: Told) -> BackupFacts:
    """Puts a backup into a data directory that has no instance yet, after checking all of it; all or nothing.

    Raises:
        BackupError, SchemaError
    """
    database, rooms = _sqlite_path(settings), rooms_of(settings)
    facts = check_backup(folder, told)
    schema_state(f"sqlite:///{folder / _DATABASE}")
    if database.exists() or any(not is_empty(root) for root in rooms.values()):
        raise BackupError("there is an instance already: restore into an empty data directory")
    check_key(settings, _facts(folder)["key_fingerprint"], has_key=facts.has_key)
    placed: list[Path] = []
    is_done = False
    try:
        _place_files(folder, rooms, placed, told, facts.files)
        if facts.has_key:
            place_key(settings, (folder / KEY_FILE).read_bytes())
        database.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        for ending in ("-wal", "-shm"):
            # Left by a database that somebody took away: not ours.
            database.with_name(database.name + ending).unlink(missing_ok=True)
        copy_database(folder / _DATABASE, database)
        is_done = True
    except OSError as error:
        raise BackupError(f"the backup cannot be restored ({error.strerror})") from error
    finally:
        if not is_done:
            for root in placed:
                shutil.rmtree(root, ignore_errors=True)
    return facts


def _place_files(folder: Path, rooms: dict[str, Path], placed: list[Path], told: Told, total: int) -> None:
    for root in rooms.values():
        root.mkdir(parents=True, exist_ok=True, mode=0o700)
        placed.append(root)
    for done, line in enumerate(_listed(folder), 1):
        room, _, inside = line["path"].partition("/")
        with (folder / line["path"]).open("rb") as content:
            write_hashed(pieces_of(content), rooms[room] / inside, is_executable=line["executable"])
        told("restoring", done, total)


def check_key(settings: Settings, fingerprint: str, *, has_key: bool) -> None:
    """Whether the key that this instance has, or would get, is the one that its secrets were sealed with.

    Raises:
        BackupError
    """
    is_there = settings.key_bytes is not None or (settings.data_dir / KEY_FILE).exists()
    if is_there and key_fingerprint(secret_key(settings)) != fingerprint:
        raise BackupError("the secret key here is not the one that the secrets were encrypted with")
    if not is_there and not has_key:
        raise BackupError(
            "the secret key is not included: put secret.key into the data directory or set CLARY_SECRET_KEY first"
        )


def place_key(settings: Settings, encoded: bytes) -> None:
    """Writes the key file unless there is a key already."""
    settings.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = settings.data_dir / KEY_FILE
    if settings.key_bytes is None and not path.exists():
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(encoded)
            file.flush()
            os.fsync(file.fileno())


def _facts(folder: Path) -> dict[str, Any]:
    with suppress(OSError, ValueError):
        found: Any = json.loads((folder / _FACTS).read_text("utf-8"))
        if isinstance(found, dict) and cast("dict[str, Any]", found).get("format") == FORMAT:
            return cast("dict[str, Any]", found)
    raise BackupError(f"{folder} is no backup of this kind")


def _listed(folder: Path) -> Iterator[dict[str, Any]]:
    """The lines of the list. The list is hashed, but who can change it can change the hash: names are looked at too."""
    with (folder / _LIST).open(encoding="utf-8") as lines:
        for line in lines:
            found = json.loads(line)
            parts = PurePosixPath(found["path"]).parts
            if len(parts) < 2 or ".." in parts or parts[0] not in ("objects", "knowledge", "skills", "workspaces"):
                raise BackupError(f"{found['path']} leads out of the backup")
            yield found
