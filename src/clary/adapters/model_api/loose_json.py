"""JSON as providers really write it: lone surrogates, broken UTF-8, NaN. The fast parser refuses these."""

import json
from typing import Any, Final, cast

_REPLACEMENT: Final = "\ufffd"


def loads_loosely(raw: bytes) -> Any:
    """Parses JSON and forgives what can be forgiven; strings may hold lone surrogates, see `SurrogateMender`.

    Raises:
        ValueError: it is not JSON.
    """
    try:
        return json.loads(raw.decode("utf-8", "replace"))
    except RecursionError:
        raise ValueError("nested too deep") from None


def without_surrogates(text: str) -> str:
    """The text with pairs joined and lone surrogates replaced by U+FFFD."""
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def dumps_forgiving(value: Any) -> bytes:
    """JSON of anything that `json` can write; lone surrogates become U+FFFD."""
    return json.dumps(_mended(value), ensure_ascii=False, default=str).encode()


def _mended(value: Any) -> Any:
    if isinstance(value, str):
        return without_surrogates(value)
    if isinstance(value, dict):
        return {key: _mended(each) for key, each in cast("dict[str, Any]", value).items()}
    if isinstance(value, list | tuple):
        return [_mended(each) for each in cast("list[Any]", value)]
    return value


class SurrogateMender:
    """Joins a surrogate pair that was cut between two deltas of one text."""

    __slots__ = ("_high",)

    def __init__(self) -> None:
        self._high = ""

    def add(self, text: str) -> str:
        """The text that is certain now; a high surrogate at its end waits for the next delta."""
        text = self._high + text
        self._high = ""
        if text and "\ud800" <= text[-1] <= "\udbff":
            self._high = text[-1]
            text = text[:-1]
        return without_surrogates(text)

    def end(self) -> str:
        """What is left when the text ends."""
        left = _REPLACEMENT if self._high else ""
        self._high = ""
        return left
