"""How long the ledger is kept (platform.md 14.1)."""

from datetime import timedelta

from clary.db.database import Database
from clary.features.usage.repository import BudgetRepository
from clary.kit.clock import Clock

ROWS_AT_ONCE = 2000


class LedgerKeeping:
    """Removes old rows; the sums of what they say stay."""

    def __init__(self, *, database: Database, clock: Clock, keep_days: int) -> None:
        self._database = database
        self._clock = clock
        self._keep_days = keep_days

    async def prune(self) -> int:
        """Removes rows older than `keep_days` (0: none) in short transactions; returns how many."""
        if not self._keep_days:
            return 0
        before, removed = self._clock.now() - timedelta(days=self._keep_days), 0
        while True:
            async with self._database.write() as db:
                gone = await BudgetRepository(db).prune(before, limit=ROWS_AT_ONCE)
            removed += gone
            if gone < ROWS_AT_ONCE:
                return removed
