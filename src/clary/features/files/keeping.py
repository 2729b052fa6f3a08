"""How an object and its content come and go together (platform.md 10.2).

A content is written down as loose before the store gets it, and stops being so in the transaction that makes an object
point to it. So whatever fails, and whenever the process dies, what no object points to is known and gets removed.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Final, Literal

import structlog

from clary.db.database import Database, UnavailableError
from clary.db.session import Session
from clary.errors import ProblemError
from clary.features.audit.service import Act, Actor, AuditLog, AuditObject
from clary.features.files.errors import QuotaExceededError
from clary.features.files.policy import BUNDLE, Place, content_kind, header_type, is_shown
from clary.features.files.ports import ObjectStore, StoreUnavailableError
from clary.features.files.receiving import MIB, Received
from clary.features.files.repository import FileRepository
from clary.features.files.tables import FileRow
from clary.features.permissions.service import Identity
from clary.kit.clock import Clock
from clary.kit.file_names import disposition

log = structlog.get_logger()

SURELY_LOOSE: Final = timedelta(days=1)
"""No upload takes so long between its two transactions."""
AT_ONCE: Final = 500

Action = Literal["created", "updated", "deleted"]


@dataclass(frozen=True, slots=True)
class FileLimits:
    """What the operator allows, in MB; `quota_mb` 0: no limit."""

    upload_mb: int = 100
    bundle_mb: int = 2048
    quota_mb: int = 2048


class FileKeeping:
    """Puts objects in their place, and takes them away."""

    def __init__(
        self,
        *,
        database: Database,
        store: ObjectStore,
        audit: AuditLog,
        clock: Clock,
        limits: FileLimits,
        new_id: Callable[[], str],
    ) -> None:
        self._database = database
        self._store = store
        self._audit = audit
        self._clock = clock
        self._limits = limits
        self._new_id = new_id

    async def keep(self, received: Received, place: Place, *, identity: Identity) -> FileRow:
        """Makes a received file an object, or replaces what is at its place in one step.

        Raises:
            QuotaExceededError, UnavailableError
        """
        blob, kind = self._new_blob(), content_kind(received.head, place.filename)
        async with self._database.write() as db:
            FileRepository(db).add_loose(blob, self._clock.now())
        try:
            shown = disposition(place.filename, inline=is_shown(kind))
            await self._store.put(blob, received.path, content_type=header_type(kind), disposition=shown)
            async with self._database.write() as db:
                row, replaced = await self._point(db, received, place, kind, blob, identity)
        except StoreUnavailableError as error:
            raise UnavailableError from error
        except ProblemError:
            await self.remove_contents([blob])
            raise
        await self.remove_contents([replaced] if replaced else [])
        return row

    async def _point(
        self, db: Session, received: Received, place: Place, kind: str, blob: str, identity: Identity
    ) -> tuple[FileRow, str | None]:
        """The row that now holds the content, and the content it held before."""
        files, now = FileRepository(db), self._clock.now()
        await files.lock_place(BUNDLE if place.kind == BUNDLE else identity.user_id)
        row = await files.find(place.key)
        if place.kind != BUNDLE:
            await self._require_room(files, identity.user_id, received.size - (row.size if row is not None else 0))
        await files.remove_loose(blob)
        replaced = None if row is None else row.blob
        if row is None:
            row = FileRow(id=self._new_id(), key=place.key, kind=place.kind, created_at=now)
            files.add(row)
        else:
            files.add_loose(row.blob, now)
        row.owner_id, row.filename, row.content_type = identity.user_id, place.filename, kind
        row.size, row.sha256, row.blob, row.updated_at = received.size, received.sha256, blob, now
        await self._record(db, "created" if replaced is None else "updated", row, identity)
        return row, replaced

    async def _require_room(self, files: FileRepository, user_id: str, more: int) -> None:
        quota = self._limits.quota_mb
        if quota and more > 0 and await files.used_bytes(user_id) + more > quota * MIB:
            raise QuotaExceededError(quota)

    async def take_away(self, db: Session, row: FileRow, *, identity: Identity) -> str:
        """Removes an object in the caller's transaction; returns its content, to be removed after the commit."""
        await self._record(db, "deleted", row, identity)
        return await self.drop(db, row)

    async def drop(self, db: Session, row: FileRow) -> str:
        """The same, of somebody who is deleted with all they have: the audit log knows that as a whole."""
        files = FileRepository(db)
        files.add_loose(row.blob, self._clock.now())
        await files.remove(row)
        return row.blob

    async def remove_contents(self, blobs: list[str]) -> None:
        """Removes loose contents. A store or database that is away leaves them to the sweep."""
        for blob in blobs:
            try:
                await self._store.remove(blob)
                async with self._database.write() as db:
                    await FileRepository(db).remove_loose(blob)
            except (StoreUnavailableError, UnavailableError):
                log.warning("content_left_to_sweep", blob=blob)

    async def sweep(self) -> None:
        """Removes objects of people who are gone, and what has been loose for long."""
        async with self._database.write() as db:
            for row in await FileRepository(db).list_ownerless(limit=AT_ONCE):
                await self.drop(db, row)
        async with self._database.read() as db:
            loose = await FileRepository(db).list_loose(self._clock.now() - SURELY_LOOSE, limit=AT_ONCE)
        await self.remove_contents(list(loose))

    async def _record(self, db: Session, action: Action, row: FileRow, identity: Identity) -> None:
        target = AuditObject("file", row.id, row.owner_id)
        detail = {"key": row.key, "size": row.size, "sha256": row.sha256}
        await self._audit.record(db, Act(f"file.{action}", Actor.of(identity), target, detail=detail))

    def _new_blob(self) -> str:
        name = self._new_id()
        return f"{name[:2]}/{name[2:]}"
