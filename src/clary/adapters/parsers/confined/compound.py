"""Compound files of old Office, by olefile: storages with streams in them."""

import io
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from typing import Any, Final

import olefile

from clary.features.knowledge.ports import DocumentRefusedError

_ERRORS: Final = (OSError, ValueError, IndexError, KeyError, TypeError, AttributeError, OverflowError)
_LIBRARY: Final[Any] = olefile


class CompoundFile:
    """One open file."""

    def __init__(self, file: Any) -> None:
        self._file = file

    def has(self, *path: str) -> bool:
        """Whether there is such a stream or storage."""
        return bool(self._file.exists(list(path)))

    def stream(self, *path: str) -> bytes | None:
        """The bytes of a stream; None if there is none."""
        where = list(path)
        if not self._file.exists(where) or self._file.get_type(where) != olefile.STGTY_STREAM:
            return None
        return bytes(self._file.openstream(where).read())

    def storages(self, path: Sequence[str]) -> list[str]:
        """Names of the storages right within another, sorted."""
        found: list[list[str]] = self._file.listdir(streams=False, storages=True)
        depth = len(path)
        return sorted({entry[depth] for entry in found if len(entry) > depth and entry[:depth] == list(path)})


@contextmanager
def opened(content: bytes) -> Generator[CompoundFile]:
    """Opens a file.

    Raises:
        DocumentRefusedError: `damaged`, also for what goes wrong while it is open.
    """
    try:
        with _LIBRARY.OleFileIO(io.BytesIO(content)) as file:
            yield CompoundFile(file)
    except _ERRORS:
        raise DocumentRefusedError("damaged") from None
