"""Files that are being received: no row knows them yet, and still they are not to be swept."""

from collections.abc import Generator
from contextlib import contextmanager


class FilesUnderWay:
    """Keys of this process."""

    def __init__(self) -> None:
        self._uploads: list[list[str]] = []

    @contextmanager
    def upload(self) -> Generator[list[str]]:
        """A list for the keys of one upload: a key is put in before its file is."""
        keys: list[str] = []
        self._uploads.append(keys)
        try:
            yield keys
        finally:
            # By identity: equal lists are not the same upload.
            self._uploads = [each for each in self._uploads if each is not keys]

    def keys(self) -> frozenset[str]:
        """All of them now."""
        return frozenset(key for keys in self._uploads for key in keys)
