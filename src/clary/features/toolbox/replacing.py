"""Search and replace within bounds: linear patterns, two seconds, no result over what may be written."""

from collections.abc import Iterator
from typing import Final, NamedTuple

from clary.features.toolbox.workspace_files import MAX_WRITE_BYTES
from clary.kit.clock import Clock
from clary.kit.linear_regex import LinearPattern, PatternError
from clary.kit.text import Text
from clary.runtime.tools import ToolFailedError
from clary.runtime.toolset import Language, words

REGEX_SECONDS: Final = 2.0

_NO_MATCH: Final = Text("没有找到匹配的内容，文件未修改", "Nothing matches; the file was not changed")
_BAD_PATTERN: Final = Text("正则表达式无效: {reason}", "Invalid regular expression: {reason}")
_BAD_REPLACEMENT: Final = Text("replacement 引用了不存在的分组", "replacement refers to a group that does not exist")
_TOO_SLOW: Final = Text(
    "正则表达式超过 2 秒，文件未修改", "The regular expression takes over 2 s; the file was not changed"
)
_TOO_LONG: Final = Text("替换后的内容超过 10 MiB", "The content would be over 10 MiB")


class Replaced(NamedTuple):
    """The new text and how many places changed."""

    text: str
    places: int


def replaced(
    text: str, *, search: str, replacement: str, use_regex: bool, language: Language, clock: Clock
) -> Replaced:
    """The text with every match replaced; the replacement is literal unless `use_regex`.

    Raises:
        ToolFailedError: no match, a bad pattern or group, too slow, too long.
    """
    if use_regex:
        result = _by_pattern(text, search, replacement, language, clock)
    else:
        count = text.count(search)
        if len(text) + count * (len(replacement) - len(search)) > MAX_WRITE_BYTES:
            raise ToolFailedError(words(_TOO_LONG, language))
        result = Replaced(text.replace(search, replacement), count)
    if result.places == 0:
        raise ToolFailedError(words(_NO_MATCH, language))
    return result


def compiled(pattern: str, language: Language, *, ignore_case: bool = False) -> LinearPattern:
    """A pattern of a model.

    Raises:
        ToolFailedError: not understood.
    """
    try:
        return LinearPattern(pattern, ignore_case=ignore_case, multiline=True)
    except PatternError as error:
        raise ToolFailedError(
            words(_BAD_PATTERN.fill(reason=words(error.text, language)), language), "INVALID_ARGUMENTS"
        ) from None


def _by_pattern(text: str, search: str, replacement: str, language: Language, clock: Clock) -> Replaced:
    pattern = compiled(search, language)
    if not pattern.is_affordable(len(text)):
        raise ToolFailedError(words(_TOO_SLOW, language))
    try:
        pieces = list(_pieces(text, pattern, replacement, language, clock))
    except (IndexError, UnicodeDecodeError):
        raise ToolFailedError(words(_BAD_REPLACEMENT, language), "INVALID_ARGUMENTS") from None
    return Replaced("".join(pieces), len(pieces) // 2)


def _pieces(text: str, pattern: LinearPattern, replacement: str, language: Language, clock: Clock) -> Iterator[str]:
    """Kept text and replacements in turn, ending with kept text."""
    give_up = clock.monotonic() + REGEX_SECONDS
    done, length = 0, 0
    references = replacement.count("\\")
    for match in pattern.finditer(text):
        # Before expanding: a thousand references to one large group would not fit into any memory.
        if (match.end() - match.start()) * references + len(replacement) > MAX_WRITE_BYTES:
            raise ToolFailedError(words(_TOO_LONG, language))
        new = match.expand(replacement)
        length += match.start() - done + len(new)
        if length > MAX_WRITE_BYTES:
            raise ToolFailedError(words(_TOO_LONG, language))
        if clock.monotonic() > give_up:
            raise ToolFailedError(words(_TOO_SLOW, language))
        yield text[done : match.start()]
        yield new
        done = match.end()
    yield text[done:]
