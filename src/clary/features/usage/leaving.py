"""What is left of a user who is deleted (platform.md 14.1)."""

from clary.db.database import Database
from clary.features.accounts.ports import Heir
from clary.features.usage.repository import BudgetRepository


class UsageLeaving:
    """Rows of the ledger stay, without saying whose they were."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def let_go(self, *, user_id: str, heir: Heir) -> dict[str, int]:
        """See `OwnedThings`."""
        async with self._database.write() as db:
            await BudgetRepository(db).forget_user(user_id)
        return {}
