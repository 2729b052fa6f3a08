"""Vectors of one index: a file of float16 rows that only grows, searched exactly. Blocking calls.

A slot is written before the transaction that names it, and never again: a crash between the two leaves a row that
nobody knows. What became useless is left behind when the file is rewritten under the next name.
"""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray
from usearch.index import search

from clary.features.knowledge.ports import Hit

VALUE_BYTES: Final = 2
_NOBODY: Final = -1
THREADS: Final = 1


class TornFileError(Exception):
    """The file holds less than it should."""


class VectorView(NamedTuple):
    """What a search sees: never changed, so a writer needs not wait. `numbers`: passage of each slot, or -1."""

    matrix: NDArray[np.float16]
    numbers: NDArray[np.int64]
    slots: dict[int, int]

    def search(self, vector: bytes, *, limit: int, among: Sequence[int] | None) -> list[Hit]:
        """By cosine, best first; ties by number."""
        query = np.frombuffer(vector, dtype=np.float16)
        if not self.slots or query.shape[0] != self.matrix.shape[1]:
            return []
        if among is not None:
            chosen = [self.slots[number] for number in among if number in self.slots]
            numbers, matrix = self.numbers[chosen], self.matrix[chosen]
            return _hits(numbers, *_nearest(matrix, query, limit)) if chosen else []
        wanted = limit
        while True:
            keys, scores = _nearest(self.matrix, query, wanted)
            hits = _hits(self.numbers, keys, scores)
            if len(hits) >= limit or wanted >= len(self.numbers):
                return hits[:limit]
            wanted *= 2

    def changed(
        self, path: Path, *, dims: int, slots: int, placed: dict[int, int], gone: Sequence[int]
    ) -> "VectorView":
        """This view with more slots, passages placed in them, and others gone."""
        if not placed and not any(number in self.slots for number in gone):
            return self
        numbers = np.concatenate([self.numbers, np.full(slots - len(self.numbers), _NOBODY, dtype=np.int64)])
        taken = dict(self.slots)
        for number in (*placed, *gone):
            if (old := taken.pop(number, None)) is not None:
                numbers[old] = _NOBODY
        for number, slot in placed.items():
            numbers[slot] = number
        return VectorView(_map(path, dims, slots), numbers, taken | placed)


def _nearest(matrix: NDArray[np.float16], query: NDArray[np.float16], count: int) -> tuple[Any, Any]:
    found: Any = search(matrix, query, min(count, len(matrix)), exact=True, threads=THREADS)
    return found.keys.astype(np.int64), 1.0 - found.distances


def _hits(numbers: NDArray[np.int64], keys: Any, scores: Any) -> list[Hit]:
    pairs = zip(numbers[keys], scores, strict=True)
    # A vector that is none, whoever wrote it, is near to nothing.
    found = [Hit(int(number), float(score)) for number, score in pairs if number != _NOBODY and np.isfinite(score)]
    return sorted(found, key=lambda hit: (-hit.score, hit.number))


def empty_view() -> VectorView:
    """No vectors at all."""
    return VectorView(np.zeros((0, 1), dtype=np.float16), np.zeros(0, dtype=np.int64), {})


def open_view(path: Path, *, dims: int, slots: int, placed: Sequence[tuple[int, int]]) -> VectorView:
    """The file as the state of the index describes it.

    Raises:
        TornFileError
    """
    if not slots:
        return empty_view()
    try:
        too_short = path.stat().st_size < slots * dims * VALUE_BYTES
    except FileNotFoundError:
        raise TornFileError from None
    if too_short or any(not 0 <= slot < slots for _, slot in placed):
        raise TornFileError
    matrix = _map(path, dims, slots)
    numbers = np.full(slots, _NOBODY, dtype=np.int64)
    for number, slot in placed:
        numbers[slot] = number
    return VectorView(matrix, numbers, dict(placed))


def _map(path: Path, dims: int, slots: int) -> NDArray[np.float16]:
    return np.memmap(path, dtype=np.float16, mode="r", shape=(slots, dims))


def append(path: Path, vectors: Sequence[bytes], *, at: int) -> None:
    """Writes vectors from an offset in bytes on, durably; what a crash left behind it is overwritten."""
    with path.open("r+b" if path.exists() else "w+b") as file:
        file.truncate(at)
        file.seek(at)
        file.writelines(vectors)
        file.flush()
        os.fsync(file.fileno())


def rewrite(view: VectorView, path: Path) -> dict[int, int]:
    """Writes the vectors that count into a new file; returns the slot of each number."""
    numbers = sorted(view.slots, key=view.slots.__getitem__)
    with path.open("wb") as file:
        view.matrix[[view.slots[number] for number in numbers]].tofile(file)
        file.flush()
        os.fsync(file.fileno())
    return {number: slot for slot, number in enumerate(numbers)}
