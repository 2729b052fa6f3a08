"""What names a version: the hash of what is in it (product.md 7.1)."""

import hashlib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

KEPT_VERSIONS: Final = 5
_HASH = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class StoredFile:
    """One file of a version. `sha256` of its content in hex."""

    path: str
    size: int
    executable: bool
    sha256: str

    def as_wire(self) -> dict[str, Any]:
        """`{path, size, executable}`."""
        return {"path": self.path, "size": self.size, "executable": self.executable}

    def as_row(self) -> dict[str, Any]:
        """The same with the hash of the content."""
        return {**self.as_wire(), "sha256": self.sha256}


def hash_of(files: Iterable[StoredFile]) -> str:
    """SHA-256 over the sorted paths and the contents; that a file can be executed counts as part of it."""
    whole = hashlib.sha256()
    for each in sorted(files, key=lambda file: file.path):
        mark = b"x" if each.executable else b""
        whole.update(each.path.encode() + b"\0" + mark + b"\0" + bytes.fromhex(each.sha256))
    return whole.hexdigest()


def is_hash(text: str) -> bool:
    """Whether a text could name a version."""
    return _HASH.fullmatch(text) is not None


def differences(
    before: Sequence[dict[str, Any]], after: Sequence[dict[str, Any]]
) -> list[dict[Literal["path", "change"], str]]:
    """What changed from one list of files to another, by path."""
    old, new = {each["path"]: each for each in before}, {each["path"]: each for each in after}
    changes = dict.fromkeys(new.keys() - old.keys(), "added")
    changes |= dict.fromkeys(old.keys() - new.keys(), "removed")
    changes |= {path: "changed" for path in new.keys() & old.keys() if new[path] != old[path]}
    return [{"path": path, "change": changes[path]} for path in sorted(changes)]
