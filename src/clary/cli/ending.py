"""From the stop signal to the forced end (platform.md 13, `CLARY_SHUTDOWN_SECONDS`)."""

import os
import sys
import threading
import time
from typing import Final

import structlog

log = structlog.get_logger()

CLOSING_SECONDS: Final = 2.0
"""What is kept for closing when the last request is over."""
FORCED: Final = 1
"""Exit status of a process that was not done in time."""


class Ending:
    """Ends this process when it has not ended by itself in time, whatever it waits for."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._ends_at: float | None = None

    def begin(self) -> None:
        """The signal has come; a second one changes nothing."""
        if self._ends_at is not None:
            return
        self._ends_at = time.monotonic() + self._seconds
        # A thread: the loop itself may be what hangs.
        timer = threading.Timer(self._seconds, self._force)
        timer.daemon = True
        timer.start()

    def left_for_requests(self) -> int:
        """How many seconds requests under way may still take."""
        ends_at = time.monotonic() + self._seconds if self._ends_at is None else self._ends_at
        return max(0, round(ends_at - time.monotonic() - CLOSING_SECONDS))

    def _force(self) -> None:
        log.error("stop_forced", seconds=self._seconds)
        sys.stderr.flush()
        os._exit(FORCED)
