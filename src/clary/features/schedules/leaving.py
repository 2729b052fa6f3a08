"""What goes with a user who is deleted: every task; nobody inherits them (platform.md 4.8)."""

from clary.db.database import Database
from clary.features.accounts.ports import Heir
from clary.features.schedules.service import TaskService


class TaskLeaving:
    """Fills the port `OwnedThings` of accounts."""

    def __init__(self, *, database: Database, tasks: TaskService) -> None:
        self._database = database
        self._tasks = tasks

    async def let_go(self, *, user_id: str, heir: Heir) -> dict[str, int]:
        """See `OwnedThings`."""
        async with self._database.write() as db:
            return {"tasks_deleted": await self._tasks.delete_of_user(db, user_id)}
