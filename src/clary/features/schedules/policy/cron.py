"""Cron with five fields, rewritten so that the library reads it as the contract means it (platform.md 15.2).

The library follows Debian: a field that begins with a star is "not set", so that a step in a day would narrow the other
day field, and a star in minute or hour switches off what it does where clocks change. Written out as numbers, a field
is set whatever its form was.
"""

import re
from dataclasses import dataclass
from typing import Final

_NAME: Final = r"(?:\d{1,2}|sun|mon|tue|wed|thu|fri|sat|jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)"
_TERM: Final = rf"(?:\*|{_NAME}(?:-{_NAME})?)(?:/\d{{1,2}})?"
_FIELD: Final = rf"{_TERM}(?:,{_TERM})*"
# The library knows more words than the contract; what is not in the contract is refused.
_CRON: Final = re.compile(rf"{_FIELD}(?:[ \t]+{_FIELD}){{4}}", re.IGNORECASE)
SUNDAY: Final = "sun"


@dataclass(frozen=True, slots=True)
class _Field:
    """What may stand in one field. `last_of_star`: where a star ends, if that is before the last number."""

    first: int
    last: int
    names: tuple[str, ...] = ()
    last_of_star: int | None = None

    def numbers(self, text: str) -> str:
        """The field as a list of numbers, or a star if it names everything by one.

        Raises:
            ValueError
        """
        found: set[int] = set()
        for term in text.split(","):
            span, _, step = term.partition("/")
            if span == "*" and step in ("", "1", "01"):
                return "*"
            found |= set(self._span(span, stepped=bool(step))[:: int(step or 1)])
        return ",".join(str(number) for number in sorted(found))

    def _span(self, text: str, *, stepped: bool) -> range:
        if text == "*":
            return range(self.first, (self.last_of_star or self.last) + 1)
        start_text, _, end_text = text.partition("-")
        start = self._number(start_text)
        if not end_text:
            return range(start, (self.last if stepped else start) + 1)
        # Sunday ends a week as well as it begins one.
        end = 7 if end_text == SUNDAY and start > 0 else self._number(end_text)
        if end < start:
            raise ValueError("a range that ends before it begins")
        return range(start, end + 1)

    def _number(self, text: str) -> int:
        number = self.first + self.names.index(text) if text in self.names else int(text)
        if not self.first <= number <= self.last:
            raise ValueError("a number that the field does not have")
        return number


_FIELDS: Final = (
    _Field(0, 59),
    _Field(0, 23),
    _Field(1, 31),
    _Field(1, 12, ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")),
    _Field(0, 7, ("sun", "mon", "tue", "wed", "thu", "fri", "sat"), last_of_star=6),
)


def is_cron(text: str) -> bool:
    """Whether a text has the form of cron."""
    return _CRON.fullmatch(text) is not None


def written_out(text: str) -> str:
    """Cron with every field as numbers but those that are a star; an hour that is a star keeps the minutes as they are.

    Raises:
        ValueError: a number, a name, a range or a step that a field does not have.
    """
    minute, hour, *days = (field.numbers(part) for field, part in zip(_FIELDS, text.lower().split(), strict=True))
    if minute == "*" and hour != "*":
        # At named hours every minute is a local time of its own, which is adjusted where clocks change.
        minute = ",".join(str(number) for number in range(60))
    return " ".join((minute, hour, *days))
