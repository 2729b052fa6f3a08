"""Reads the documents of all bases, one per worker at a time: claimed under a lease, read, written in one transaction.

The transaction that ends a document also claims the next one, so that a small document costs one. What an attempt
writes carries its generation: redo, cancel, delete and takeover raise it, and a late attempt writes nothing.
"""

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any, Final

import structlog

from clary.db.database import Database, UnavailableError
from clary.db.session import Session
from clary.features.knowledge.repository.ingestions import IngestionRepository, Plan
from clary.features.knowledge.service.claims import Claim, ClaimDesk
from clary.features.knowledge.service.endings import EndingWriter, Written
from clary.features.knowledge.service.leases import Held, LeaseKeeper
from clary.features.knowledge.service.reading import DocumentReading, Ending, Read, Trouble
from clary.features.knowledge.service.removal import KnowledgeRemoval
from clary.features.knowledge.service.signals import IngestionSignals

log = structlog.get_logger()

LOOK_SECONDS: Final = 0.9
"""How often a process looks for documents that others put in."""
PAUSE_SECONDS: Final = 1.0
TRIES: Final = 5


@dataclass(frozen=True, slots=True)
class WorkerSettings:
    """`workers` documents at a time; 0: this process ingests nothing. `sole_process`: no other one can be working."""

    process_id: str
    workers: int
    sole_process: bool


class IngestionWorker:
    """See the module. `on_vectors` hears of bases with passages that have no vectors yet."""

    def __init__(
        self,
        *,
        database: Database,
        desk: ClaimDesk,
        keeper: LeaseKeeper,
        reading: DocumentReading,
        writer: EndingWriter,
        removal: KnowledgeRemoval,
        signals: IngestionSignals,
        settings: WorkerSettings,
        on_vectors: Callable[[str], None],
    ) -> None:
        self._database = database
        self._desk = desk
        self._keeper = keeper
        self._reading = reading
        self._writer = writer
        self._removal = removal
        self._signals = signals
        self._settings = settings
        self._on_vectors = on_vectors
        self._claiming = asyncio.Lock()
        self._loops: list[asyncio.Task[None]] = []

    async def start(self, *, beside: bool = False) -> None:
        """Begins; goes on with what a dead process left. `beside`: another process may be working all the same."""
        if not self._settings.workers:
            return
        if self._settings.sole_process and not beside:
            async with self._database.write() as db:
                await IngestionRepository(db).end_leases()
        self._loops = [asyncio.create_task(self._work()) for _ in range(self._settings.workers)]
        self._keeper.start()

    async def stop(self) -> None:
        """Stops working and puts back what it holds."""
        loops, self._loops = self._loops, []
        for task in loops:
            task.cancel()
        await asyncio.gather(*loops, return_exceptions=True)
        await self._keeper.stop()
        if loops:
            async with self._database.write() as db:
                await IngestionRepository(db).give_back(self._settings.process_id)

    async def _work(self) -> None:
        """One worker: document after document."""
        claim: Claim | None = None
        while True:
            claim = await self._do(claim or await self._next())

    async def _next(self) -> Claim:
        """The next document, as soon as there is one. One worker of a process waits for it, the others for that one."""
        async with self._claiming:
            while True:
                self._signals.waiting.clear()
                try:
                    if (claim := await self._claim()) is not None:
                        return claim
                except UnavailableError:
                    log.warning("documents_not_claimed")
                except Exception as error:
                    # The one loop that must not end: every document waits for it.
                    log.error("document_claiming_fault", exc_info=error)
                await self._signals.wait(self._signals.waiting, LOOK_SECONDS)

    async def _claim(self) -> Claim | None:
        async with self._database.read() as db:
            if not await self._desk.has_work(db):
                return None
        async with self._database.write() as db:
            return await self._desk.claim(db)

    async def _do(self, claim: Claim) -> Claim | None:
        """Reads and writes one document; returns the next one, which was claimed with it."""
        with self._keeper.holding(claim) as held:
            reading = self._reading.read(claim.source, claim.plan, held.report)
            ending = await self._attempt(held, reading)
            for _ in range(TRIES):
                if ending is None:
                    return None
                try:
                    return await self._finish(held, ending)
                except UnavailableError:
                    log.warning("document_waits_for_database", doc_id=claim.doc_id)
                    await asyncio.sleep(PAUSE_SECONDS)
                except Exception as error:
                    log.error("document_not_written", doc_id=claim.doc_id, exc_info=error)
                    ending = Trouble("internal")
        # The lease runs out, and somebody begins again.
        return None

    async def _attempt(self, held: Held, work: Coroutine[Any, Any, Ending]) -> Ending | None:
        """Does a part of the work; None when the document was called off meanwhile."""
        held.task = asyncio.create_task(work, name=f"document {held.claim.doc_id}")
        try:
            await asyncio.wait([held.task])
            if held.task.cancelled():
                log.info("document_attempt_stopped", doc_id=held.claim.doc_id)
                return None
            return held.task.result()
        except Exception as error:
            log.error("document_fault", doc_id=held.claim.doc_id, exc_info=error)
            return Trouble("internal")
        finally:
            # The worker is stopped: its work stops with it, and is waited for.
            if not held.task.done():
                held.task.cancel()
                await asyncio.gather(held.task, return_exceptions=True)

    async def _finish(self, held: Held, ending: Ending) -> Claim | None:
        """Writes an ending; when the base's versions have changed meanwhile the document is cut anew first."""
        claim, found = held.claim, ending
        while True:
            async with self._database.write() as db:
                plan = await self._changed_plan(db, claim, found)
                written = None if plan is not None else await self._writer.write(db, claim, found)
                following = None if plan is not None else await self._desk.claim(db)
            if written is not None:
                await self._follow(claim, written)
                return following
            assert isinstance(found, Read)
            assert plan is not None
            again = await self._attempt(held, self._reading.pass_on(claim.doc_id, found, plan, held.report))
            if again is None:
                return None
            found = again

    async def _changed_plan(self, db: Session, claim: Claim, found: Ending) -> Plan | None:
        if not isinstance(found, Read):
            return None
        plan = await IngestionRepository(db).find_plan(claim.kdb_id, locked=True)
        return plan if plan is not None and plan != found.plan else None

    async def _follow(self, claim: Claim, written: Written) -> None:
        """What comes after the commit."""
        if not written.is_held:
            log.info("document_attempt_too_late", doc_id=claim.doc_id)
        if written.replaced:
            await self._removal.remove_files([each.file_key for each in written.replaced])
        if written.wants_vectors:
            self._on_vectors(claim.kdb_id)
