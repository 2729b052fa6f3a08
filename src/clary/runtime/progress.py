"""How a tool's running output becomes few, small lines (stream-runtime.md 4.7). Knows time only through its clock."""

from collections import deque
from dataclasses import dataclass, field
from typing import Final

from clary.kit.clock import Clock
from clary.kit.text import Text
from clary.runtime.tools import ProgressStream

LINES_PER_SECOND: Final = 10
_PACE_SECONDS: Final = 1 / (LINES_PER_SECOND - 1)
"""One line a second stays free for the closing one."""
MAX_LINE_BYTES: Final = 16 * 1024
MAX_CALL_BYTES: Final = 1024 * 1024
_LIMIT: Final = Text("输出过多，后续进度不再显示", "Too much output: further progress is not shown")
_SKIPPED: Final = Text("其余进度输出已省略", "The rest of the progress output was left out")


@dataclass(slots=True)
class _Pending:
    """A line in the making; `size` in bytes."""

    stream: ProgressStream
    pieces: list[str] = field(default_factory=list[str])
    size: int = 0


@dataclass(frozen=True, slots=True)
class ProgressLine:
    """One `tool_progress` line of a call."""

    text: str
    stream: ProgressStream
    closed: bool = False


class ProgressCoalescer:
    """Collects the output of one call and gives it out at the pace of the contract.

    Use: `add` what comes; whenever `wait_seconds` has passed, send what `take` gives; before the result, send what
    `close` gives. At most 1 MiB is ever held. Lines of one stream keep their order, and so do the streams.
    """

    def __init__(self, clock: Clock, language: str = "zh") -> None:
        self._clock = clock
        self._chinese = language == "zh"
        self._waiting: deque[_Pending] = deque()
        self._sent_at: deque[float] = deque(maxlen=LINES_PER_SECOND)
        self._bytes_left = MAX_CALL_BYTES
        self._full = False
        self._used = False
        self._closed = False

    def add(self, stream: ProgressStream, text: str) -> None:
        """Takes output. Over 1 MiB a call it is dropped, and one `info` line says so."""
        if not text or self._closed or self._full:
            return
        self._used = True
        encoded = text.encode("utf-8", "replace")
        kept = _head(encoded, self._bytes_left)
        self._bytes_left -= len(kept)
        self._append(stream, kept)
        if len(kept) < len(encoded):
            self._full = True
            self._append("info", self._words(_LIMIT).encode())

    def wait_seconds(self) -> float | None:
        """Seconds until `take` has something; 0.0 if now; None while nothing waits."""
        if not self._waiting:
            return None
        if not self._sent_at:
            return 0.0
        return max(0.0, self._sent_at[-1] + _PACE_SECONDS - self._clock.monotonic())

    def take(self) -> ProgressLine | None:
        """The next line if one may be sent now."""
        if self._closed or self.wait_seconds() != 0.0:
            return None
        return self._next()

    def close(self) -> list[ProgressLine]:
        """The last lines, ending with `closed:true`; nothing if the call never had any output.

        What would exceed ten lines within a second is left out, and the last line says so: the result does not wait.
        """
        if self._closed or not self._used:
            self._closed = True
            return []
        allowed = LINES_PER_SECOND - self._lines_in_the_last_second()
        lines: list[ProgressLine] = []
        while self._waiting and len(lines) < allowed - 1:
            lines.append(self._next())
        skipped = self._words(_SKIPPED) if self._waiting else ""
        self._waiting.clear()
        self._closed = True
        return [*lines, ProgressLine(skipped, "info", closed=True)]

    def _append(self, stream: ProgressStream, encoded: bytes) -> None:
        while encoded:
            line = self._waiting[-1] if self._waiting else None
            if line is None or line.stream != stream or line.size >= MAX_LINE_BYTES - 3:
                line = _Pending(stream)
                self._waiting.append(line)
            piece = _head(encoded, MAX_LINE_BYTES - line.size)
            line.pieces.append(piece.decode())
            line.size += len(piece)
            encoded = encoded[len(piece) :]

    def _next(self) -> ProgressLine:
        line = self._waiting.popleft()
        self._sent_at.append(self._clock.monotonic())
        return ProgressLine("".join(line.pieces), line.stream)

    def _lines_in_the_last_second(self) -> int:
        now = self._clock.monotonic()
        return sum(1 for moment in self._sent_at if now - moment < 1.0)

    def _words(self, text: Text) -> str:
        return text.zh if self._chinese else text.en


def _head(encoded: bytes, size: int) -> bytes:
    """The first bytes, never ending inside a character."""
    if len(encoded) <= size:
        return encoded
    while size > 0 and encoded[size] & 0xC0 == 0x80:
        size -= 1
    return encoded[:size]
