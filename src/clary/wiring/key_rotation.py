"""Seals everything with the present secret key that was sealed with an old one (`clary keys rotate`, platform.md 13).

Portions are short transactions, and each value is replaced only if it is still the one that was read: servers go on,
and who is killed has lost nothing. What no key opens stays as it is.
"""

from collections import Counter
from collections.abc import Iterator
from typing import Any, Final, NamedTuple, cast

from clary.db.database import Database
from clary.db.sealed_rows import SealedColumn, SealedValue, list_sealed, replace_sealed, sealed_columns
from clary.features.audit.service import CLI, Act, AuditLog
from clary.kit import json_text
from clary.kit.crypto import DecryptionError, SecretBox

PORTION: Final = 100
_PASSES: Final = 5
"""Somebody who still seals with an old key is followed this often."""


class Rotated(NamedTuple):
    """How many values were sealed anew, and how many of each column are still sealed with another key."""

    done: int
    left: dict[str, int]


async def fits_database(database: Database, box: SecretBox) -> bool:
    """Whether the keys open what is sealed in the database, judged by one value of each column.

    Raises:
        UnavailableError
    """
    for column in sealed_columns():
        async with database.read() as db:
            found = await list_sealed(db, column, beginning="-", after=None, limit=1)
        try:
            for value in found:
                box.open(value.sealed, place=value.place)
        except DecryptionError:
            return False
    return True


class KeyRotation:
    """One rotation."""

    def __init__(self, *, database: Database, box: SecretBox, audit: AuditLog, portion: int = PORTION) -> None:
        self._database = database
        self._box = box
        self._audit = audit
        self._portion = portion
        self._done = 0

    async def run(self) -> Rotated:
        """Looks at everything until a whole look finds nothing that can be changed.

        Raises:
            UnavailableError: what was done until then is kept.
        """
        left = Counter[str]()
        for _ in range(_PASSES):
            left, before = Counter[str](), self._done
            for column in sealed_columns():
                left[column.name] += await self._rotate(column)
            if self._done == before:
                break
        return Rotated(self._done, {name: count for name, count in left.items() if count})

    async def _rotate(self, column: SealedColumn) -> int:
        """Goes through a column once; returns how many values it did not replace."""
        after, left = None, 0
        while True:
            async with self._database.read() as db:
                found = await list_sealed(db, column, beginning=self._box.beginning, after=after, limit=self._portion)
            if not found:
                return left
            after = found[-1].key
            looked = [(value, *self._look(column, value)) for value in found]
            fresh = [(value, sealed) for value, sealed, _ in looked if sealed is not None]
            left += sum(is_left for _, _, is_left in looked) + len(fresh)
            left -= await self._replace(column, fresh) if fresh else 0

    def _look(self, column: SealedColumn, value: SealedValue) -> tuple[str | None, bool]:
        """What to put in its place, if anything, and whether something of it cannot be opened."""
        try:
            plain = self._box.open(value.sealed, place=value.place)
        except DecryptionError:
            return None, True
        text, is_left = (plain, False) if column.inner is None else self._look_inside(plain, column.inner)
        if text == plain and value.sealed.startswith(self._box.beginning):
            return None, is_left
        return self._box.seal(text, place=value.place), is_left

    def _look_inside(self, plain: str, inner: str) -> tuple[str, bool]:
        """The text with what is sealed inside it sealed anew."""
        whole: Any = json_text.loads(plain)
        left, is_changed = False, False
        for item in _objects_in(whole):
            sealed = item.get("sealed")
            if "id" not in item or not isinstance(sealed, str) or sealed.startswith(self._box.beginning):
                continue
            place = f"{inner}:{item['id']}"
            try:
                item["sealed"] = self._box.seal(self._box.open(sealed, place=place), place=place)
                is_changed = True
            except DecryptionError:
                left = True
        return (json_text.dumps_text(whole) if is_changed else plain), left

    async def _replace(self, column: SealedColumn, fresh: list[tuple[SealedValue, str]]) -> int:
        async with self._database.write() as db:
            replaced = sum([await replace_sealed(db, column, value, sealed) for value, sealed in fresh])
            if replaced and not self._done:
                # With the first change, so that a rotation that is killed is in the log as well.
                await self._audit.record(db, Act("keys.rotated", CLI, detail={"key": self._box.key_id}))
        self._done += replaced
        return replaced


def _objects_in(value: Any) -> Iterator[dict[str, Any]]:
    """Every object of a JSON value."""
    to_visit: list[Any] = [value]
    while to_visit:
        item = to_visit.pop()
        if isinstance(item, dict):
            found = cast("dict[str, Any]", item)
            yield found
            to_visit.extend(found.values())
        elif isinstance(item, list):
            to_visit.extend(cast("list[Any]", item))
