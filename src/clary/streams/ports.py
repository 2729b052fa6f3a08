"""The append-only log that every run, stream, resume and protocol view is built on."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

Write = Callable[[Any], None]
"""Opaque work done in the transaction of the lines it comes with; gets the log's open transaction."""


class LogFencedError(Exception):
    """Somebody else holds the log now, or it has ended: this writer must stop (stream-runtime.md 6.3, L3)."""


class LogUnavailableError(Exception):
    """The log could not be written; nothing of this append is durable."""


@dataclass(frozen=True, slots=True)
class LogHead:
    """State of a log: number of lines, their bytes, and whether it has ended."""

    length: int
    size_bytes: int
    ended: bool


class EventLog(Protocol):
    """Numbered lines per log. Numbers are assigned inside the write transaction: from 0, gap-free, never reused.

    `is_shared`: other processes write logs too.
    """

    is_shared: bool

    async def create(self, transaction: Any, key: str) -> int:
        """Makes an empty log in the caller's transaction; returns its id. Generation 1 may write."""
        ...

    async def raise_generation(self, transaction: Any, log_id: int) -> int:
        """Takes the log from its present writer, in the caller's transaction; returns the new generation."""
        ...

    def append(
        self, log_id: int, generation: int, lines: Sequence[bytes], writes: Sequence[Write] = (), *, end: bool = False
    ) -> "asyncio.Future[int]":
        """Queues lines (without line feed) and the work that must commit with them.

        The future gives the length after the append once all of it is durable. Appends of one writer keep their order.
        With `end` nothing can follow.

        Raises (through the future):
            LogFencedError, LogUnavailableError
        """
        ...

    async def read(self, log_id: int, start: int, max_bytes: int) -> list[bytes]:
        """Durable lines from `start` on, at least one if there is one, then until `max_bytes` are reached.

        Raises:
            LogUnavailableError
        """
        ...

    async def head(self, log_id: int) -> LogHead | None:
        """State of a log, or None when it was deleted."""
        ...

    async def heads(self, log_ids: Sequence[int]) -> dict[int, LogHead]:
        """States of those of these logs that are there.

        Raises:
            LogUnavailableError
        """
        ...

    async def delete(self, transaction: Any, log_ids: Sequence[int]) -> None:
        """Removes logs in the caller's transaction."""
        ...
