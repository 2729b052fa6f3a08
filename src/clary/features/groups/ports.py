"""What groups need from the world."""

from typing import Protocol

from clary.db.session import Session


class GroupReferences(Protocol):
    """Those who name groups in grants."""

    async def forget_group(self, db: Session, *, group_id: str) -> None:
        """Removes every grant that names the group, in the caller's transaction."""
        ...


class CurrencyRates(Protocol):
    """Which currencies this server can count with (platform.md 8.4, 14.3)."""

    def require_rate(self, currency: str, *, field: str) -> None:
        """Refuses a currency nobody gave a rate for; `field` is named in the refusal.

        Raises:
            ValidationFailedError
        """
        ...
