"""The body of a stream: bare ASGI, bytes in, one `send` per wake-up (stream-runtime.md 4.1, 6.4).

A response is told of a client that went away, of one that does not read, and of one that may no longer read.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Protocol

import structlog
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from clary.kit import measures

log = structlog.get_logger()

UNWRITABLE_SECONDS = 600.0
RECHECK_SECONDS = 30.0


class LineSource(Protocol):
    """Where the lines come from."""

    async def next_batch(self) -> list[bytes]:
        """The next lines; empty when nothing came in time; raises `StopAsyncIteration` at the end."""
        ...

    def nudge(self) -> None:
        """Makes a waiting `next_batch` return."""
        ...

    def close(self) -> None:
        """Ends the source; harmless when repeated."""
        ...


Frame = Callable[[list[bytes]], bytes]


def ndjson(lines: list[bytes]) -> bytes:
    """One line feed after each line."""
    return b"\n".join(lines) + b"\n"


class StreamResponse(Response):
    """Sends lines as they come; a heartbeat after a silence; ends with the source."""

    def __init__(
        self,
        source: LineSource,
        *,
        headers: dict[str, str],
        heartbeat_seconds: float,
        frame: Frame = ndjson,
        heartbeat: bytes = b"\n",
        media_type: str = "text/plain; charset=utf-8",
        still_allowed: Callable[[], Awaitable[bool]] | None = None,
        last_line: Callable[[], bytes | None] | None = None,
    ) -> None:
        super().__init__(None, headers={"X-Accel-Buffering": "no", "Cache-Control": "no-store", **headers})
        del self.headers["content-length"]
        self.headers["content-type"] = media_type
        self._source = source
        self._heartbeat_seconds = heartbeat_seconds
        self._frame = frame
        self._heartbeat = heartbeat
        self._still_allowed = still_allowed
        self._last_line = last_line

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Runs until the source ends or the client goes away."""
        # A request without a body has its only message still unread; it comes first and is no disconnect.
        gone = asyncio.create_task(self._watch_client(receive))
        timer = asyncio.create_task(self._watch_time(asyncio.current_task()))
        kind = "sse" if self.headers["content-type"].startswith("text/event-stream") else "lines"
        measures.change("clary_streams_open", 1, kind=kind)
        try:
            await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
            await self._pump(send, gone)
        finally:
            measures.change("clary_streams_open", -1, kind=kind)
            self._source.close()
            gone.cancel()
            timer.cancel()

    async def _pump(self, send: Send, gone: "asyncio.Task[None]") -> None:
        loop = asyncio.get_running_loop()
        self._sent_at = loop.time()
        sent_any = False
        while not gone.done():
            try:
                lines = await self._source.next_batch()
            except StopAsyncIteration:
                break
            if gone.done():
                return
            if lines:
                body = self._frame(lines)
            elif loop.time() - self._sent_at >= self._heartbeat_seconds:
                body = self._heartbeat
            else:
                continue
            self._writing_since = loop.time()
            await send({"type": "http.response.body", "body": body, "more_body": True})
            self._writing_since = None
            sent_any = sent_any or bool(lines)
            self._sent_at = loop.time()
        if not gone.done():
            last = self._last_line() if self._last_line is not None and not sent_any else None
            await send({"type": "http.response.body", "body": last or b"", "more_body": False})

    _sent_at: float = 0.0
    _writing_since: float | None = None

    async def _watch_client(self, receive: Receive) -> None:
        while (await receive())["type"] != "http.disconnect":
            pass
        self._source.close()

    async def _watch_time(self, pump: "asyncio.Task[object] | None") -> None:
        """Nudges for heartbeats, gives up on a client that does not read, looks again whether it may read."""
        loop = asyncio.get_running_loop()
        checked_at = loop.time()
        while True:
            await asyncio.sleep(min(1.0, self._heartbeat_seconds / 3))
            now = loop.time()
            if self._writing_since is not None and now - self._writing_since > UNWRITABLE_SECONDS:
                log.info("stream_not_read", seconds=UNWRITABLE_SECONDS)
                if pump is not None:
                    pump.cancel()
                return
            if self._still_allowed is not None and now - checked_at > RECHECK_SECONDS:
                checked_at = now
                if not await self._still_allowed():
                    self._source.close()
                    return
            if now - self._sent_at >= self._heartbeat_seconds:
                self._source.nudge()
