"""Full text of one index: SQLite FTS5 over ready words, and the state of the index beside them. Blocking calls."""

import json
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from pathlib import Path
from queue import LifoQueue
from typing import Any, Final, NamedTuple

import apsw

from clary.adapters.search_index.scores import SCALE, Edition, KnownScores, best, new_edition, read_scores
from clary.features.knowledge.ports import Hit, IndexedPassage

FORMAT: Final = 1
READERS: Final = 2
_LEAST_POSTINGS: Final = 30_000
_MOST_WORDS: Final = 200
_KNOWN_FREQUENCIES: Final = 50_000
# `ascii` takes every character beyond ASCII as part of a word, so that what a word is depends on no Unicode table.
# `detail` stays full: without it every bm25 of a contentless table is 0.
_TABLES: Final = """
CREATE TABLE state (key TEXT PRIMARY KEY, value) WITHOUT ROWID;
CREATE TABLE passages (number INTEGER PRIMARY KEY, slot INTEGER);
CREATE VIRTUAL TABLE words USING fts5(tokens, content='', contentless_delete=1, tokenize='ascii');
CREATE VIRTUAL TABLE frequencies USING fts5vocab('words', 'row');
"""
# Each of these gives one row: between two rows a thread gives way to every other one, and under load waits for each.
_COUNT: Final = """
SELECT group_concat(coalesce((SELECT doc FROM frequencies WHERE term = asked.value), 0)) FROM json_each(?) AS asked
"""
# The limit keeps the inner query a query of its own, without which there is no score.
_SCORE: Final = """
SELECT group_concat(coalesce((SELECT group_concat(number || ',' || score) FROM (
    SELECT rowid AS number, CAST(-bm25(words) * ? AS INTEGER) AS score
    FROM words WHERE words MATCH asked.value LIMIT -1
)), ''), ';') FROM json_each(?) AS asked
"""


class State(NamedTuple):
    """What an index knows of itself. `position` -1: nothing yet; `vector_file`, `dims`, `slots`: where vectors are."""

    position: int = -1
    vector_file: int = 0
    dims: int = 0
    slots: int = 0
    passages: int = 0
    format: int = FORMAT


class WordFile:
    """One open file: a connection that writes, and a few that read beside it."""

    def __init__(self, path: Path, scores: KnownScores) -> None:
        self._scores = scores
        self._edition = new_edition()
        self._writer = _connect(path)
        self._open: list[Any] = [self._writer]
        try:
            self._prepare(path)
        except BaseException:
            self.close()
            raise

    def _prepare(self, path: Path) -> None:
        writer = self._writer
        # NORMAL: after a power cut the newest changes may be missing, but never half of one.
        for pragma in ("journal_mode=WAL", "synchronous=NORMAL", "cache_size=-8000"):
            writer.pragma(*pragma.split("="))
        if not writer.pragma("user_version"):
            with writer:
                writer.execute(_TABLES)
                self._write_state(State())
                writer.pragma("user_version", FORMAT)
        self.state = self._read_state()
        self._readers: LifoQueue[Any] = LifoQueue()
        for _ in range(READERS):
            reader = _connect(path)
            self._open.append(reader)
            reader.pragma("query_only", True)
            reader.pragma("cache_size", -16000)
            self._readers.put(reader)

    def close(self) -> None:
        """Closes every connection."""
        for connection in reversed(self._open):
            connection.close()

    def slots(self) -> list[tuple[int, int]]:
        """Number and slot of every passage that has a vector."""
        return list(self._writer.execute("SELECT number, slot FROM passages WHERE slot IS NOT NULL"))

    def known(self, numbers: Sequence[int]) -> set[int]:
        """Those of the numbers that are in the index."""
        query = "SELECT number FROM passages WHERE number IN (SELECT value FROM json_each(?))"
        return {number for (number,) in self._writer.execute(query, (json.dumps(list(numbers)),))}

    def write(
        self, state: State, *, added: Sequence[IndexedPassage], slots: dict[int, int], removed: Sequence[int]
    ) -> None:
        """All changes in one transaction. A passage that is there keeps its words: a number never gets others."""
        writer = self._writer
        known = self.known([each.number for each in added])
        gone = self.known(removed)
        with writer:
            writer.executemany("DELETE FROM words WHERE rowid = ?", [(number,) for number in gone])
            writer.executemany("DELETE FROM passages WHERE number = ?", [(number,) for number in gone])
            new = [each for each in added if each.number not in known]
            writer.executemany("INSERT INTO words(rowid, tokens) VALUES (?, ?)", [(it.number, it.tokens) for it in new])
            writer.executemany("INSERT INTO passages(number) VALUES (?)", [(it.number,) for it in new])
            placed = [(slot, number) for number, slot in slots.items()]
            writer.executemany("UPDATE passages SET slot = ? WHERE number = ?", placed)
            state = state._replace(passages=self.state.passages + len(new) - len(gone))
            self._write_state(state)
        # After the commit, so that whoever finds the new edition also reads what is new; before the state, so that
        # whoever knows of it asks nothing older.
        self._edition = new_edition()
        self.state = state

    def search(self, words: Sequence[str], *, limit: int, among: Sequence[int] | None) -> list[Hit]:
        """Best first; ties by number."""
        edition = self._edition
        with self._reader() as reader:
            chosen = self._choose(reader, edition, words)
            if not chosen:
                return []
            known = self._scores.get(edition, chosen)
            missing = [word for word in chosen if word not in known]
            if missing:
                quoted = json.dumps(['"' + word.replace('"', '""') + '"' for word in missing])
                texts = str(reader.execute(_SCORE, (SCALE, quoted)).get).split(";")
                new = dict(zip(missing, map(read_scores, texts), strict=True))
                self._scores.put(edition, new)
                known |= new
        return best(list(known.values()), limit=limit, among=among)

    def _choose(self, reader: Any, edition: Edition, words: Sequence[str]) -> list[str]:
        """The rarest words, as many as a budget of postings allows: what stands everywhere costs most, says least."""
        budget = max(_LEAST_POSTINGS, self.state.passages // 2)
        asked = list(dict.fromkeys(words))
        counts = {word: edition.frequencies[word] for word in asked if word in edition.frequencies}
        unknown = [word for word in asked if word not in counts]
        if unknown:
            found = str(reader.execute(_COUNT, (json.dumps(unknown),)).get).split(",")
            new = dict(zip(unknown, map(int, found), strict=True))
            if len(edition.frequencies) < _KNOWN_FREQUENCIES:
                edition.frequencies.update(new)
            counts |= new
        chosen: list[str] = []
        for count, word in sorted((count, word) for word, count in counts.items() if count)[:_MOST_WORDS]:
            budget -= count
            if chosen and budget < 0:
                break
            chosen.append(word)
        return chosen

    @contextmanager
    def _reader(self) -> Generator[Any]:
        reader = self._readers.get()
        try:
            with reader:
                yield reader
        finally:
            self._readers.put(reader)

    def _read_state(self) -> State:
        return State(**dict(self._writer.execute("SELECT key, value FROM state")))

    def _write_state(self, state: State) -> None:
        self._writer.executemany("INSERT OR REPLACE INTO state VALUES (?, ?)", list(state._asdict().items()))


def _connect(path: Path) -> Any:
    # Not typed: the library's types need a newer Python than the oldest one served.
    return apsw.Connection(str(path))
