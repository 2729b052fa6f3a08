"""What Milvus knows of each index: how far it has followed, when somebody last did, and whose turn it is.

Milvus has no conditional write. A turn is therefore written, and counts when it can still be read after a moment, in
which whoever saw the place free has written too. Blocking calls.
"""

import time
from typing import Any, Final, NamedTuple

from clary.adapters.milvus.collections import INDEXES, Collections, Row, in_base

FOLLOWED_SECONDS: Final = 20 * 3600
"""Removals are remembered for a day; an index that nobody asked for so long begins from nothing."""
TURN_SECONDS: Final = 60
_MARK_SECONDS: Final = 60


class State(NamedTuple):
    """`passages` and `length` (all words) are -1 while a change is written: who finds that counts anew."""

    position: int = -1
    passages: int = 0
    length: int = 0
    dims: int = 0


class Records:
    """Rows of `clary_indexes`: `state:`, `mark:` and `turn:` of each index."""

    def __init__(self, collections: Collections, *, holder: str, settle_seconds: float) -> None:
        self._collections = collections
        self._holder = holder
        self._settle_seconds = settle_seconds

    def find(self, base: str) -> State | None:
        """The state; None: there is no such index."""
        row = self._find("state", base)
        return None if row is None else State(row["position"], row["passages"], row["length"], row["dims"])

    def write(self, base: str, state: State) -> None:
        """Replaces the state."""
        self._write("state", base, **state._asdict())

    def is_fresh(self, base: str) -> bool:
        """Whether somebody followed lately enough; whoever asks does so now."""
        row, now = self._find("mark", base), int(time.time())
        if row is not None and row["at"] < now - FOLLOWED_SECONDS:
            return False
        if row is None or row["at"] < now - _MARK_SECONDS:
            self.mark(base, now)
        return True

    def mark(self, base: str, at: int) -> None:
        """Notes when somebody followed."""
        self._write("mark", base, at=at)

    def take_turn(self, base: str) -> bool:
        """Whether this process may change the index now."""
        row = self._find("turn", base)
        if row is not None and row["holder"] != self._holder and row["at"] > time.time():
            return False
        self._write("turn", base, at=int(time.time()) + TURN_SECONDS, holder=self._holder)
        time.sleep(self._settle_seconds)
        return self.has_turn(base)

    def has_turn(self, base: str) -> bool:
        """Whether the turn is still this process's."""
        row = self._find("turn", base)
        return row is not None and row["holder"] == self._holder and row["at"] > time.time()

    def end_turn(self, base: str) -> None:
        """Lets the next one."""
        self._collections.delete_ids(INDEXES, [f"turn:{base}"])

    def forget(self, base: str) -> None:
        """Removes state and mark, so that the index is not there for anybody."""
        self._collections.delete_ids(INDEXES, [f"state:{base}", f"mark:{base}"])

    def list_indexes(self) -> set[str]:
        """Every index there is."""
        return {row["base"] for row in self._collections.each(INDEXES, 'base != ""', ["base"])}

    def _find(self, kind: str, base: str) -> Row | None:
        fields = ("position", "passages", "length", "dims", "at", "holder")
        found = self._collections.query(INDEXES, f'{in_base(base)} and id == "{kind}:{base}"', fields)
        return found[0] if found else None

    def _write(self, kind: str, base: str, **values: Any) -> None:
        empty: Row = {"position": -1, "passages": 0, "length": 0, "dims": 0, "at": 0, "holder": ""}
        row = {"id": f"{kind}:{base}", "base": base, "unused": [0.0, 0.0], **empty, **values}
        self._collections.upsert(INDEXES, [row])
