"""The twin: a log in memory, for tests of the hub."""

import asyncio
from collections.abc import Sequence
from typing import Any

from clary.streams.ports import LogFencedError, LogHead, Write


class MemoryEventLog:
    """Implements `EventLog` without a disk; `writes` get the transaction object given here."""

    is_shared = False

    def __init__(self, transaction: Any = None) -> None:
        self._lines: dict[int, list[bytes]] = {}
        self._generations: dict[int, int] = {}
        self._ended: set[int] = set()
        self._transaction = transaction

    async def create(self, transaction: Any, key: str) -> int:
        """See the port."""
        log_id = len(self._lines) + 1
        self._lines[log_id], self._generations[log_id] = [], 1
        return log_id

    async def raise_generation(self, transaction: Any, log_id: int) -> int:
        """See the port."""
        self._generations[log_id] += 1
        return self._generations[log_id]

    def append(
        self, log_id: int, generation: int, lines: Sequence[bytes], writes: Sequence[Write] = (), *, end: bool = False
    ) -> "asyncio.Future[int]":
        """See the port."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[int] = loop.create_future()
        future.add_done_callback(lambda done: done.cancelled() or done.exception())

        def commit() -> None:
            if self._generations[log_id] != generation or log_id in self._ended:
                future.set_exception(LogFencedError())
                return
            self._lines[log_id].extend(lines)
            for write in writes:
                write(self._transaction)
            if end:
                self._ended.add(log_id)
            future.set_result(len(self._lines[log_id]))

        loop.call_soon(commit)
        return future

    async def read(self, log_id: int, start: int, max_bytes: int) -> list[bytes]:
        """See the port."""
        found: list[bytes] = []
        size = 0
        for line in self._lines[log_id][start:]:
            found.append(line)
            size += len(line)
            if size >= max_bytes:
                break
        return found

    async def head(self, log_id: int) -> LogHead | None:
        """See the port."""
        if log_id not in self._lines:
            return None
        lines = self._lines[log_id]
        return LogHead(len(lines), sum(map(len, lines)), log_id in self._ended)

    async def heads(self, log_ids: Sequence[int]) -> dict[int, LogHead]:
        """See the port."""
        found = {log_id: await self.head(log_id) for log_id in log_ids}
        return {log_id: head for log_id, head in found.items() if head is not None}

    async def delete(self, transaction: Any, log_ids: Sequence[int]) -> None:
        """See the port."""
        for log_id in log_ids:
            self._lines.pop(log_id, None)
