"""Regular expressions whose time is linear in the text (RE2): no back-references, no look-around, no bombs.

Linear still means pattern size times text length, so `is_affordable` says beforehand whether one search stays short.
"""

from collections.abc import Iterator
from typing import Any, Final, Protocol, cast

import re2  # pyright: ignore[reportMissingTypeStubs]

from clary.kit.text import Text, TextError

MAX_PATTERN_CHARACTERS: Final = 2000
_STEPS: Final = 250_000_000
"""Program steps of about one second: RE2's slow path takes some 5 ns a step."""
_re2: Final[Any] = cast("Any", re2)


class PatternError(TextError):
    """Not a pattern this engine knows; the text says why."""


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
            raise PatternError(
                f"超过 {MAX_PATTERN_CHARACTERS} 个字符", f"more than {MAX_PATTERN_CHARACTERS} characters"
            )
        options = _re2.Options()
        options.log_errors = False
        options.case_sensitive = not ignore_case
        try:
            self._compiled = _re2.compile(f"(?m){pattern}" if multiline else pattern, options)
        except UnicodeEncodeError:
            raise PatternError("不是合法的 Unicode", "not valid Unicode") from None
        except _re2.error as error:
            raise PatternError(*_reason(error)) from None

    def is_affordable(self, characters: int) -> bool:
        """Whether one search through a text of that length takes about a second at most."""
        return int(self._compiled.programsize) * characters <= _STEPS

    def search(self, text: str) -> Match | None:
        """The first match."""
        return cast("Match | None", self._compiled.search(text))

    def finditer(self, text: str) -> Iterator[Match]:
        """All matches from left to right, not overlapping."""
        return cast("Iterator[Match]", self._compiled.finditer(text))


_REASONS: Final = {
    "missing )": Text("缺少右括号 )", "a ) is missing"),
    "missing ]": Text("缺少右方括号 ]", "a ] is missing"),
    "unexpected )": Text("多余的右括号 )", "there is a ) too many"),
    "trailing \\": Text("末尾有多余的反斜杠", "it ends with a backslash"),
    "no argument for repetition operator": Text("重复符号前没有内容", "nothing stands before a repetition"),
    "bad repetition operator": Text("重复符号不正确", "a repetition is not right"),
    "invalid repetition size": Text("重复次数不正确", "a count of repetitions is not right"),
    "invalid character class range": Text("字符范围不正确", "a range of characters is not right"),
    "invalid character class": Text("字符类不正确", "a class of characters is not right"),
    "invalid escape sequence": Text("不支持的转义", "an escape is not supported"),
    "invalid perl operator": Text("不支持的 (? 语法", "a group that begins with (? is not supported"),
    "invalid named capture group": Text("分组名不正确", "the name of a group is not right"),
    "pattern too large": Text("过大", "it is too large"),
}
"""By how the engine's own words begin, the longer ones first where one begins another."""


def _reason(error: Exception) -> Text:
    """Our own words: those of the engine show the pattern as it was handed over, with flags that nobody wrote."""
    first = error.args[0] if error.args else ""
    said = first.decode("utf-8", "replace") if isinstance(first, bytes) else str(first)
    known = (reason for start, reason in _REASONS.items() if said.startswith(start))
    return next(known, Text("无法理解", "it cannot be understood"))
