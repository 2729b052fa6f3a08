"""What becomes of the knowledge bases of a user who is deleted (platform.md 4.8)."""

from functools import partial

from clary.db.database import Database
from clary.db.session import Session
from clary.features.accounts.ports import Heir
from clary.features.knowledge.policy.settings import merged
from clary.features.knowledge.repository.bases import BaseRepository
from clary.features.knowledge.service.models import KnowledgeModels
from clary.features.knowledge.service.rebuilding import FOLLOW_KIND
from clary.features.knowledge.service.removal import KnowledgeRemoval
from clary.features.knowledge.service.vectors import job_owner
from clary.features.permissions.service import Grants
from clary.jobs.queue import JobQueue


class KnowledgeLeaving:
    """Fills the port `OwnedThings` of accounts."""

    def __init__(
        self, *, database: Database, grants: Grants, removal: KnowledgeRemoval, models: KnowledgeModels, queue: JobQueue
    ) -> None:
        self._database = database
        self._models = models
        self._queue = queue
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
                    await self._hand_on(db, kdb_id, heir.heir_id)
            gone = [kdb_id for kdb_id in ids if kdb_id not in kept]
        for kdb_id in gone:
            await self._removal.remove_base(kdb_id, last=partial(self._forget_grants, kdb_id=kdb_id))
        return {"knowledge_bases_handed_on": len(kept), "knowledge_bases_deleted": len(gone)}

    async def _hand_on(self, db: Session, kdb_id: str, heir_id: str) -> None:
        """Nobody inherits a key: models of the leaver's own providers give way to the server's."""
        bases = BaseRepository(db)
        await bases.move(kdb_id, heir_id)
        row = await bases.find_for_change(kdb_id)
        if row is None:
            return
        lost = await self._models.list_unusable(db, owner_id=heir_id, settings=row.settings)
        if lost:
            row.settings = merged(row.settings, dict.fromkeys(lost))
            await bases.save(row)
            await self._queue.add(db, kind=FOLLOW_KIND, owner_id=job_owner(kdb_id), payload={})

    async def _forget_grants(self, db: Session, *, kdb_id: str) -> None:
        await self._grants.forget_object(db, object_type="kdb", object_id=kdb_id)
