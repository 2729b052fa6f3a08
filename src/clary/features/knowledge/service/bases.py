"""Use cases of bases (contract product 5.2, 5.3)."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from clary.db.database import Database
from clary.db.session import Session
from clary.features.audit.service import Act, Actor, AuditLog, AuditObject
from clary.features.knowledge.policy.settings import embedding_of, merged, shown
from clary.features.knowledge.ports import ResolvedEmbedding
from clary.features.knowledge.repository.bases import BaseRepository
from clary.features.knowledge.service.access import KnowledgeAccess, KnowledgeBase
from clary.features.knowledge.service.documents import DocumentService
from clary.features.knowledge.service.models import KnowledgeModels
from clary.features.knowledge.service.questions import QuestionSets
from clary.features.knowledge.service.removal import KnowledgeRemoval
from clary.features.knowledge.service.versions import IndexVersions
from clary.features.knowledge.tables import KnowledgeBaseRow
from clary.features.permissions.service import Grants, Identity
from clary.http.problems import ObjectLimitError
from clary.kit.clock import Clock, wire_time
from clary.kit.ids import new_hex

Json = dict[str, Any]
STATUS_NAMES = ("pending", "processing", "success", "failed")


@dataclass(frozen=True, slots=True)
class NewBase:
    """What somebody wants. `settings`: `kdbSetting`, checked."""

    name: str
    type: str
    intro: str
    settings: Json


@dataclass(frozen=True, slots=True)
class BaseChanges:
    """None: unchanged. `settings`: top-level keys, None removes one."""

    name: str | None
    intro: str | None
    settings: Json


class KnowledgeBases:
    """Bases as people see them. Methods without `db` have transactions of their own."""

    def __init__(
        self,
        *,
        database: Database,
        access: KnowledgeAccess,
        models: KnowledgeModels,
        versions: IndexVersions,
        documents: DocumentService,
        questions: QuestionSets,
        removal: KnowledgeRemoval,
        grants: Grants,
        audit: AuditLog,
        clock: Clock,
        most_owned: int,
    ) -> None:
        self._database = database
        self._access = access
        self._models = models
        self._versions = versions
        self._documents = documents
        self._questions = questions
        self._removal = removal
        self._grants = grants
        self._audit = audit
        self._clock = clock
        self._most_owned = most_owned

    async def count_bases(self, db: Session) -> int:
        """How many there are on the server."""
        return (await BaseRepository(db).count_all())[0]

    async def count_documents(self, db: Session) -> int:
        """How many documents all of them hold."""
        return (await BaseRepository(db).count_all())[1]

    async def sum_bytes(self, db: Session) -> int:
        """How much the originals of all of them take."""
        return await BaseRepository(db).sum_bytes()

    async def add(self, *, identity: Identity, wanted: NewBase) -> str:
        """A new base of the caller; returns its id.

        Raises:
            ObjectLimitError, and what `KnowledgeModels.resolve` raises.
        """
        async with self._database.read() as db:
            await self._require_room(db, identity)
        plan = await self._models.resolve(owner_id=identity.user_id, settings=wanted.settings)
        async with self._database.write() as db:
            # Counted again where nobody else writes: of two at the limit one comes too late.
            await BaseRepository(db).lock_owner(identity.user_id)
            await self._require_room(db, identity)
            row = self._row(identity, wanted)
            await BaseRepository(db).add(row, self._versions.first(row, plan))
            await self._record(db, identity, "kdb.created", row, {"name": row.name, "type": row.type})
        return row.id

    async def update(
        self, *, identity: Identity, kdb_id: str, changes: BaseChanges
    ) -> tuple[KnowledgeBase, str | None]:
        """Changes what is named; returns the base, and the task that builds its next version if there is one.

        Raises:
            KdbNotFoundError, KdbForbiddenError, and what `KnowledgeModels.resolve` raises.
        """
        async with self._database.read() as db:
            base = await self._access.get(db, identity=identity, kdb_id=kdb_id, right="own")
            must_try = await self._must_try(db, base, changes)
        if "reranker" in changes.settings:
            await self._models.check_reranker(base.owner_id, merged(base.settings, changes.settings))
        while True:
            chosen = embedding_of(merged(base.settings, changes.settings))
            tried = await self._models.resolve_embedding(base.owner_id, chosen) if must_try else None
            async with self._database.write() as db:
                base = await self._access.get(db, identity=identity, kdb_id=kdb_id, right="own")
                must_try = await self._must_try(db, base, changes)
                is_as_tried = chosen == embedding_of(merged(base.settings, changes.settings))
                if not must_try or (tried is not None and is_as_tried):
                    return base, await self._apply(db, identity, kdb_id, changes, tried if must_try else None)
            # Somebody changed the model meanwhile; what was tried is not what would be saved.

    async def info(self, db: Session, *, identity: Identity, kdb_id: str) -> Json:
        """Everything about a base (contract product 5.3).

        Raises:
            KdbNotFoundError
        """
        base = await self._access.get(db, identity=identity, kdb_id=kdb_id, right="read")
        counts = await BaseRepository(db).counts(base.id)
        passages, index = await self._versions.describe(db, base)
        row = await BaseRepository(db).find(base.id)
        if row is not None and row.warning is not None:
            index["warning"] = row.warning
        settings = shown(base.settings)
        index["reranker"] = self._models.reranker_shown(base.settings)
        return {
            "kdbId": base.id,
            "name": base.name,
            "intro": base.intro,
            "type": base.type,
            "dataSource": base.type,
            "createdAt": int(base.created_at.timestamp()),
            "updatedAt": int(base.updated_at.timestamp()),
            "kdbSetting": settings,
            "user_id": base.owner_id,
            "index_name": base.index_name,
            "docNum": sum(counts.by_status.values()),
            "access": base.access,
            "counts": {name: counts.by_status.get(status, 0) for status, name in enumerate(STATUS_NAMES)},
            "size_bytes": counts.size_bytes,
            "passages": passages,
            "index": index,
        }

    async def list_bases(
        self, db: Session, *, identity: Identity, name: str, type: str, offset: int, limit: int
    ) -> tuple[list[Json], int]:
        """(page, total): own and granted ones, for an admin all; newest first."""
        rows, total = await BaseRepository(db).list_page(identity, name=name, type=type, offset=offset, limit=limit)
        bases = await self._access.describe(db, identity=identity, rows=rows)
        documents = await BaseRepository(db).count_documents([base.id for base in bases])
        return [_listed(base, documents.get(base.id, 0)) for base in bases], total

    async def delete(self, *, identity: Identity, kdb_id: str) -> str:
        """Takes a base away with everything in it; returns whose it was.

        Raises:
            KdbNotFoundError, KdbForbiddenError
        """
        async with self._database.read() as db:
            base = await self._access.get(db, identity=identity, kdb_id=kdb_id, right="own")

        async def forget(db: Session) -> None:
            await self._grants.forget_object(db, object_type="kdb", object_id=base.id)
            target = AuditObject("kdb", base.id, base.owner_id)
            await self._audit.record(db, Act("kdb.deleted", Actor.of(identity), target, detail={"name": base.name}))

        await self._removal.remove_base(base.id, last=forget)
        return base.owner_id

    async def clear(self, *, identity: Identity, kdb_id: str) -> str:
        """Takes all documents away; returns whose base it is.

        Raises:
            KdbNotFoundError, KdbForbiddenError
        """
        async with self._database.write() as db:
            base = await self._access.get(db, identity=identity, kdb_id=kdb_id, right="own")
            target = AuditObject("kdb", base.id, base.owner_id)
            detail = {"name": base.name, "cleared": True}
            await self._audit.record(db, Act("kdb.updated", Actor.of(identity), target, detail=detail))
        await self._removal.clear(base.id)
        return base.owner_id

    async def redo_all(self, db: Session, *, identity: Identity, kdb_id: str) -> tuple[str, str]:
        """Reads every document again; returns (task, owner).

        Raises:
            KdbNotFoundError, KdbForbiddenError
        """
        base = await self._access.get(db, identity=identity, kdb_id=kdb_id, right="write")
        task_id = await self._documents.redo_base(db, base.id)
        await self._questions.begin(db, base, after_task=task_id)
        return task_id, base.owner_id

    async def _must_try(self, db: Session, base: KnowledgeBase, changes: BaseChanges) -> bool:
        """Whether a model is to be built with that the version that answers may not have."""
        if "embedding" in changes.settings:
            return True
        return "chunk" in changes.settings and await self._versions.has_failed(db, base)

    async def _apply(
        self,
        db: Session,
        identity: Identity,
        kdb_id: str,
        changes: BaseChanges,
        embedding: ResolvedEmbedding | None,
    ) -> str | None:
        row = await BaseRepository(db).find_for_change(kdb_id)
        assert row is not None
        row.name = changes.name or row.name
        row.intro = row.intro if changes.intro is None else changes.intro
        row.settings = merged(row.settings, changes.settings)
        row.updated_at = self._clock.now()
        await BaseRepository(db).save(row)
        task_id = None
        # Anything else is no matter of the index: what is said of a failed build stays true.
        if "embedding" in changes.settings or "chunk" in changes.settings:
            wanted = await self._versions.plan_of(db, row, embedding)
            task_id = await self._versions.ensure(db, row, wanted) if wanted is not None else None
        await self._record(db, identity, "kdb.updated", row, {"name": row.name, "settings": sorted(changes.settings)})
        return task_id

    async def _require_room(self, db: Session, identity: Identity) -> None:
        if await BaseRepository(db).count_owned(identity.user_id) >= self._most_owned:
            raise ObjectLimitError(self._most_owned)

    def _row(self, identity: Identity, wanted: NewBase) -> KnowledgeBaseRow:
        now = self._clock.now()
        return KnowledgeBaseRow(
            id=new_hex(32),
            owner_id=identity.user_id,
            name=wanted.name,
            type=wanted.type,
            intro=wanted.intro,
            index_name=f"kdb_{new_hex(32)}",
            settings=merged({}, wanted.settings),
            index_version=1,
            change_number=0,
            created_at=now,
            updated_at=now,
        )

    async def _record(
        self, db: Session, identity: Identity, action: str, row: KnowledgeBaseRow, detail: Mapping[str, Any]
    ) -> None:
        target = AuditObject("kdb", row.id, row.owner_id)
        await self._audit.record(db, Act(action, Actor.of(identity), target, detail=dict(detail)))


def _listed(base: KnowledgeBase, documents: int) -> Json:
    return {
        "id": base.id,
        "name": base.name,
        "index_name": base.index_name,
        "intro": base.intro,
        "createTime": wire_time(base.created_at),
        "dataSource": base.type,
        "type": base.type,
        "docNum": documents,
        "cover": "",
        "defaultColor": True,
        "user_id": base.owner_id,
        "access": base.access,
        "disabled": False,
    }
