"""Half-done files of an upload, below `.clary/incoming` of its workspace; gone at its end, whatever happens. Blocks."""

import hashlib
from pathlib import Path
from typing import Final, NamedTuple

from clary.features.workspaces.policy import SCRATCH
from clary.kit import safe_folders, safe_paths
from clary.kit.ids import new_hex

STALE_SECONDS: Final = 3600.0
"""What an ended process left behind is removed by the next upload after that time."""


class Stored(NamedTuple):
    """A received file, not yet in its place."""

    path: str
    size: int
    sha256: str


class Scratch:
    """Temporary names of one upload."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._names: list[str] = []

    def new_name(self) -> str:
        """A path nobody else uses."""
        name = f"{SCRATCH}/{new_hex(32)}"
        self._names.append(name)
        return name

    def open(self) -> "Writing":
        """A new file to write to.

        Raises:
            PathError: the workspace's own folder was replaced by something else.
        """
        return Writing(self.root, self.new_name())

    def sweep(self) -> None:
        """Removes what earlier uploads left."""
        safe_folders.sweep(self.root, SCRATCH, STALE_SECONDS)

    def clear(self) -> None:
        """Removes everything that is not in its place."""
        for name in self._names:
            try:
                safe_folders.remove(self.root, name)
            except safe_paths.PathError:
                continue


class Writing:
    """A file that grows."""

    def __init__(self, root: Path, path: str) -> None:
        self._path = path
        self._file = safe_folders.create_file(root, path)
        self._hash = hashlib.sha256()
        self._size = 0

    def write(self, data: bytes) -> None:
        """Adds bytes."""
        self._file.write(data)
        self._hash.update(data)
        self._size += len(data)

    def close(self) -> Stored:
        """Ends the file; harmless when repeated."""
        self._file.close()
        return Stored(self._path, self._size, self._hash.hexdigest())
