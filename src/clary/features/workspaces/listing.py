"""What lies in a workspace, in walk order: per folder the files, then the sub-folders, each by code point. Blocks."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, NamedTuple

from clary.kit import safe_paths
from clary.kit.safe_paths import Entry

MAX_LISTED: Final = 10_000
MAX_DEPTH: Final = 64


class Listing(NamedTuple):
    """Items of product.md 4.1, and whether there are more."""

    files: list[dict[str, Any]]
    truncated: bool
    truncated_by_depth: bool


class Item(NamedTuple):
    """Something visible; `is_cut`: a folder that is not entered because it lies too deep."""

    path: str
    entry: Entry
    is_cut: bool


def list_items(root: Path, relative: str, max_depth: int) -> Listing:
    """The items below a folder, at most 10,000.

    Raises:
        PathError: the folder cannot be read.
    """
    files: list[dict[str, Any]] = []
    cut = False
    for item in walk(root, relative, max_depth):
        if len(files) == MAX_LISTED:
            return Listing(files, True, cut)
        cut = cut or (item.is_cut and bool(_visible(root, item.path)))
        files.append(_shape(item))
    return Listing(files, False, cut)


def walk(root: Path, relative: str, max_depth: int = MAX_DEPTH) -> Iterator[Item]:
    """Every file and folder below a folder, without dot names and links. What vanishes meanwhile is left out.

    Raises:
        PathError: the folder itself cannot be read.
    """
    first = _sorted(safe_paths.scandir(root, relative))
    waiting = [(relative, 1)]
    while waiting:
        folder, level = waiting.pop()
        below: list[str] = []
        for entry in first if level == 1 else _visible(root, folder):
            path = f"{folder}/{entry.name}" if folder else entry.name
            if entry.kind == "directory" and level < max_depth:
                below.append(path)
            yield Item(path, entry, entry.kind == "directory" and level >= max_depth)
        waiting += [(path, level + 1) for path in reversed(below)]


def _visible(root: Path, relative: str) -> list[Entry]:
    try:
        return _sorted(safe_paths.scandir(root, relative))
    except safe_paths.PathError:
        return []


def _sorted(entries: list[Entry]) -> list[Entry]:
    seen = [entry for entry in entries if entry.kind in ("file", "directory") and not entry.name.startswith(".")]
    return sorted(seen, key=lambda entry: (entry.kind == "directory", entry.name))


def _shape(item: Item) -> dict[str, Any]:
    is_folder = item.entry.kind == "directory"
    return {
        "name": safe_paths.printable(item.entry.name),
        "path": safe_paths.printable(item.path),
        "size": 0 if is_folder else item.entry.size,
        "modified_time": item.entry.modified,
        "is_directory": is_folder,
    }
