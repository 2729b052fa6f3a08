"""What lies in a bucket instead of in folders, on its way into an archive and out of one.

An archive holds contents as folders do, wherever they came from, so that it fits either store. Rows say what there is.
"""

import asyncio
import re
import shutil
from collections.abc import AsyncGenerator, Callable, Generator, Mapping
from contextlib import AsyncExitStack, aclosing, contextmanager
from pathlib import Path
from typing import Any, Final, NamedTuple

from clary.adapters.object_store import BucketOfOriginals, BucketOfSkills, BucketStore
from clary.db.database import UnavailableError
from clary.db.session import Session
from clary.db.table_rows import rows_of
from clary.features.files.ports import ObjectMissingError, StoreUnavailableError
from clary.features.files.service import is_shown
from clary.features.skills.store import SkillStore
from clary.kit import safe_paths
from clary.kit.file_names import disposition
from clary.kit.file_trees import PIECE
from clary.settings import Settings
from clary.wiring.archive_format import ArchiveError
from clary.wiring.objects import bucket_access

_VERSION: Final = re.compile(r"[0-9a-f]{64}")
_SKILL_COLUMNS: Final = ("hash",)
_ORIGINAL_COLUMNS: Final = ("file_key",)
_FILE_COLUMNS: Final = ("blob", "content_type", "filename")


class Named:
    """The contents that rows name, noted as the rows go by."""

    def __init__(self) -> None:
        self.files: list[tuple[str, int]] = []
        self.originals: list[str] = []
        self.versions: set[str] = set()

    def note(self, table: str, columns: list[str], rows: list[list[Any]]) -> None:
        """Rows of a table; most tables name nothing."""
        match table:
            case "files":
                blob, size = columns.index("blob"), columns.index("size")
                self.files += [(row[blob], row[size]) for row in rows]
            case "knowledge_documents":
                place = columns.index("file_key")
                self.originals += [row[place] for row in rows if row[place] is not None]
            case "skill_versions":
                place = columns.index("hash")
                self.versions.update(row[place] for row in rows)
            case _:
                pass

    def count(self) -> int:
        """How many there are."""
        return len(self.files) + len(self.originals) + len(self.versions)


class Content(NamedTuple):
    """One file for an archive; `path` is there until the next is asked for, None: the bucket has it no more."""

    name: str
    path: Path | None
    is_executable: bool = False


class Bucket:
    """The bucket of the settings; `scratch`: a folder of its own."""

    def __init__(self, settings: Settings, scratch: Path) -> None:
        access = bucket_access(settings)
        self._scratch = scratch
        self._files = BucketStore(access)
        self._originals = BucketOfOriginals(access, scratch=scratch / "originals")
        self._archives = BucketOfSkills(access)
        self._local_skills = SkillStore(settings.skills)

    async def read(self, named: Named) -> AsyncGenerator[Content]:
        """All that rows name, one at a time on this machine's disk.

        Raises:
            ArchiveError: the store does not answer.
        """
        for blob, size in named.files:
            yield Content(f"objects/{blob}", await self._fetch_file(blob, size))
        for key in named.originals:
            path = await self._fetch_original(key)
            yield Content(f"knowledge/{key}", path)
            if path is not None:
                await self._originals.release(path)
        fetched = SkillStore(self._scratch / "skills", archives=self._archives)
        for version in sorted(named.versions):
            # What this machine has whole lies in its folder, and went into the archive with that.
            if await asyncio.to_thread(self._local_skills.is_intact, version):
                continue
            with _answering():
                files = await asyncio.to_thread(fetched.files_of, version)
            folder = fetched.folder_of(version)
            if files is None:
                yield Content(f"skills/{version}", None)
            for file in files or ():
                yield Content(f"skills/{version[:2]}/{version}/{file.path}", folder / file.path, file.executable)
            await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)

    async def put_file(self, blob: str, path: Path, content_type: str, name: str, undo: AsyncExitStack) -> None:
        """A stored file, with what its rows say of it."""
        undo.push_async_callback(self._files.remove, blob)
        shown_as = disposition(name, inline=is_shown(content_type))
        with _answering():
            await self._files.put(blob, path, content_type=content_type, disposition=shown_as)

    async def put_original(self, key: str, path: Path, undo: AsyncExitStack) -> None:
        """An uploaded file of a knowledge base."""
        undo.push_async_callback(self._originals.remove, [key])
        with _answering():
            size = (await asyncio.to_thread(path.stat)).st_size
            await self._originals.put(key, _pieces(path), max_bytes=size)

    async def put_version(self, version: str, skills: Path) -> None:
        """A version of a skill. Nothing to undo: its name is its hash, and the sweep takes what no row names."""
        with _answering():
            store = SkillStore(skills, archives=self._archives)
            await asyncio.to_thread(store.place, store.folder_of(version), version)

    async def _fetch_file(self, blob: str, size: int) -> Path | None:
        path = self._scratch / "file"
        with _answering(), path.open("wb") as file:
            try:
                async with aclosing(self._files.read(blob, 0, size)) as pieces:
                    async for piece in pieces:
                        await asyncio.to_thread(file.write, piece)
            except ObjectMissingError:
                return None
        return path

    async def _fetch_original(self, key: str) -> Path | None:
        with _answering():
            try:
                return await self._originals.open_local(key)
            except FileNotFoundError:
                return None


async def keep_contents(
    db: Session, rooms: Mapping[str, Path], bucket: Bucket | None, undo: AsyncExitStack, heard: Callable[[int], None]
) -> int:
    """Puts what rows name out of folders into the bucket, if there is one; returns how many are in no folder.

    Raises:
        ArchiveError: the store does not answer.
    """
    done, missing = 0, 0
    async for blob, content_type, name in rows_of(db, "files", _FILE_COLUMNS):
        if (path := _file_in(rooms["objects"], blob)) is None:
            missing += 1
        elif bucket is not None:
            await bucket.put_file(blob, path, content_type, name, undo)
        heard(done := done + 1)
    async for (key,) in rows_of(db, "knowledge_documents", _ORIGINAL_COLUMNS):
        if key is None:
            continue
        if (path := _file_in(rooms["knowledge"], key)) is None:
            missing += 1
        elif bucket is not None:
            await bucket.put_original(key, path, undo)
        heard(done := done + 1)
    skills = SkillStore(rooms["skills"])
    versions = {version async for (version,) in rows_of(db, "skill_versions", _SKILL_COLUMNS)}
    for version in sorted(versions):
        if not _VERSION.fullmatch(version) or not await asyncio.to_thread(skills.is_intact, version):
            missing += 1
        elif bucket is not None:
            await bucket.put_version(version, rooms["skills"])
        heard(done := done + 1)
    return missing


def _file_in(folder: Path, name: str) -> Path | None:
    """A file below a folder; names come out of an archive, so that they may lead anywhere."""
    try:
        path = folder / safe_paths.normalise(name)
    except safe_paths.PathError:
        return None
    return path if path.is_file() else None


async def _pieces(path: Path) -> AsyncGenerator[bytes]:
    with path.open("rb") as file:
        while piece := await asyncio.to_thread(file.read, PIECE):
            yield piece


@contextmanager
def _answering() -> Generator[None]:
    """Each port says in its own way that the bucket is away; nothing else of this machine is touched within."""
    try:
        yield
    except (StoreUnavailableError, UnavailableError, OSError) as error:
        raise ArchiveError("the object store does not answer") from error
