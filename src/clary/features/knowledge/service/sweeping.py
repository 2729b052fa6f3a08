"""Looks for what faults have left behind: once after the start, then from time to time."""

import asyncio
from typing import Final

import structlog

from clary.db.database import UnavailableError
from clary.features.knowledge.service.removal import KnowledgeRemoval
from clary.kit.duties import Duty

log = structlog.get_logger()

SWEEP_SECONDS: Final = 600.0


class KnowledgeSweep:
    """Files without a row, and removals that nobody follows any more."""

    def __init__(self, removal: KnowledgeRemoval) -> None:
        self._removal = removal
        self._duty = Duty("knowledge_sweep", self._run, restart_seconds=SWEEP_SECONDS)

    def start(self) -> None:
        """Begins."""
        self._duty.start()

    async def stop(self) -> None:
        """Ends it."""
        await self._duty.stop()

    async def _run(self) -> None:
        while True:
            try:
                await self._removal.sweep()
            except UnavailableError:
                log.warning("knowledge_sweep_put_off")
            except OSError as error:
                log.warning("knowledge_files_not_swept", errno=error.errno)
            await asyncio.sleep(SWEEP_SECONDS)
