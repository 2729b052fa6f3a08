"""Turns the deltas of growing messages into lines, fewer of them under load (stream-runtime.md 4.2)."""

from clary.features.chat.lines import LineBuilder
from clary.kit.clock import Clock
from clary.runtime.growing_text import GrowingText
from clary.streams.hub import LogWriter

HELD_CHARACTERS = 48 * 1024
HELD_SECONDS = 0.04
MAX_PIECE = 512 * 1024
"""Characters of a delta: a line has at most 4 MiB, and one character can take six bytes of it."""


class OpenMessage:
    """A text or reasoning message that is still growing."""

    def __init__(self, message_id: str, kind: str, timestamp: float) -> None:
        self.message_id = message_id
        self.kind = kind
        self.timestamp = timestamp
        self.pieces = GrowingText()

    @property
    def text(self) -> str:
        """The text so far."""
        return str(self.pieces)


class DeltaLines:
    """Sends a delta at once, or holds it while the former one is on its way to the disk or many runs write.

    What is held shares a line. A message's first delta is never held on purpose: it is what a person waits for.
    """

    def __init__(self, writer: LogWriter, lines: LineBuilder, clock: Clock) -> None:
        self._writer = writer
        self._lines = lines
        self._clock = clock
        self._message: OpenMessage | None = None
        self._pieces: list[str] = []
        self._length = 0
        self._since = 0.0
        writer.when_idle(self._release_if_possible)

    def send(self, message: OpenMessage, text: str, *, is_first: bool) -> None:
        """Takes the next delta of a message; a huge one becomes several."""
        for start in range(0, len(text), MAX_PIECE):
            self._send(message, text[start : start + MAX_PIECE], is_first=is_first and start == 0)

    def _send(self, message: OpenMessage, text: str, *, is_first: bool) -> None:
        if self._message is not None and self._message is not message:
            self.release()
        if self._message is None:
            crowded = self._writer.is_crowded and not is_first
            if not crowded and not self._writer.is_busy:
                self._writer.write([self._lines.text(message.message_id, message.kind, text)])
                return
            self._message, self._since = message, self._clock.monotonic()
            if crowded:
                self._writer.at_next_tick(self._release_if_possible)
        self._pieces.append(text)
        self._length += len(text)
        if self._length > HELD_CHARACTERS or self._clock.monotonic() - self._since > HELD_SECONDS:
            self.release()

    def close(self) -> None:
        """Sends what was held back, and hears of the writer no more."""
        if not self._writer.has_failed:
            self.release()
        self._writer.forget_idle(self._release_if_possible)

    def release(self) -> None:
        """Sends what was held back."""
        if self._message is None:
            return
        message, text = self._message, "".join(self._pieces)
        self._message, self._length = None, 0
        self._pieces.clear()
        self._writer.write([self._lines.text(message.message_id, message.kind, text)])

    def _release_if_possible(self) -> None:
        # Called from a timer or a commit, where nobody could take the failure; the run's next write does.
        if not self._writer.has_failed:
            self.release()
