"""Read-only copies of skills in workspaces, below `skills/<name>/` (stream-runtime.md 9.9). Everything here blocks.

What lies in a workspace is never believed: programs of the agent may have changed it. A copy counts as good only if
every file in it has the content of the version. A folder is built aside and swapped in by one rename.
"""

import hashlib
import os
import secrets
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from typing import Final, Literal, NamedTuple

from clary.features.skills.policy.versions import StoredFile
from clary.features.skills.ports import RunSkill
from clary.features.skills.store import SkillStore
from clary.kit import safe_folders, safe_paths

FOLDER: Final = "skills"
SHOWN_FOLDER: Final = "/workspace/skills"
_ASIDE: Final = ".clary"
_PIECE: Final = 256 * 1024
_MOST_LISTED: Final = 5000
_READ_ONLY, _READ_AND_RUN = 0o444, 0o555

Outcome = Literal["synced", "unchanged", "failed"]


class Placed(NamedTuple):
    """What became of one skill in a workspace."""

    name: str
    outcome: Outcome


class SkillCopies:
    """Puts versions into workspaces."""

    def __init__(self, store: SkillStore) -> None:
        self._store = store

    def place(self, workspace: Path, skills: Sequence[RunSkill]) -> list[Placed]:
        """Makes a copy of each skill what its version is; one that fails does not stop the others."""
        return [Placed(skill.name, self._place(workspace, skill)) for skill in skills]

    def remove_others(self, workspace: Path, names: Collection[str]) -> list[str]:
        """Removes everything below `skills/` that is none of these; returns what was removed."""
        try:
            found = sorted(entry.name for entry in safe_paths.scandir(workspace, FOLDER))
        except safe_paths.PathError:
            return []
        removed: list[str] = []
        for name in found:
            if name not in names and _is_removed(workspace, f"{FOLDER}/{name}"):
                removed.append(name)
        return removed

    def _place(self, workspace: Path, skill: RunSkill) -> Outcome:
        files = self._store.files_of(skill.hash)
        if files is None:
            return "failed"
        try:
            if _is_same(workspace, f"{FOLDER}/{skill.name}", files):
                return "unchanged"
            self._replace(workspace, skill, files)
        except (safe_paths.PathError, OSError):
            # A full disk, or something the agent put in the way.
            return "failed"
        return "synced"

    def _replace(self, workspace: Path, skill: RunSkill, files: Sequence[StoredFile]) -> None:
        aside, target = f"{_ASIDE}/skill-{secrets.token_hex(8)}", f"{FOLDER}/{skill.name}"
        source = self._store.folder_of(skill.hash)
        try:
            for each in files:
                mode = _READ_AND_RUN if each.executable else _READ_ONLY
                with safe_folders.create_file(workspace, f"{aside}/{each.path}") as out:
                    with (source / each.path).open("rb") as content:
                        while piece := content.read(_PIECE):
                            out.write(piece)
                    os.fchmod(out.fileno(), mode)
            _swap(workspace, aside, target)
        finally:
            _is_removed(workspace, aside)


def _swap(workspace: Path, aside: str, target: str) -> None:
    try:
        safe_folders.swap_folder(workspace, aside, target)
    except (safe_paths.PathKindError, safe_paths.PathDeniedError):
        # A file or a link stands in the place; it is removed itself, never what it leads to.
        safe_folders.remove(workspace, target)
        safe_folders.swap_folder(workspace, aside, target)


def _is_removed(workspace: Path, path: str) -> bool:
    try:
        safe_folders.remove(workspace, path)
    except (safe_paths.PathError, OSError):
        return False
    return True


def _is_same(workspace: Path, folder: str, files: Sequence[StoredFile]) -> bool:
    wanted = {each.path: each for each in files}
    try:
        found = dict(_listed(workspace, folder, ""))
        if found != {path: each.size for path, each in wanted.items()}:
            return False
        return all(_hash(workspace, f"{folder}/{path}") == each.sha256 for path, each in wanted.items())
    except safe_paths.PathError:
        return False


def _listed(workspace: Path, folder: str, above: str) -> Iterator[tuple[str, int]]:
    """(path, size) of everything that is no folder; a link or an empty folder has a size no file has."""
    entries = safe_paths.scandir(workspace, f"{folder}/{above}".rstrip("/"))
    if len(entries) > _MOST_LISTED:
        raise safe_paths.PathTooLargeError(folder)
    if not entries:
        yield above or "/", -1
    for entry in entries:
        path = f"{above}{entry.name}"
        if entry.kind == "directory":
            yield from _listed(workspace, folder, f"{path}/")
        else:
            yield path, entry.size if entry.kind == "file" else -1


def _hash(workspace: Path, path: str) -> str:
    content = hashlib.sha256()
    with safe_paths.open_for_read(workspace, path) as file:
        while piece := file.read(_PIECE):
            content.update(piece)
    return content.hexdigest()
