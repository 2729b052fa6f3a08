"""What groups need from the world."""

from typing import Any, Protocol

from clary.db.session import Session


class GroupReferences(Protocol):
    """Those who name groups in grants."""

    async def forget_group(self, db: Session, *, group_id: str) -> None:
        """Removes every grant that names the group, in the caller's transaction."""
        ...


class CurrencyRates(Protocol):
    """Which currencies this server can count with (platform.md 8.4, 14.3)."""

    def converted(self, budget: dict[str, Any]) -> dict[str, Any]:
        """A budget in the server's currency.

        Raises:
            ValidationFailedError: nobody gave a rate for its currency.
        """
        ...
