"""Readers of attached runs at other processes than the one that works on them (stream-runtime.md 6.4)."""

import asyncio
from collections.abc import Callable, Iterable
from typing import Final

import structlog

from clary.db.database import Database, UnavailableError
from clary.features.runs.service import RunRepository
from clary.kit.clock import Clock

TELL_SECONDS: Final = 2.0
COUNTS_SECONDS: Final = 6.0
"""How long a word counts; some may be late, and a process that dies takes its readers along."""
log = structlog.get_logger()


class ReadersElsewhere:
    """Processes tell each other through the rows of the runs which of them are read."""

    def __init__(self, *, database: Database, clock: Clock, opened: Callable[[], Iterable[int]]) -> None:
        """`opened`: the logs that are read in this process, of runs that it does not work on."""
        self._database = database
        self._clock = clock
        self._opened = opened

    async def keep_telling(self) -> None:
        """Says again and again what is read here."""
        while True:
            await asyncio.sleep(TELL_SECONDS)
            await self.tell()

    async def tell(self) -> None:
        """Says it now."""
        logs = list(self._opened())
        if not logs:
            return
        try:
            async with self._database.write(beside=True) as db:
                await RunRepository(db).note_readers(logs, self._clock.epoch() + COUNTS_SECONDS)
        except UnavailableError:
            log.warning("readers_not_told")

    async def seconds_read(self, run_id: str) -> float:
        """How long a run counts as read elsewhere; 0.0 if it does not."""
        async with self._database.read() as db:
            until = await RunRepository(db).find_read_until(run_id)
        return max(0.0, (until or 0.0) - self._clock.epoch())
