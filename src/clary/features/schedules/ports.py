"""What tasks need from the world."""

from typing import Protocol

from clary.db.session import Session
from clary.features.permissions.service import Identity


class Owners(Protocol):
    """Knows the people whose tasks run."""

    async def find_owner(self, db: Session, *, user_id: str) -> Identity | None:
        """A person with the rights of this moment; None: locked out, or gone."""
        ...

    async def find_address(self, db: Session, *, user_id: str) -> str | None:
        """Where a person reads mail; None: nowhere, locked out, or gone."""
        ...
