"""Taking documents and whole bases away (contract product 5.5).

Each method has transactions of its own, so that large deletions hold the write lock in short portions: never call them
with a transaction open. When a method returns no search finds what went. Files follow at once; what a fault leaves of
them goes with the next sweep.
"""

from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime, timedelta
from typing import Final

import structlog

from clary.db.database import Database
from clary.db.session import Session
from clary.features.knowledge.errors import DocNotFoundError, KdbNotFoundError
from clary.features.knowledge.policy.documents import parse_key
from clary.features.knowledge.ports import OriginalFiles
from clary.features.knowledge.repository.bases import BaseRepository
from clary.features.knowledge.repository.documents import DocumentRepository
from clary.features.knowledge.repository.removals import Removable, RemovalRepository
from clary.features.knowledge.service.signals import IngestionSignals
from clary.features.knowledge.service.underway import FilesUnderWay
from clary.kit.clock import Clock

log = structlog.get_logger()

MOST_DOCUMENTS: Final = 50
MOST_PASSAGES: Final = 1000
"""Of one transaction; a single document always goes whole."""
REMOVALS_KEPT: Final = timedelta(days=1)
UPLOAD_GRACE_SECONDS: Final = 24 * 3600
IMPORT_GRACE_SECONDS: Final = 3600
"""A single server may have a command beside it that takes a folder in: its uploads are under way there, not here."""
_PORTION: Final = 500


class KnowledgeRemoval:
    """See the module. `sole_process`: no other server receives files; what came in lately is spared all the same."""

    def __init__(
        self,
        *,
        database: Database,
        files: OriginalFiles,
        under_way: FilesUnderWay,
        signals: IngestionSignals,
        clock: Clock,
        sole_process: bool,
    ) -> None:
        self._database = database
        self._files = files
        self._under_way = under_way
        self._signals = signals
        self._clock = clock
        self._sole_process = sole_process

    async def remove_document(self, kdb_id: str, doc_id: str, *, file_key: str | None) -> None:
        """Takes one document away.

        Raises:
            DocNotFoundError: somebody else was quicker.
        """
        async with self._database.write() as db:
            removals = RemovalRepository(db)
            base = await removals.find_base(kdb_id)
            if base is None or not await removals.remove_document(kdb_id, doc_id):
                raise DocNotFoundError
            self._signals.announce_change(db)
        await self.remove_files([file_key])

    async def clear(self, kdb_id: str) -> None:
        """Takes all documents of a base away, but not those that are uploaded meanwhile.

        Raises:
            KdbNotFoundError
        """
        async with self._database.read() as db:
            if await BaseRepository(db).find(kdb_id) is None:
                raise KdbNotFoundError
            until = await DocumentRepository(db).next_moment(kdb_id, self._clock.now())
        while True:
            async with self._database.write() as db:
                gone = await self._remove_portion(db, kdb_id, until)
            await self.remove_files([each.file_key for each in gone])
            if not gone:
                return

    async def remove_base(self, kdb_id: str, *, last: Callable[[Session], Awaitable[None]] | None = None) -> None:
        """Takes a base away with everything in it; one that is gone already is no fault.

        `last` is done in the transaction that takes the base itself: until then it is a base with fewer documents.
        """
        while True:
            async with self._database.write() as db:
                gone = await self._remove_portion(db, kdb_id, None)
                if not gone:
                    await RemovalRepository(db).remove_base(kdb_id)
                    if last is not None:
                        await last(db)
            await self.remove_files([each.file_key for each in gone])
            if not gone:
                return

    async def _remove_portion(self, db: Session, kdb_id: str, until: datetime | None) -> list[Removable]:
        removals = RemovalRepository(db)
        if await removals.find_base(kdb_id) is None:
            return []
        chosen = _portion(await removals.list_documents(kdb_id, until=until, limit=MOST_DOCUMENTS))
        for each in chosen:
            await removals.remove_document(kdb_id, each.doc_id)
        self._signals.announce_change(db)
        return chosen

    async def remove_files(self, keys: Sequence[str | None]) -> None:
        """Removes files whose rows are gone; one that stays goes with the next sweep."""
        try:
            await self._files.remove([key for key in keys if key is not None])
        except OSError as error:
            log.warning("original_files_not_removed", errno=error.errno)

    async def sweep(self) -> None:
        """Removes files without a row, and forgets removals older than a day."""
        await self._sweep_files()
        forgotten = _PORTION
        while forgotten == _PORTION:
            async with self._database.write() as db:
                before = self._clock.now() - REMOVALS_KEPT
                forgotten = await RemovalRepository(db).forget_removals(before, _PORTION)

    async def _sweep_files(self) -> None:
        portion: list[str] = []
        async for key in self._files.list_keys():
            portion.append(key)
            if len(portion) == _PORTION:
                await self._sweep_keys(portion)
                portion = []
        await self._sweep_keys(portion)

    async def _sweep_keys(self, keys: Sequence[str]) -> None:
        # In this order: what is under way no more has its row by then.
        under_way = self._under_way.keys()
        named = {key: parsed for key in keys if (parsed := parse_key(key)) is not None and key not in under_way}
        young = self._clock.epoch() - (IMPORT_GRACE_SECONDS if self._sole_process else UPLOAD_GRACE_SECONDS)
        named = {key: parsed for key, parsed in named.items() if parsed.since < young}
        if not named:
            return
        async with self._database.read() as db:
            known = await DocumentRepository(db).find_keys([parsed.doc_id for parsed in named.values()])
        orphans = [key for key in named if key not in known]
        if orphans:
            log.info("original_files_swept", count=len(orphans))
            await self.remove_files(orphans)


def _portion(documents: Sequence[Removable]) -> list[Removable]:
    chosen: list[Removable] = []
    passages = 0
    for each in documents:
        passages += each.passages
        if chosen and passages > MOST_PASSAGES:
            break
        chosen.append(each)
    return chosen
