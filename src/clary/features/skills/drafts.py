"""From an archive or an edit to a checked and scanned folder that is not installed yet (product.md 7.2, 7.4).

Nothing in it is executed. Everything here blocks.
"""

import hashlib
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from clary.features.skills.errors import (
    BAD_EDIT,
    UNSAFE_REASONS,
    ArchiveTypeError,
    SkillAmbiguousError,
    SkillInvalidError,
    SkillMissingError,
    SkillTooLargeError,
)
from clary.features.skills.policy.findings import Finding
from clary.features.skills.policy.front_matter import (
    MAX_SKILL_FILE_BYTES,
    SKILL_FILE,
    FrontMatter,
    FrontMatterError,
    parse_skill,
)
from clary.features.skills.policy.kinds import is_program
from clary.features.skills.policy.layout import NoSkillError, SeveralSkillsError, find_folder, is_left_out
from clary.features.skills.policy.scan import Scanner
from clary.features.skills.policy.versions import StoredFile, hash_of
from clary.features.skills.store import SkillStore
from clary.http.problems import ArchiveInvalidError, ArchiveUnsafeError
from clary.kit.safe_archives import (
    ArchiveFile,
    ArchiveLimits,
    ArchiveTooLargeError,
    BrokenArchiveError,
    Place,
    UnsafeArchiveError,
    files_in,
    list_names,
)

LIMITS: Final = ArchiveLimits()
_MARKS: Final[dict[bytes, Literal["zip", "tar"]]] = {b"PK": "zip", b"\x1f\x8b": "tar"}
_FILES: Final = "files"


@dataclass(frozen=True, slots=True)
class Draft:
    """A folder that may become a version. `programs`: paths of what a machine could run."""

    folder: Path
    hash: str
    front_matter: FrontMatter
    files: tuple[StoredFile, ...]
    findings: tuple[Finding, ...]
    programs: tuple[str, ...]

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return sum(each.size for each in self.files)


def kind_of_archive(archive: Path, *, takes_tar: bool) -> Literal["zip", "tar"]:
    """What a file is by its first bytes, whatever its name says.

    Raises:
        ArchiveTypeError
    """
    with archive.open("rb") as file:
        kind = _MARKS.get(file.read(2))
    if kind is None or (kind == "tar" and not takes_tar):
        raise ArchiveTypeError
    return kind


def draft_from_archive(archive: Path, scratch: Path, *, subpath: str | None, takes_tar: bool) -> Draft:
    """Unpacks into `scratch`, checks and scans.

    Raises:
        ArchiveTypeError, ArchiveInvalidError, ArchiveUnsafeError, SkillTooLargeError, SkillMissingError,
        SkillAmbiguousError, SkillInvalidError
    """
    kind = kind_of_archive(archive, takes_tar=takes_tar)
    folder = scratch / _FILES
    folder.mkdir()
    try:
        above = find_folder(list_names(archive, kind), subpath)
        for file in files_in(archive, kind, placing=_placing(above, looks_at_all=subpath is None), limits=LIMITS):
            _write(folder / file.path, file)
    except BrokenArchiveError:
        raise ArchiveInvalidError from None
    except UnsafeArchiveError as unsafe:
        raise ArchiveUnsafeError(UNSAFE_REASONS[unsafe.reason]) from None
    except ArchiveTooLargeError as large:
        raise SkillTooLargeError(large.max_bytes) from None
    except NoSkillError:
        raise SkillMissingError from None
    except SeveralSkillsError as several:
        raise SkillAmbiguousError(several.folders) from None
    return _examined(folder)


def draft_from_edit(store: SkillStore, version: str, content: bytes, scratch: Path) -> Draft:
    """The files of a version with another `SKILL.md`.

    Raises:
        SkillInvalidError
    """
    try:
        parse_skill(content)
    except FrontMatterError:
        raise SkillInvalidError(BAD_EDIT) from None
    folder = scratch / _FILES
    shutil.copytree(store.folder_of(version), folder)
    (folder / SKILL_FILE).write_bytes(content)
    return _examined(folder)


def _placing(above: str, *, looks_at_all: bool) -> "_Placing":
    return _Placing(f"{above}/" if above else "", looks_at_all)


class _Placing:
    """Entries of the skill's folder go to its root; the others are only looked at, or passed over."""

    def __init__(self, above: str, looks_at_all: bool) -> None:
        self._above = above
        self._looks_at_all = looks_at_all

    def __call__(self, path: str) -> Place | None:
        """See `Placing`."""
        if path.startswith(self._above):
            inside = path[len(self._above) :]
            return None if is_left_out(inside) else Place(inside)
        return Place(None) if self._looks_at_all and not is_left_out(path) else None


def _write(target: Path, file: ArchiveFile) -> None:
    target.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    with target.open("xb") as out:
        for piece in file.pieces():
            out.write(piece)
            if file.path == SKILL_FILE and out.tell() > MAX_SKILL_FILE_BYTES:
                raise SkillTooLargeError(MAX_SKILL_FILE_BYTES)
    target.chmod(0o755 if file.is_executable else 0o644)


def _examined(folder: Path) -> Draft:
    try:
        front_matter = parse_skill((folder / SKILL_FILE).read_bytes())
    except FrontMatterError:
        raise SkillInvalidError from None
    scanner = Scanner(tools=front_matter.tools, hosts=front_matter.hosts)
    files: list[StoredFile] = []
    programs: list[str] = []
    for path in _paths(folder):
        content = (folder / path).read_bytes()
        executable = bool((folder / path).stat().st_mode & 0o111)
        scanner.look_at(path, content)
        if executable or is_program(content):
            programs.append(path)
        files.append(StoredFile(path, len(content), executable, hashlib.sha256(content).hexdigest()))
    return Draft(
        folder=folder,
        hash=hash_of(files),
        front_matter=front_matter,
        files=tuple(files),
        findings=tuple(scanner.findings()),
        programs=tuple(programs),
    )


def _paths(folder: Path) -> Iterator[str]:
    found = (path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
    yield from sorted(found)
