"""One output stream of a run: kept up to a bound, passed on while it comes, the rest drained."""

import asyncio
import codecs
from typing import Final

from clary.runtime.tools import OutputSink, ProgressStream

_CHUNK_BYTES: Final = 64 * 1024
_DRAIN_BYTES: Final = 1024 * 1024
_DRAIN_PAUSE_SECONDS: Final = 0.002
"""Slows a program that floods: what it writes past the bound is nobody's, and must not cost the server a core."""


class CapturedStream:
    """Text of at most `max_bytes`; bytes that are not UTF-8 become U+FFFD."""

    def __init__(self, name: ProgressStream, max_bytes: int, sink: OutputSink | None) -> None:
        self._name: ProgressStream = name
        self._left = max_bytes
        self._sink = sink
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._pieces: list[str] = []
        self.truncated = False

    @property
    def text(self) -> str:
        """What has been kept so far."""
        return "".join(self._pieces)

    async def drain(self, reader: asyncio.StreamReader) -> None:
        """Reads to the end of the stream."""
        while chunk := await reader.read(_DRAIN_BYTES if self.truncated else _CHUNK_BYTES):
            kept = chunk[: self._left]
            self._left -= len(kept)
            self.truncated = self.truncated or len(kept) < len(chunk)
            await self._take(self._decoder.decode(kept))
            if self.truncated:
                await asyncio.sleep(_DRAIN_PAUSE_SECONDS)
        if not self.truncated:
            await self._take(self._decoder.decode(b"", final=True))

    async def _take(self, text: str) -> None:
        if not text:
            return
        self._pieces.append(text)
        if self._sink is not None:
            await self._sink(self._name, text)
