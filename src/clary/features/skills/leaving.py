"""What becomes of the skills of a user who is deleted (platform.md 4.8). Those of agents go or stay with the agents."""

from clary.db.database import Database
from clary.features.accounts.ports import Heir
from clary.features.skills.repository import SkillRepository


class SkillLeaving:
    """Fills the port `OwnedThings` of accounts."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def let_go(self, *, user_id: str, heir: Heir) -> dict[str, int]:
        """With `transfer` all are handed on, but for names the heir has already; otherwise all are removed.

        Nobody else uses a person's own skills, so that none has to be spared with `delete`.
        """
        async with self._database.write() as db:
            skills = SkillRepository(db)
            rows = await skills.list_place("user", user_id)
            moved: list[str] = []
            if heir.mode == "transfer" and heir.heir_id is not None:
                taken = {row.name_key for row in await skills.list_place("user", heir.heir_id)}
                moved = [row.id for row in rows if row.name_key not in taken]
                await skills.move(moved, heir.heir_id)
            gone = [row.id for row in rows if row.id not in moved]
            await skills.remove(gone)
        return {"skills_handed_on": len(moved), "skills_deleted": len(gone)}
