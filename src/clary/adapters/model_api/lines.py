"""Cuts an event stream into lines: LF, CRLF or CR, whatever way the bytes arrive.

Works on bytes, so a character split over two reads is never looked at before it is whole.
"""

from typing import Final

MAX_LINE_BYTES: Final = 8 * 1024 * 1024


class LineTooLongError(Exception):
    """A line exceeds `MAX_LINE_BYTES`."""


class LineCutter:
    """Holds the unfinished last line between reads."""

    __slots__ = ("_after_cr", "_held", "_held_bytes")

    def __init__(self) -> None:
        self._held: list[bytes] = []
        self._held_bytes = 0
        self._after_cr = False

    def cut(self, data: bytes) -> list[bytes]:
        """All lines that this piece completes, without their ends.

        Raises:
            LineTooLongError: the unfinished line grew too long.
        """
        if self._after_cr or b"\r" in data:
            data = self._with_plain_ends(data)
        lines = data.split(b"\n")
        rest = lines.pop()
        if lines and self._held:
            self._held.append(lines[0])
            lines[0] = b"".join(self._held)
            self._held.clear()
            self._held_bytes = 0
        if rest:
            # Pieces are joined once, when the line ends: a long line in small reads must not cost their product.
            self._held.append(rest)
            self._held_bytes += len(rest)
            if self._held_bytes > MAX_LINE_BYTES:
                raise LineTooLongError
        return lines

    def rest(self) -> bytes:
        """The unfinished line at the end of the stream."""
        line = b"".join(self._held)
        self._held.clear()
        return line

    def _with_plain_ends(self, data: bytes) -> bytes:
        if self._after_cr and data.startswith(b"\n"):
            data = data[1:]
            if not data:
                self._after_cr = False
                return data
        self._after_cr = data.endswith(b"\r")
        return data.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
