"""How often a document is tried, and who is next."""

from collections.abc import Iterable
from typing import Final

RETRY_SECONDS: Final = (5.0, 30.0, 120.0, 600.0)
"""Waits after the first four technical failures; the fifth is the last (contract product 5.5)."""
MOST_LOSSES: Final = 40
"""A document whose process died so often is likely what killed it; people who kill a server often stay below that."""
_MOST_REMEMBERED: Final = 10_000


def retry_after(attempts: int) -> float | None:
    """Seconds until the next attempt after so many; None: that was the last."""
    return RETRY_SECONDS[attempts - 1] if attempts <= len(RETRY_SECONDS) else None


class Turns:
    """Whose turn it is: owners take turns, whoever was served least recently comes first."""

    def __init__(self) -> None:
        self._served: dict[str, None] = {}

    def order(self, owners: Iterable[str]) -> list[str]:
        """The owners, the next one first; those never served come before all others."""
        place = {owner: number for number, owner in enumerate(self._served, 1)}
        return sorted(owners, key=lambda owner: (place.get(owner, 0), owner))

    def note(self, owner: str) -> None:
        """This owner was served now."""
        self._served.pop(owner, None)
        self._served[owner] = None
        if len(self._served) > _MOST_REMEMBERED:
            del self._served[next(iter(self._served))]
