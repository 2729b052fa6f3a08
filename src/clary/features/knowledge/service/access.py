"""Who may do what with a base and its documents, by the one permission rule (contract product 5.1)."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from clary.db.session import Session
from clary.features.audit.service import AuditLog, AuditObject
from clary.features.knowledge.errors import DocNotFoundError, KdbForbiddenError, KdbNotFoundError
from clary.features.knowledge.repository.bases import BaseRepository
from clary.features.knowledge.tables import KnowledgeBaseRow, KnowledgeDocumentRow
from clary.features.permissions.service import Grants, Identity, Target, Verb, examine, is_allowed, with_grants

Right = Literal["read", "write", "own"]
Access = Literal["owner", "admin", "write", "read"]

_ID = re.compile(r"[0-9a-f]{32}")
_VERB: dict[Right, Verb] = {"read": "read", "write": "write", "own": "share"}


@dataclass(frozen=True, slots=True)
class KnowledgeBase:
    """A base as one person meets it. `settings` is `kdbSetting` as that person sees it."""

    id: str
    owner_id: str
    name: str
    type: str
    intro: str
    index_name: str
    settings: dict[str, Any]
    index_version: int
    access: Access
    created_at: datetime
    updated_at: datetime


class KnowledgeAccess:
    """Asked at every use, so that a grant that was taken back ends at once."""

    def __init__(self, *, grants: Grants, audit: AuditLog) -> None:
        self._grants = grants
        self._audit = audit

    async def get(self, db: Session, *, identity: Identity, kdb_id: str, right: Right) -> KnowledgeBase:
        """A base that the caller may treat so.

        Raises:
            KdbNotFoundError: unknown or not visible. KdbForbiddenError: visible, without the right.
        """
        return (await self.get_many(db, identity=identity, kdb_ids=[kdb_id], right=right))[0]

    async def get_many(
        self, db: Session, *, identity: Identity, kdb_ids: Sequence[str], right: Right
    ) -> list[KnowledgeBase]:
        """Bases in the order asked for, each once.

        Raises:
            KdbNotFoundError, KdbForbiddenError: for the first one that is refused.
        """
        wanted = list(dict.fromkeys(kdb_ids))
        rows = {row.id: row for row in await BaseRepository(db).list_visible_among(identity, _well_formed(wanted))}
        if any(kdb_id not in rows for kdb_id in wanted):
            raise KdbNotFoundError
        bases = await self.describe(db, identity=identity, rows=[rows[kdb_id] for kdb_id in wanted])
        for base in bases:
            if not await self._may(db, identity, base, right):
                raise KdbForbiddenError
            await self._audit.record_admin_read(identity, AuditObject("kdb", base.id, base.owner_id), within=db)
        return bases

    async def find_many(self, db: Session, *, identity: Identity, kdb_ids: Sequence[str]) -> list[KnowledgeBase]:
        """Those of the bases that the caller may read, in the order asked for; nothing tells of the others."""
        wanted = list(dict.fromkeys(kdb_ids))
        rows = {row.id: row for row in await BaseRepository(db).list_visible_among(identity, _well_formed(wanted))}
        return await self.describe(db, identity=identity, rows=[rows[each] for each in wanted if each in rows])

    async def describe(
        self, db: Session, *, identity: Identity, rows: Sequence[KnowledgeBaseRow]
    ) -> list[KnowledgeBase]:
        """Visible rows as the caller meets them."""
        foreign = [row.id for row in rows if row.owner_id != identity.user_id]
        writable = frozenset[str]()
        if foreign and not identity.is_admin:
            writable = await self._grants.find_writable(db, object_type="kdb", identity=identity, object_ids=foreign)
        return [_base_of(row, _access(identity, row, writable)) for row in rows]

    async def get_document(
        self, db: Session, *, identity: Identity, doc_id: str, right: Right
    ) -> tuple[KnowledgeBase, KnowledgeDocumentRow]:
        """A document of a base that the caller may treat so.

        Raises:
            DocNotFoundError: unknown, or of a base that is not visible. KdbForbiddenError
        """
        row = await BaseRepository(db).find_document(doc_id) if _ID.fullmatch(doc_id) else None
        if row is None:
            raise DocNotFoundError
        try:
            return await self.get(db, identity=identity, kdb_id=row.kdb_id, right=right), row
        except KdbNotFoundError:
            raise DocNotFoundError from None

    async def find_target(self, db: Session, *, object_id: str) -> Target | None:
        """What the permission rule has to know of a base."""
        row = await BaseRepository(db).find(object_id)
        return None if row is None else Target("kdb", object_id, row.owner_id)

    async def _may(self, db: Session, identity: Identity, base: KnowledgeBase, right: Right) -> bool:
        target = Target("kdb", base.id, base.owner_id)
        if base.access in ("write", "read"):
            grants = await self._grants.list_grants(db, object_type="kdb", object_id=base.id)
            target = with_grants(target, grants)
        # The route's own terms have judged the scope; here it is about the object.
        return is_allowed(
            [each for each in examine(identity, _VERB[right], target, is_active=True) if each.rule != "scope"]
        )


class DocumentTargets:
    """Documents, for the question who may do what: they are as open as their base."""

    def __init__(self, grants: Grants) -> None:
        self._grants = grants

    async def find_target(self, db: Session, *, object_id: str) -> Target | None:
        """See `ObjectSource`."""
        bases = BaseRepository(db)
        document = await bases.find_document(object_id)
        base = await bases.find(document.kdb_id) if document is not None else None
        if base is None:
            return None
        grants = await self._grants.list_grants(db, object_type="kdb", object_id=base.id)
        return with_grants(Target("doc", object_id, base.owner_id), grants)


def _well_formed(kdb_ids: Sequence[str]) -> list[str]:
    return [kdb_id for kdb_id in kdb_ids if _ID.fullmatch(kdb_id)]


def _access(identity: Identity, row: KnowledgeBaseRow, writable: frozenset[str]) -> Access:
    if identity.user_id and row.owner_id == identity.user_id:
        return "owner"
    if identity.is_admin:
        return "admin"
    return "write" if row.id in writable else "read"


def _base_of(row: KnowledgeBaseRow, access: Access) -> KnowledgeBase:
    return KnowledgeBase(
        row.id,
        row.owner_id,
        row.name,
        row.type,
        row.intro,
        row.index_name,
        row.settings,
        row.index_version,
        access,
        row.created_at,
        row.updated_at,
    )
