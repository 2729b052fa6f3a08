"""Work that goes on as long as the process. One that ends is a fault: it is told, and begins anew."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Final

import structlog

log = structlog.get_logger()

RESTART_SECONDS: Final = 5.0


class Duty:
    """One of them. `work` never returns by itself."""

    def __init__(
        self, name: str, work: Callable[[], Coroutine[None, None, None]], *, restart_seconds: float = RESTART_SECONDS
    ) -> None:
        self._name = name
        self._work = work
        self._restart_seconds = restart_seconds
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begins."""
        self._task = asyncio.create_task(self._keep_up())

    async def stop(self) -> None:
        """Ends it; harmless when it does not go on."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def _keep_up(self) -> None:
        while True:
            task = asyncio.create_task(self._work())
            try:
                await asyncio.wait({task})
            finally:
                if not task.done():
                    task.cancel()
                    await asyncio.gather(task, return_exceptions=True)
            fault = None if task.cancelled() else task.exception()
            log.error("duty_ended", duty=self._name, exc_info=fault)
            await asyncio.sleep(self._restart_seconds)
