"""Looks for what faults have left behind: once after the start, then from time to time."""

import asyncio
from typing import Final

import structlog

from clary.db.database import UnavailableError
from clary.features.knowledge.service.removal import KnowledgeRemoval

log = structlog.get_logger()

SWEEP_SECONDS: Final = 600.0


class KnowledgeSweep:
    """Files without a row, and removals that nobody follows any more."""

    def __init__(self, removal: KnowledgeRemoval) -> None:
        self._removal = removal
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begins."""
        self._task = asyncio.create_task(self._run())

    async def stop(self) -> None:
        """Ends it."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _run(self) -> None:
        while True:
            try:
                await self._removal.sweep()
            except UnavailableError:
                log.warning("knowledge_sweep_put_off")
            except OSError as error:
                log.warning("knowledge_files_not_swept", errno=error.errno)
            except Exception as error:
                # Nobody else would begin it again.
                log.error("knowledge_sweep_fault", exc_info=error)
            await asyncio.sleep(SWEEP_SECONDS)
