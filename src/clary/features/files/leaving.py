"""What becomes of the files of a user who is deleted (platform.md 4.8)."""

from clary.db.database import Database
from clary.features.accounts.ports import Heir
from clary.features.files.keeping import AT_ONCE, FileKeeping
from clary.features.files.repository import FileRepository


class FileLeaving:
    """Fills the port `OwnedThings` of accounts. Files of releases stay: they are the server's."""

    def __init__(self, *, database: Database, keeping: FileKeeping) -> None:
        self._database = database
        self._keeping = keeping

    async def let_go(self, *, user_id: str, heir: Heir) -> dict[str, int]:
        """With `transfer` all are handed on and keep their addresses; otherwise all are removed."""
        if heir.mode == "transfer" and heir.heir_id is not None:
            async with self._database.write() as db:
                moved = await FileRepository(db).hand_on(user_id, heir.heir_id)
            return {"files_handed_on": moved, "files_deleted": 0}
        removed = 0
        while blobs := await self._drop_some(user_id):
            await self._keeping.remove_contents(blobs)
            removed += len(blobs)
        return {"files_handed_on": 0, "files_deleted": removed}

    async def _drop_some(self, user_id: str) -> list[str]:
        async with self._database.write() as db:
            files = FileRepository(db)
            rows = await files.list_owned(user_id, limit=AT_ONCE)
            if not rows:
                await files.forget_place(user_id)
            return [await self._keeping.drop(db, row) for row in rows]
