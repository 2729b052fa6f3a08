"""Versions on disk: one folder for each hash, never changed once it is there. Everything here blocks.

A folder appears by one rename, complete or not at all. Whether its files still have their hash is looked at before
each use; files that did not change since they were last hashed are not hashed again.

Where machines share versions (`SkillArchives`), the folder is a copy: what is missing or damaged is fetched, and
believed when it has its hash.
"""

import hashlib
import os
import shutil
import stat
import tempfile
import threading
import time
import zipfile
import zlib
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import BinaryIO, Final

import structlog

from clary.features.skills.policy.versions import StoredFile, hash_of
from clary.features.skills.ports import SkillArchives
from clary.kit import safe_paths
from clary.kit.ids import new_hex

log = structlog.get_logger()

INCOMING_SECONDS: Final = 3600
_INCOMING: Final = "incoming"
_INSIDE: Final = "skill"
_MOST_UNPACKED: Final = 1024 * 1024 * 1024
_PIECE: Final = 256 * 1024
_MOST_SEEN: Final = 2000
_EPOCH: Final = (1980, 1, 1, 0, 0, 0)
_Facts = tuple[tuple[str, int, int, int, int, int], ...]


class SkillStore:
    """Folders below one root, which nobody else writes to."""

    def __init__(self, root: Path, *, archives: SkillArchives | None = None) -> None:
        self._root = root
        self._archives = archives
        self._seen: dict[str, tuple[_Facts, tuple[StoredFile, ...]]] = {}
        self._lock = threading.Lock()

    def new_scratch(self) -> Path:
        """An empty folder for what is being looked at; on the same file system as the versions."""
        folder = self._root / _INCOMING / new_hex(32)
        folder.mkdir(mode=0o700, parents=True)
        return folder

    def discard(self, scratch: Path) -> None:
        """Removes a scratch folder; harmless when it is gone."""
        shutil.rmtree(scratch, ignore_errors=True)

    def place(self, folder: Path, version: str) -> None:
        """Makes a folder, whose files have this hash, a version. Harmless when it is there and whole.

        Raises:
            UnavailableError: It could not be shared with other machines.
        """
        self._settle(folder, version)
        if self._archives is not None:
            with self.packed(version, _INSIDE) as packed:
                self._archives.put(version, packed)

    def _settle(self, folder: Path, version: str) -> None:
        target = self.folder_of(version)
        target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with self._lock:
            if self._local_files(version) is not None:
                # A sweep spares what was named lately.
                os.utime(target)
                return
            if target.exists():
                target.rename(self.new_scratch() / "damaged")
            os.utime(folder)
            folder.rename(target)

    def is_intact(self, version: str) -> bool:
        """Whether a version is there and its files have their hash."""
        return self.files_of(version) is not None

    def files_of(self, version: str) -> tuple[StoredFile, ...] | None:
        """The files of a version by path; None when it is not there, or not as its hash says.

        Raises:
            UnavailableError: It is not here, and where machines share versions nobody answers.
        """
        found = self._local_files(version)
        return self._local_files(version) if found is None and self._fetch(version) else found

    def _local_files(self, version: str) -> tuple[StoredFile, ...] | None:
        folder = self.folder_of(version)
        try:
            facts = tuple(_facts(folder))
            known = self._seen.get(version)
            if known is not None and known[0] == facts:
                return known[1]
            files = tuple(stored_files(folder))
        except (OSError, ValueError):
            return None
        if not files or hash_of(files) != version:
            log.warning("skill_version_damaged", version=version)
            return None
        if len(self._seen) >= _MOST_SEEN:
            self._seen.clear()
        self._seen[version] = (facts, files)
        return files

    def whole_among(self, versions: Collection[str]) -> frozenset[str]:
        """Those that are intact."""
        return frozenset(each for each in versions if self.is_intact(each))

    def read(self, version: str, path: str) -> bytes:
        """One file of a version. `path` comes from the list of its files, never from a caller.

        Raises:
            OSError
        """
        self._ensure_here(version)
        return (self.folder_of(version) / path).read_bytes()

    def folder_of(self, version: str) -> Path:
        """Where a version lies."""
        return self._root / version[:2] / version

    def packed(self, version: str, name: str) -> BinaryIO:
        """A version as a ZIP of one folder, at its beginning; the same version gives the same bytes.

        Raises:
            OSError
        """
        self._ensure_here(version)
        folder = self.folder_of(version)
        descriptor, path = tempfile.mkstemp(dir=self._root)
        packed = os.fdopen(descriptor, "w+b")
        try:
            # Nobody else needs its name, and nothing is left of it whatever happens.
            Path(path).unlink()
            with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED, compresslevel=6) as archive:
                for inside, executable in sorted(_walk(folder)):
                    entry = zipfile.ZipInfo(f"{name}/{inside}", _EPOCH)
                    entry.create_system = 3
                    entry.external_attr = (stat.S_IFREG | (0o755 if executable else 0o644)) << 16
                    archive.writestr(entry, (folder / inside).read_bytes(), zipfile.ZIP_DEFLATED)
            packed.seek(0)
        except BaseException:
            packed.close()
            raise
        return packed

    def sweep(self, kept: Collection[str]) -> None:
        """Removes versions that nobody has any more, and what a stopped import left; both only when they are old."""
        oldest = time.time() - INCOMING_SECONDS
        for shelf in _folders(self._root):
            for folder in _folders(shelf):
                is_kept = shelf.name != _INCOMING and folder.name in kept
                if not is_kept and folder.stat().st_mtime < oldest:
                    self._seen.pop(folder.name, None)
                    shutil.rmtree(folder, ignore_errors=True)
        if self._archives is not None:
            self._archives.keep_only(kept, min_age_seconds=INCOMING_SECONDS)

    def _ensure_here(self, version: str) -> None:
        if self._archives is not None and not self.folder_of(version).is_dir():
            self._fetch(version)

    def _fetch(self, version: str) -> bool:
        """Brings a version from where machines share them; whether it was there, and is what its hash says."""
        if self._archives is None:
            return False
        scratch = self.new_scratch()
        try:
            archive, folder = scratch / "archive", scratch / _INSIDE
            if not self._archives.fetch(version, archive):
                return False
            if not _unpack(archive, scratch) or hash_of(stored_files(folder)) != version:
                log.warning("shared_skill_version_damaged", version=version)
                return False
            self._settle(folder, version)
        finally:
            self.discard(scratch)
        return True


