"""The files of one version of one base's index, kept equal to each other. Blocking calls.

A file that is torn or of another format is not opened but built anew.
"""

import shutil
import threading
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import apsw

from clary.adapters.search_index.scores import KnownScores
from clary.adapters.search_index.vectors import TornFileError, VectorView, append, empty_view, open_view, rewrite
from clary.adapters.search_index.words import FORMAT, State, WordFile
from clary.db.database import UnavailableError
from clary.features.knowledge.ports import Hit, IndexedPassage, IndexLostError

_LEAST_WASTE: Final = 1000
_BROKEN: Final = (apsw.CorruptError, apsw.NotADBError, apsw.SQLError, apsw.IOError, TypeError, TornFileError)
_AWAY: Final = (apsw.FullError, apsw.CantOpenError, apsw.ReadOnlyError, OSError)
"""The disk is in trouble, not the files: beginning anew would not help."""


class BrokenIndexError(IndexLostError):
    """These files are no use to anybody."""


@contextmanager
def _unavailable_if_away() -> Generator[None]:
    try:
        yield
    except _AWAY as error:
        raise UnavailableError from error


@contextmanager
def _lost_if_broken() -> Generator[None]:
    with _unavailable_if_away():
        try:
            yield
        except (*_BROKEN, FileNotFoundError) as error:
            raise BrokenIndexError from error


class IndexFiles:
    """One open index. Searches go on while one change is written; writers must be one at a time."""

    def __init__(self, folder: Path, scores: KnownScores) -> None:
        self._folder = folder
        self._scores = scores
        self._lock = threading.Lock()
        with _unavailable_if_away():
            self._open()

    @property
    def position(self) -> int:
        """See `SearchIndex.position`."""
        return self._words.state.position

    def apply(self, *, since: int, upto: int, added: Sequence[IndexedPassage], removed: Sequence[int]) -> None:
        """See `SearchIndex.apply`."""
        with self._lock, _lost_if_broken():
            old = self._words.state
            self._require(since)
            state, slots = self._write_vectors(old, added)
            state = state._replace(position=max(upto, old.position))
            self._words.write(state, added=added, slots=slots, removed=removed)
            path = self._vector_path(state)
            self._view = self._view.changed(path, dims=state.dims, slots=state.slots, placed=slots, gone=removed)
            if len(self._view.numbers) > 2 * len(self._view.slots) + _LEAST_WASTE:
                self._compact()

    def move(self, folder: Path) -> None:
        """Makes room for another index of the same name; who still searches here may go on."""
        with self._lock:
            self._folder.rename(folder)
            self._folder = folder

    def search_words(self, words: Sequence[str], *, since: int, limit: int, among: Sequence[int] | None) -> list[Hit]:
        """See `SearchIndex.search_words`."""
        self._require(since)
        with _lost_if_broken():
            return self._words.search(words, limit=limit, among=among)

    def search_vectors(self, vector: bytes, *, since: int, limit: int, among: Sequence[int] | None) -> list[Hit]:
        """See `SearchIndex.search_vectors`."""
        self._require(since)
        return self._view.search(vector, limit=limit, among=among)

    def _require(self, since: int) -> None:
        if self._words.state.position < since:
            raise IndexLostError

    def close(self) -> None:
        """Lets go of the files."""
        self._words.close()
        self._view = empty_view()

    def discard(self) -> None:
        """Closes and removes the files."""
        self.close()
        shutil.rmtree(self._folder, ignore_errors=True)

    def _open(self) -> None:
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        try:
            self._open_files()
        except _BROKEN:
            self._wipe()
            self._open_files()

    def _open_files(self) -> None:
        words = WordFile(self._folder / "words.db", self._scores)
        try:
            if words.state.format != FORMAT:
                raise TornFileError
            self._words = words
            self._view = self._open_view()
        except BaseException:
            words.close()
            raise
        self._remove_old_vectors()

    def _open_view(self) -> VectorView:
        state = self._words.state
        return open_view(self._vector_path(state), dims=state.dims, slots=state.slots, placed=self._words.slots())

    def _wipe(self) -> None:
        shutil.rmtree(self._folder)
        self._folder.mkdir(mode=0o700)

    def _vector_path(self, state: State) -> Path:
        return self._folder / f"vectors.{state.vector_file}"

    def _write_vectors(self, state: State, added: Sequence[IndexedPassage]) -> tuple[State, dict[int, int]]:
        """The state with these vectors, and the slot of each; vectors of another length than the first are none."""
        vectors = [(it.number, it.vector) for it in added if it.vector]
        if not vectors:
            return state, {}
        size = state.dims * 2 or len(vectors[0][1])
        fitting = [(number, vector) for number, vector in vectors if len(vector) == size]
        append(self._vector_path(state), [vector for _, vector in fitting], at=state.slots * size)
        slots = {number: state.slots + place for place, (number, _) in enumerate(fitting)}
        return state._replace(dims=size // 2, slots=state.slots + len(fitting)), slots

    def _compact(self) -> None:
        old = self._words.state
        state = old._replace(vector_file=old.vector_file + 1, slots=len(self._view.slots))
        slots = rewrite(self._view, self._vector_path(state))
        self._words.write(state, added=(), slots=slots, removed=())
        self._view = self._open_view()
        self._remove_old_vectors()

    def _remove_old_vectors(self) -> None:
        current = self._vector_path(self._words.state)
        for path in self._folder.glob("vectors.*"):
            if path != current:
                path.unlink(missing_ok=True)
