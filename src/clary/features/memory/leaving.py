"""What goes with a user who is deleted: every note, for whichever agent (platform.md 4.8)."""

from clary.db.database import Database
from clary.features.accounts.ports import Heir
from clary.features.memory.service import MemoryService


class MemoryLeaving:
    """Fills the port `OwnedThings` of accounts. Nobody inherits notes."""

    def __init__(self, *, database: Database, memory: MemoryService) -> None:
        self._database = database
        self._memory = memory

    async def let_go(self, *, user_id: str, heir: Heir) -> dict[str, int]:
        """See `OwnedThings`."""
        async with self._database.write() as db:
            return {"memory_notes_deleted": await self._memory.delete_of_user(db, user_id)}
