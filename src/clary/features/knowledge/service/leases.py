"""The leases of one process: renewed while documents are worked on, and watched, so that nobody works for nothing."""

import asyncio
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any, Final

import structlog

from clary.db.database import Database, UnavailableError
from clary.features.knowledge.repository.ingestions import IngestionRepository
from clary.features.knowledge.service.claims import Claim, ClaimDesk
from clary.features.knowledge.service.signals import IngestionSignals
from clary.kit.duties import Duty

log = structlog.get_logger()

LOOK_SECONDS: Final = 0.9
"""How often a process looks for documents that were called off elsewhere, and tells how far its own are."""
BEGUN: Final = 5


class Held:
    """A document in work. `task` is what may be stopped; its ending is written under the generation alone."""

    def __init__(self, claim: Claim, renewed_at: float) -> None:
        self.claim = claim
        self.renewed_at = renewed_at
        self.task: asyncio.Task[Any] | None = None
        self.progress = BEGUN
        self.told = 0

    def report(self, percent: int) -> None:
        """It is so far; within an attempt that never falls."""
        self.progress = max(self.progress, percent)

    def stop(self) -> None:
        """Nobody wants it any more."""
        if self.task is not None:
            self.task.cancel()


class LeaseKeeper:
    """Keeps what the workers of a process hold."""

    def __init__(
        self,
        *,
        database: Database,
        desk: ClaimDesk,
        signals: IngestionSignals,
        process_id: str,
        lease_seconds: float,
    ) -> None:
        self._database = database
        self._desk = desk
        self._signals = signals
        self._process_id = process_id
        self._lease_seconds = lease_seconds
        self._held: dict[tuple[str, int], Held] = {}
        self._duty = Duty("document_leases", self._run, restart_seconds=LOOK_SECONDS)

    @contextmanager
    def holding(self, claim: Claim) -> Generator[Held]:
        """Keeps the lease of a claim while the block runs."""
        held = Held(claim, asyncio.get_running_loop().time())
        self._held[(claim.doc_id, claim.generation)] = held
        try:
            yield held
        finally:
            del self._held[(claim.doc_id, claim.generation)]

    def start(self) -> None:
        """Begins."""
        self._duty.start()

    async def stop(self) -> None:
        """Ends it."""
        await self._duty.stop()

    async def _run(self) -> None:
        """Renews four times within the length of a lease."""
        while True:
            await self._signals.wait(self._signals.changed, LOOK_SECONDS)
            self._signals.changed.clear()
            if not self._held:
                continue
            try:
                await self._stop_lost()
                await self._write(asyncio.get_running_loop().time())
            except UnavailableError:
                log.warning("document_leases_not_renewed")
            finally:
                # Also after a fault, which may come again each time.
                self._stop_expired(asyncio.get_running_loop().time())

    async def _stop_lost(self) -> None:
        held = list(self._held.values())
        async with self._database.read() as db:
            ours = await IngestionRepository(db).list_held(self._process_id)
        for each in held:
            if ours.get(each.claim.doc_id) != each.claim.generation:
                each.stop()

    async def _write(self, now: float) -> None:
        """Leases that are due and progress that was made, in one transaction."""
        held = list(self._held.values())
        due = [each for each in held if now - each.renewed_at >= self._lease_seconds / 4]
        moved = [each for each in held if each.progress > each.told]
        if not due and not moved:
            return
        async with self._database.write(beside=True) as db:
            ingestions = IngestionRepository(db)
            if due:
                ids = [each.claim.doc_id for each in due]
                await ingestions.renew(self._process_id, ids, self._desk.expiry)
            told = {each.claim.doc_id: (each.claim.generation, each.progress) for each in moved}
            await ingestions.raise_progress(told)
        for each in due:
            each.renewed_at = now
        for each in moved:
            each.told = told[each.claim.doc_id][1]

    def _stop_expired(self, now: float) -> None:
        """Nobody works on without a lease."""
        for each in list(self._held.values()):
            if now - each.renewed_at > self._lease_seconds * 0.9:
                each.stop()
