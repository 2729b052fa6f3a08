"""Regular expressions whose time is linear in the text (RE2): no back-references, no look-around, no bombs.

Linear still means pattern size times text length, so `is_affordable` says beforehand whether one search stays short.
"""

from collections.abc import Iterator
from typing import Any, Final, Protocol, cast

import re2  # pyright: ignore[reportMissingTypeStubs]

MAX_PATTERN_CHARACTERS: Final = 2000
_STEPS: Final = 250_000_000
"""Program steps of about one second: RE2's slow path takes some 5 ns a step."""
_re2: Final[Any] = cast("Any", re2)


class PatternError(ValueError):
    """Not a pattern this engine knows; the message says why."""


class Match(Protocol):
    """What was found; offsets count characters."""

    def start(self) -> int:
        """First character."""
        ...

    def end(self) -> int:
        """One past the last character."""
        ...

    def expand(self, template: str) -> str:
        """The template with `\\1` and `\\g<name>` replaced.

        Raises:
            IndexError: no such group.
        """
        ...


class LinearPattern:
    """A compiled pattern. `^` and `$` match at the ends of the text, or of each line with `multiline`."""

    def __init__(self, pattern: str, *, ignore_case: bool = False, multiline: bool = False) -> None:
        """Compiles.

        Raises:
            PatternError: too long, or not understood.
        """
        if len(pattern) > MAX_PATTERN_CHARACTERS:
            raise PatternError(f"more than {MAX_PATTERN_CHARACTERS} characters")
        options = _re2.Options()
        options.log_errors = False
        options.case_sensitive = not ignore_case
        try:
            self._compiled = _re2.compile(f"(?m){pattern}" if multiline else pattern, options)
        except UnicodeEncodeError:
            raise PatternError("not valid Unicode") from None
        except _re2.error as error:
            raise PatternError(_reason(error)) from None

    def is_affordable(self, characters: int) -> bool:
        """Whether one search through a text of that length takes about a second at most."""
        return int(self._compiled.programsize) * characters <= _STEPS

    def search(self, text: str) -> Match | None:
        """The first match."""
        return cast("Match | None", self._compiled.search(text))

    def finditer(self, text: str) -> Iterator[Match]:
        """All matches from left to right, not overlapping."""
        return cast("Iterator[Match]", self._compiled.finditer(text))


def _reason(error: Exception) -> str:
    first = error.args[0] if error.args else ""
    return first.decode("utf-8", "replace") if isinstance(first, bytes) else str(first)
