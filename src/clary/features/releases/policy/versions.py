"""Semantic versions and their order (semver.org 2.0.0)."""

import re
from dataclasses import dataclass
from functools import total_ordering
from typing import Final

MAX_CHARACTERS: Final = 32
_NUMBER: Final = r"0|[1-9][0-9]*"
_VERSION: Final = re.compile(
    rf"(?P<major>{_NUMBER})\.(?P<minor>{_NUMBER})\.(?P<patch>{_NUMBER})"
    rf"(?:-(?P<pre>(?:{_NUMBER}|[0-9]*[A-Za-z-][0-9A-Za-z-]*)(?:\.(?:{_NUMBER}|[0-9]*[A-Za-z-][0-9A-Za-z-]*))*))?"
    r"(?:\+(?P<build>[0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*))?"
)

Precedence = tuple[int, int, int, bool, tuple[tuple[bool, int, str], ...]]


@total_ordering
@dataclass(frozen=True, slots=True, eq=False)
class Version:
    """A version, compared by precedence: what was built how does not count."""

    text: str
    precedence: Precedence

    @property
    def is_prerelease(self) -> bool:
        """Whether it comes before a release."""
        return not self.precedence[3]

    def __lt__(self, other: "Version") -> bool:
        return self.precedence < other.precedence

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Version) and self.precedence == other.precedence

    def __hash__(self) -> int:
        return hash(self.precedence)


def read_version(text: str) -> Version | None:
    """A version out of a text, a leading `v` dropped; None when it is none, or longer than 32 characters."""
    text = text.removeprefix("v")
    found = _VERSION.fullmatch(text)
    if found is None or len(text) > MAX_CHARACTERS:
        return None
    numbers = (int(found["major"]), int(found["minor"]), int(found["patch"]))
    parts = found["pre"].split(".") if found["pre"] else []
    # Without a pre-release ranks above all with one; numbers rank below words, and a longer list above its start.
    ranked = tuple((False, int(part), "") if part.isdigit() else (True, 0, part) for part in parts)
    return Version(text, (*numbers, not parts, ranked))
