"""Files of a workspace as tools see them: shown paths, refusals in words, text out of bytes. Blocks."""

import codecs
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

from clary.kit import safe_paths
from clary.kit.text import Text
from clary.runtime.tools import ToolFailedError
from clary.runtime.toolset import Language, words

MAX_READ_BYTES: Final = 20 * 1024 * 1024
MAX_WRITE_BYTES: Final = 10 * 1024 * 1024
_LOOKED_AT: Final = 64 * 1024
_TEXT_CONTROLS: Final = frozenset(b"\t\n\r\f\b\x1b")

_MISSING: Final = Text("文件不存在: {path}", "File not found: {path}")
_DENIED: Final = Text("不允许访问该路径: {path}", "This path is not allowed: {path}")
_WRONG_KIND: Final = Text("该路径的类型不符（文件或文件夹）: {path}", "Wrong kind of path (file or folder): {path}")
_TOO_LARGE: Final = Text("文件过大: {path}", "File too large: {path}")
_BINARY: Final = Text("不是文本文件: {path}", "Not a text file: {path}")
_FAILED: Final = Text("文件系统出错: {path}", "The file system failed: {path}")


@dataclass(frozen=True, slots=True)
class TextFile:
    """The text of a file and how its bytes spell it. `encoding` None: some bytes were unreadable and are U+FFFD."""

    text: str
    encoding: str | None


def shown(relative: str) -> str:
    """A path relative to the workspace as models and people see it."""
    return safe_paths.printable(f"/workspace/{relative}" if relative else "/workspace")


@contextmanager
def refusals_in(language: Language, asked: str) -> Generator[None]:
    """Problems with the path that was asked for, as results of the tool.

    Raises:
        ToolFailedError: in place of what went wrong with the path or the disk.
    """
    try:
        yield
    except safe_paths.PathDeniedError as error:
        place = shown(error.path) if error.path != "?" else "?"
        raise ToolFailedError(words(_DENIED.fill(path=place), language), "PERMISSION_DENIED") from None
    except safe_paths.PathMissingError as error:
        raise ToolFailedError(words(_MISSING.fill(path=shown(error.path)), language)) from None
    except safe_paths.PathKindError as error:
        raise ToolFailedError(words(_WRONG_KIND.fill(path=shown(error.path)), language)) from None
    except safe_paths.PathTooLargeError as error:
        raise ToolFailedError(words(_TOO_LARGE.fill(path=shown(error.path)), language)) from None
    except OSError as error:
        # The system's own words hold host paths; its number is enough for the model.
        place = f"{safe_paths.printable(asked[:200])} (errno {error.errno})"
        raise ToolFailedError(words(_FAILED.fill(path=place), language)) from error


def text_of(content: bytes, relative: str, language: Language) -> TextFile:
    """The text in bytes: UTF-8, else what a byte order mark says, else GB18030, else UTF-8 with holes.

    Raises:
        ToolFailedError: it is no text.
    """
    found = decoded(content)
    if found is None:
        raise ToolFailedError(words(_BINARY.fill(path=shown(relative)), language))
    return found


def decoded(content: bytes) -> TextFile | None:
    """See `text_of`; None for what is no text."""
    for mark, encoding in (
        (codecs.BOM_UTF8, "utf-8-sig"),
        (codecs.BOM_UTF16_LE, "utf-16"),
        (codecs.BOM_UTF16_BE, "utf-16"),
    ):
        if content.startswith(mark):
            return _decoded_as(content, encoding) or (None if _is_binary(content) else _with_holes(content))
    if _is_binary(content):
        return None
    return _decoded_as(content, "utf-8") or _decoded_as(content, "gb18030") or _with_holes(content)


def _decoded_as(content: bytes, encoding: str) -> TextFile | None:
    try:
        return TextFile(content.decode(encoding), encoding)
    except UnicodeDecodeError:
        return None


def _with_holes(content: bytes) -> TextFile:
    return TextFile(content.decode("utf-8", "replace"), None)


def _is_binary(content: bytes) -> bool:
    start = content[:_LOOKED_AT]
    controls = sum(1 for byte in start if byte < 32 and byte not in _TEXT_CONTROLS)
    return b"\0" in content[: _LOOKED_AT * 16] or controls > len(start) // 20
