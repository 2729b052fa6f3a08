"""JSON at the edges: fast, strict where strangers write it."""

import json
import re
from typing import Any, NoReturn, cast

import orjson

MAX_DEPTH = 100
MAX_VALUES = 200_000
INT64_MIN, INT64_MAX = -(2**63), 2**63 - 1
_SURROGATE = re.compile("[\ud800-\udfff]")


class MalformedJsonError(ValueError):
    """Not JSON as the contract allows it (platform.md 1.3)."""


class ForbiddenTextError(ValueError):
    """JSON whose strings hold U+0000 or lone surrogates."""


def dumps(value: object) -> bytes:
    """Compact UTF-8 JSON."""
    return orjson.dumps(value)


def dumps_text(value: object) -> str:
    """Compact JSON as text."""
    return orjson.dumps(value).decode()


def spelled(value: Any) -> str:
    """A single value of JSON as people read and answer it: texts without quotes, booleans as JSON has them."""
    return dumps_text(value) if isinstance(value, bool) else str(value)


def loads(raw: bytes | str) -> Any:
    """Parses JSON that this program wrote."""
    return orjson.loads(raw)


def loads_strict(raw: bytes) -> Any:
    """Parses a stranger's JSON under the limits of platform.md 1.3.

    Raises:
        MalformedJsonError: broken text, NaN, too deep, too many values, numbers out of range.
        ForbiddenTextError: U+0000 or a lone surrogate anywhere.
    """
    if raw.startswith(b"\xef\xbb\xbf"):
        raw = raw[3:]
    try:
        value = orjson.loads(raw)
    except orjson.JSONDecodeError:
        raise _why_refused(raw) from None
    _check(value, raw)
    return value


def _why_refused(raw: bytes) -> ValueError:
    """Tells lone surrogates, which orjson refuses as broken JSON, from really broken JSON."""
    if b"\\u" not in raw.lower():
        return MalformedJsonError()
    try:
        value = json.loads(raw, parse_constant=_refuse)
    except (ValueError, RecursionError):
        return MalformedJsonError()
    text = json.dumps(value, ensure_ascii=False)
    return ForbiddenTextError() if _SURROGATE.search(text) else MalformedJsonError()


def _refuse(text: str) -> NoReturn:
    raise MalformedJsonError


def _check(value: Any, raw: bytes) -> None:
    """Walks the value without recursion: depth, count, forbidden text, integers that orjson widened to floats."""
    if b"\\u0000" in raw or b"\x00" in raw:
        _check_text(value)
    level, depth, count, huge = [value], 0, 0, False
    while level:
        depth += 1
        deeper: list[Any] = []
        for item in level:
            if isinstance(item, dict):
                deeper.extend(cast("dict[str, Any]", item).values())
            elif isinstance(item, list):
                deeper.extend(cast("list[Any]", item))
            elif isinstance(item, float) and abs(item) >= 2**63:
                huge = True
            elif isinstance(item, int) and not INT64_MIN <= item <= INT64_MAX:
                raise MalformedJsonError
        count += len(level)
        # A scalar at level 101 is inside the hundredth container, so only containers count as a level.
        if count > MAX_VALUES or (depth > MAX_DEPTH and any(isinstance(item, (dict, list)) for item in level)):
            raise MalformedJsonError
        level = deeper
    if huge:
        json.loads(raw, parse_int=_int64)


def _int64(text: str) -> int:
    number = int(text) if len(text) <= 20 else INT64_MAX + 1
    if not INT64_MIN <= number <= INT64_MAX:
        raise MalformedJsonError
    return number


def _check_text(value: Any) -> None:
    stack = [value]
    while stack:
        item = stack.pop()
        if isinstance(item, str):
            if "\x00" in item:
                raise ForbiddenTextError
        elif isinstance(item, dict):
            mapping = cast("dict[str, Any]", item)
            stack.extend(mapping.keys())
            stack.extend(mapping.values())
        elif isinstance(item, list):
            stack.extend(cast("list[Any]", item))
