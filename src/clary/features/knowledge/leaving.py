"""What becomes of the knowledge bases of a user who is deleted (platform.md 4.8)."""

from clary.db.database import Database
from clary.features.accounts.ports import Heir
from clary.features.knowledge.repository.bases import BaseRepository
from clary.features.knowledge.service.removal import KnowledgeRemoval
from clary.features.permissions.service import Grants


class KnowledgeLeaving:
    """Fills the port `OwnedThings` of accounts."""

    def __init__(self, *, database: Database, grants: Grants, removal: KnowledgeRemoval) -> None:
        self._database = database
        self._grants = grants
        self._removal = removal

    async def let_go(self, *, user_id: str, heir: Heir) -> dict[str, int]:
        """Hands bases on, or removes them: with `delete` the shared ones live on, with `transfer` all do."""
        async with self._database.write() as db:
            bases = BaseRepository(db)
            ids = [row.id for row in await bases.list_owned(user_id)]
            kept = frozenset[str]()
            if heir.heir_id is not None:
                is_all = heir.mode == "transfer"
                kept = (
                    frozenset(ids) if is_all else await self._grants.find_shared(db, object_type="kdb", object_ids=ids)
                )
                for kdb_id in kept:
                    await bases.move(kdb_id, heir.heir_id)
            gone = [kdb_id for kdb_id in ids if kdb_id not in kept]
        for kdb_id in gone:
            await self._removal.remove_base(kdb_id)
            async with self._database.write() as db:
                await self._grants.forget_object(db, object_type="kdb", object_id=kdb_id)
        return {"knowledge_bases_handed_on": len(kept), "knowledge_bases_deleted": len(gone)}