def stored_files(folder: Path) -> list[StoredFile]:
    """The files of a folder with the hashes of their contents, by path.

    Raises:
        OSError, ValueError: something else than files and folders lies there.
    """
    found: list[StoredFile] = []
    for path, executable in sorted(_walk(folder)):
        content, size = hashlib.sha256(), 0
        with (folder / path).open("rb") as file:
            while piece := file.read(_PIECE):
                content.update(piece)
                size += len(piece)
        found.append(StoredFile(path, size, executable, content.hexdigest()))
    return found


def _unpack(archive: Path, target: Path) -> bool:
    """Whether an archive was one of ours. What is in it is judged by its hash afterwards."""
    try:
        with zipfile.ZipFile(archive) as packed:
            if sum(entry.file_size for entry in packed.infolist()) > _MOST_UNPACKED:
                return False
            for entry in packed.infolist():
                inside = target / safe_paths.normalise(entry.filename)
                if not entry.filename.startswith(f"{_INSIDE}/"):
                    return False
                inside.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
                with packed.open(entry) as source, inside.open("xb") as file:
                    shutil.copyfileobj(source, file, _PIECE)
                inside.chmod(0o755 if entry.external_attr >> 16 & 0o111 else 0o644)
    except (zipfile.BadZipFile, zlib.error, safe_paths.PathDeniedError, FileExistsError, EOFError):
        return False
    return True


def _walk(folder: Path) -> Iterator[tuple[str, bool]]:
    for path, facts in _regular(folder, ""):
        yield path, bool(facts.st_mode & 0o111)


def _facts(folder: Path) -> Iterator[tuple[str, int, int, int, int, int]]:
    for path, facts in sorted(_regular(folder, ""), key=lambda each: each[0]):
        yield path, facts.st_ino, facts.st_size, facts.st_mode, facts.st_mtime_ns, facts.st_ctime_ns


def _regular(folder: Path, above: str) -> Iterator[tuple[str, os.stat_result]]:
    with os.scandir(folder) as found:
        items = list(found)
    for item in items:
        path, facts = f"{above}{item.name}", item.stat(follow_symlinks=False)
        if stat.S_ISDIR(facts.st_mode):
            yield from _regular(folder / item.name, f"{path}/")
        elif stat.S_ISREG(facts.st_mode):
            yield path, facts
        else:
            raise ValueError("neither file nor folder")


def _folders(above: Path) -> list[Path]:
    try:
        return [each for each in above.iterdir() if each.is_dir() and not each.is_symlink()]
    except FileNotFoundError:
        return []
