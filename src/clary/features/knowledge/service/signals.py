"""How those who change documents reach the worker of this process; workers elsewhere look for themselves."""

import asyncio

from clary.db.session import Session, after_commit


class IngestionSignals:
    """Two bells: something may be waiting; something that is worked on may not be wanted any more."""

    def __init__(self) -> None:
        self.waiting = asyncio.Event()
        self.changed = asyncio.Event()

    def announce_work(self, db: Session) -> None:
        """Rings the first one once the transaction is durable."""
        after_commit(db, self.waiting.set)

    def announce_change(self, db: Session) -> None:
        """Rings the second one once the transaction is durable."""
        after_commit(db, self.changed.set)

    async def wait(self, bell: asyncio.Event, seconds: float) -> None:
        """Until a bell rings, or so many seconds."""
        try:
            async with asyncio.timeout(seconds):
                await bell.wait()
        except TimeoutError:
            pass
