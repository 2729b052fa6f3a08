"""What a server may send, and how its connection ends when it sends more."""

import asyncio
import re
import time

import httpx2

from clary.features.mcp_servers.ports import FailureKind

LINES_AT_ONCE = 10_000
LINES_PER_SECOND = 500
BYTES_PER_SECOND = 1024 * 1024
PARTS_AT_ONCE = 500_000
PARTS_PER_SECOND = 20_000
_ESCAPED = re.compile(rb"\\.", re.DOTALL)
_LINE_END = re.compile(rb"\r\n|\n|\r")


class RefusedError(httpx2.ConnectError):
    """The guard refused, or the server broke a limit; `kind` says which failure that is."""

    def __init__(self, kind: FailureKind) -> None:
        super().__init__(kind)
        self.kind: FailureKind = kind


class Ending:
    """How one connection fares: `connected` once there is one, `stopped` when it can be used no longer.

    `failure` says what the SDK does not tell: a limit that was broken, or a refused message, whose challenge is kept.
    """

    def __init__(self) -> None:
        self.connected = asyncio.Event()
        self.stopped = asyncio.Event()
        self.failure: FailureKind | None = None
        self.challenge: str | None = None

    def broke(self, kind: FailureKind) -> RefusedError:
        """Notes what ends the connection."""
        self.failure = kind
        self.stopped.set()
        return RefusedError(kind)


class Bounds:
    """Size and detail of one answer. A stream may go on for as long as it is not faster than anybody could use."""

    def __init__(self, max_bytes: int, *, is_stream: bool) -> None:
        self._max_bytes = max_bytes
        self._is_stream = is_stream
        self._began = time.monotonic()
        self._size = 0
        self._lines = 0
        self._meter = Meter()

    def verdict(self, chunk: bytes) -> FailureKind | None:
        """Takes a next piece; which limit it breaks, if it does."""
        self._size += len(chunk)
        age = time.monotonic() - self._began if self._is_stream else 0.0
        if self._size > self._max_bytes + age * BYTES_PER_SECOND:
            return "too_large"
        if self._meter.count(chunk) > PARTS_AT_ONCE + age * PARTS_PER_SECOND:
            return "too_large"
        if self._is_stream:
            self._lines += len(_LINE_END.findall(chunk))
            if self._lines > LINES_AT_ONCE + age * LINES_PER_SECOND:
                return "bad_protocol"
        return None


class Meter:
    """Counts the values of JSON while it arrives: parsing millions of tiny ones would stop everything else.

    A line ends every string, as JSON cannot hold a bare line end in one; so nothing outside of it hides what follows.
    """

    def __init__(self) -> None:
        self._parts = 0
        self._is_text = False
        self._held = b""

    def count(self, chunk: bytes) -> int:
        """The values so far, with those of a next piece."""
        chunk = self._held + chunk
        self._held = b"\\" if (len(chunk) - len(chunk.rstrip(b"\\"))) % 2 else b""
        plain = _ESCAPED.sub(b"", chunk[: len(chunk) - len(self._held)])
        for number, line in enumerate(plain.replace(b"\r", b"\n").split(b"\n")):
            pieces = line.split(b'"')
            is_text = self._is_text and number == 0
            self._parts += sum(each.count(b",") + each.count(b"[") + each.count(b"{") for each in pieces[is_text::2])
            self._is_text = is_text ^ (len(pieces) % 2 == 0)
        return self._parts
