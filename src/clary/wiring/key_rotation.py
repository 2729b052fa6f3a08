"""Seals everything with the present secret key that was sealed with an old one (`clary keys rotate`, platform.md 13).

Portions are short transactions, and each value is replaced only if it is still the one that was read: servers go on,
and who is killed has lost nothing. What no key opens stays as it is.
"""

from collections import Counter
from typing import Final, NamedTuple

from clary.db.database import Database
from clary.db.sealed_rows import SealedColumn, SealedValue, list_sealed_otherwise, replace_sealed, sealed_columns
from clary.features.audit.service import CLI, Act, AuditLog
from clary.kit.crypto import DecryptionError, SecretBox

PORTION: Final = 100
_PASSES: Final = 5
"""Somebody who still seals with an old key is followed this often."""


class Rotated(NamedTuple):
    """How many values were sealed anew, and how many of each column are still sealed with another key."""

    done: int
    left: dict[str, int]


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
                found = await list_sealed_otherwise(
                    db, column, beginning=self._box.beginning, after=after, limit=self._portion
                )
            if not found:
                return left
            after = found[-1].key
            fresh = [(value, sealed) for value in found if (sealed := self._sealed_anew(value)) is not None]
            left += len(found) - (await self._replace(column, fresh) if fresh else 0)

    def _sealed_anew(self, value: SealedValue) -> str | None:
        try:
            plain = self._box.open(value.sealed, place=value.place)
        except DecryptionError:
            return None
        return self._box.seal(plain, place=value.place)

    async def _replace(self, column: SealedColumn, fresh: list[tuple[SealedValue, str]]) -> int:
        async with self._database.write() as db:
            replaced = sum([await replace_sealed(db, column, value, sealed) for value, sealed in fresh])
            if replaced and not self._done:
                # With the first change, so that a rotation that is killed is in the log as well.
                await self._audit.record(db, Act("keys.rotated", CLI, detail={"key": self._box.key_id}))
        self._done += replaced
        return replaced
