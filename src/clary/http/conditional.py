"""Conditions and ranges of a GET for a file (RFC 9110 13 and 14), as a pure decision."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import format_datetime, parsedate_to_datetime

_RANGE = re.compile(r"bytes=(\d{0,18})-(\d{0,18})")


@dataclass(frozen=True, slots=True)
class Version:
    """What a file is at this moment. `modified` in seconds since 1970; `tag` a strong entity tag with its quotes."""

    size: int
    modified: float
    tag: str

    @property
    def last_modified(self) -> str:
        """The moment as headers spell it."""
        return format_datetime(datetime.fromtimestamp(int(self.modified), UTC), usegmt=True)


@dataclass(frozen=True, slots=True)
class Part:
    """The bytes from `start` up to, not including, `end`; `is_whole` when the caller asked for no range."""

    start: int
    end: int
    is_whole: bool = False


class NotModified:
    """The caller has it already."""


class Unsatisfiable:
    """The range lies past the end."""


def decide_part(headers: Mapping[str, str], version: Version) -> Part | NotModified | Unsatisfiable:
    """What is to be sent. Several ranges, other units and broken headers count as no range."""
    if _has_it(headers, version):
        return NotModified()
    found = _RANGE.fullmatch(headers.get("range", "").strip())
    if found is None or found.groups() == ("", "") or not _if_range(headers, version):
        return Part(0, version.size, is_whole=True)
    first, last = found.groups()
    if first == "":
        length = min(int(last), version.size)
        return Part(version.size - length, version.size) if length else Unsatisfiable()
    start, end = int(first), min(int(last) + 1, version.size) if last else version.size
    if last and int(last) < int(first):
        return Part(0, version.size, is_whole=True)
    return Part(start, end) if start < version.size else Unsatisfiable()


def _has_it(headers: Mapping[str, str], version: Version) -> bool:
    tags = headers.get("if-none-match")
    if tags is not None:
        return tags.strip() == "*" or version.tag in [tag.strip().removeprefix("W/") for tag in tags.split(",")]
    since = _moment(headers.get("if-modified-since"))
    return since is not None and int(version.modified) <= since


def _if_range(headers: Mapping[str, str], version: Version) -> bool:
    """A weak tag never matches, and a date only exactly."""
    condition = headers.get("if-range")
    if condition is None:
        return True
    return condition.strip() == version.tag or _moment(condition) == int(version.modified)


def _moment(header: str | None) -> int | None:
    if header is None:
        return None
    try:
        return int(parsedate_to_datetime(header).timestamp())
    except (ValueError, TypeError, OverflowError, IndexError):
        return None
