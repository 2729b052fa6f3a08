"""file_read, file_write, file_update, list_dir."""

import asyncio
from itertools import islice
from typing import Any, ClassVar, Final

from clary.features.toolbox.definition import DefinedTool, Parameter, ToolDefinition
from clary.features.toolbox.filling import require_room
from clary.features.toolbox.ports import DocumentError, Documents, Room
from clary.features.toolbox.replacing import replaced
from clary.features.toolbox.workspace_files import (
    MAX_READ_BYTES,
    MAX_WRITE_BYTES,
    refusals_in,
    shown,
    text_of,
)
from clary.kit import safe_paths
from clary.kit.clock import Clock
from clary.kit.text import Text
from clary.runtime.tools import ToolContext, ToolFailedError
from clary.runtime.toolset import words

DEFAULT_END_LINE: Final = 400
MAX_ENTRIES: Final = 1000
MAX_DEPTH: Final = 5

_FILE_PATH: Final = Parameter(
    "file_path",
    {"type": "string", "minLength": 1},
    Text("文件路径，如 /workspace/notes.md", "Path of the file, such as /workspace/notes.md"),
    required=True,
)
_BAD_RANGE: Final = Text("end_line 必须大于 start_line", "end_line must be greater than start_line")
_NOT_ENCODABLE: Final = Text("内容包含无法保存的字符", "The content holds characters that cannot be stored")
_TOO_LONG: Final = Text("内容超过 10 MiB", "The content is over 10 MiB")
_WRITTEN: Final = Text("文件已写入: {path}", "File written: {path}")
_UPDATED: Final = Text("已替换 {count} 处: {path}", "Replaced {count} places: {path}")
_ODD_BYTES: Final = Text(
    "文件含有无法识别的字节，不能安全地修改: {path}",
    "The file holds unreadable bytes and cannot be changed safely: {path}",
)


class FileReadTool(DefinedTool):
    """Lines of a text file."""

    definition: ClassVar[ToolDefinition] = ToolDefinition(
        name="file_read",
        description=Text(
            "读取工作区中的文本文件，按行号截取，默认前 400 行；PDF 和办公文档给出其文本。",
            "Reads a text file of the workspace by line numbers, the first 400 lines by default; PDF and office "
            "documents give their text.",
        ),
        parameters=(
            _FILE_PATH,
            Parameter(
                "start_line",
                {"type": "integer", "minimum": 0, "default": 0},
                Text("起始行，从 0 开始", "First line, counted from 0"),
            ),
            Parameter(
                "end_line",
                {"type": ["integer", "null"], "minimum": 1, "default": DEFAULT_END_LINE},
                Text("结束行，不含该行；null 表示读到末尾", "Line to stop before; null reads to the end"),
            ),
        ),
        effect="read",
        path_arguments=("file_path",),
    )

    def __init__(self, documents: Documents) -> None:
        self._documents = documents

    async def run(self, arguments: dict[str, Any], context: ToolContext) -> dict[str, Any]:
        """See `Tool.run`."""
        start = int(arguments.get("start_line", 0))
        end = arguments.get("end_line", DEFAULT_END_LINE)
        if end is not None and end <= start:
            # A start past the default end means "from there on", for as many lines as usual.
            if "end_line" in arguments:
                raise ToolFailedError(words(_BAD_RANGE, context.language), "INVALID_ARGUMENTS")
            end = start + DEFAULT_END_LINE
        relative, content = await asyncio.to_thread(_content, arguments["file_path"], context)
        kind = self._documents.kind_of(name=relative)
        if kind is None or kind == "html":
            text = (await asyncio.to_thread(text_of, content, relative, context.language)).text
        else:
            text = await self._document(content, kind, context)
        lines = _lines(text)
        last = len(lines) if end is None else min(end, len(lines))
        return {
            "status": "success",
            "content": "".join(lines[start:last]),
            "total_lines": len(lines),
            "start_line": start,
            "end_line": max(last, min(start, len(lines))),
            "file_path": shown(relative),
        }

    async def _document(self, content: bytes, kind: str, context: ToolContext) -> str:
        try:
            return (await self._documents.read(content, kind)).text
        except DocumentError as problem:
            raise ToolFailedError(words(problem.message, context.language)) from None


class FileWriteTool(DefinedTool):
    """A file, whole."""

    definition: ClassVar[ToolDefinition] = ToolDefinition(
        name="file_write",
        description=Text(
            "把内容写入工作区文件，覆盖原有内容，自动创建文件夹。",
            "Writes a file of the workspace, replacing what was there; folders are made.",
        ),
        parameters=(
            _FILE_PATH,
            Parameter("content", {"type": "string"}, Text("完整的文件内容", "The whole content"), required=True),
        ),
        effect="write",
        path_arguments=("file_path",),
    )

    def __init__(self, room: Room) -> None:
        self._room = room

    async def run(self, arguments: dict[str, Any], context: ToolContext) -> dict[str, Any]:
        """See `Tool.run`."""
        return await asyncio.to_thread(self._write, arguments["file_path"], arguments["content"], context)

    def _write(self, path: str, text: str, context: ToolContext) -> dict[str, Any]:
        content = encoded(text, "utf-8", context)
        with refusals_in(context.language, path):
            relative = safe_paths.locate(context.workspace, path)
            require_room(self._room, context, relative, len(content))
            safe_paths.write_atomically(context.workspace, relative, content)
        return {
            "status": "success",
            "message": words(_WRITTEN.fill(path=shown(relative)), context.language),
            "file_path": shown(relative),
            "content_length": len(text),
        }


class FileUpdateTool(DefinedTool):
    """Search and replace in one file."""

    definition: ClassVar[ToolDefinition] = ToolDefinition(
        name="file_update",
        description=Text(
            "在工作区文件中查找并替换所有匹配；没有匹配时报错。",
            "Replaces every match in a file of the workspace; no match is an error.",
        ),
        parameters=(
            _FILE_PATH,
            Parameter(
                "search_pattern",
                {"type": "string", "minLength": 1},
                Text("要查找的原文，或正则表达式", "Text to find, or a regular expression"),
                required=True,
            ),
            Parameter(
                "replacement",
                {"type": "string"},
                Text(
                    "替换成的内容；正则模式下可用 \\1 引用分组", "What to put there; with use_regex \\1 means a group"
                ),
                required=True,
            ),
            Parameter(
                "use_regex",
                {"type": "boolean", "default": False},
                Text(
                    "把 search_pattern 当作正则表达式（RE2 语法）", "Read search_pattern as a regular expression (RE2)"
                ),
            ),
        ),
        effect="write",
        path_arguments=("file_path",),
    )

    def __init__(self, clock: Clock, room: Room) -> None:
        self._clock = clock
        self._room = room

    async def run(self, arguments: dict[str, Any], context: ToolContext) -> dict[str, Any]:
        """See `Tool.run`."""
        return await asyncio.to_thread(self._update, arguments, context)

    def _update(self, arguments: dict[str, Any], context: ToolContext) -> dict[str, Any]:
        path, language = arguments["file_path"], context.language
        with refusals_in(language, path):
            relative = safe_paths.locate(context.workspace, path)
            content = safe_paths.read_bytes(context.workspace, relative, MAX_WRITE_BYTES)
        found = text_of(content, relative, language)
        if found.encoding is None:
            raise ToolFailedError(words(_ODD_BYTES.fill(path=shown(relative)), language))
        changed = replaced(
            found.text,
            search=arguments["search_pattern"],
            replacement=arguments["replacement"],
            use_regex=bool(arguments.get("use_regex", False)),
            language=language,
            clock=self._clock,
        )
        after = encoded(changed.text, found.encoding, context)
        with refusals_in(language, path):
            require_room(self._room, context, relative, len(after))
            safe_paths.write_atomically(context.workspace, relative, after)
        return {
            "status": "success",
            "message": words(_UPDATED.fill(count=changed.places, path=shown(relative)), language),
            "replacements": changed.places,
        }


class ListDirTool(DefinedTool):
    """The items of a folder."""

    definition: ClassVar[ToolDefinition] = ToolDefinition(
        name="list_dir",
        description=Text(
            "列出工作区文件夹中的文件和子文件夹。", "Lists the files and folders in a folder of the workspace."
        ),
        parameters=(
            Parameter("path", {"type": "string", "default": "."}, Text("文件夹路径", "Path of the folder")),
            Parameter(
                "depth",
                {"type": "integer", "minimum": 1, "maximum": MAX_DEPTH, "default": 1},
                Text("层数，最多 5", "How many levels, at most 5"),
            ),
        ),
        effect="read",
    )

    async def run(self, arguments: dict[str, Any], context: ToolContext) -> dict[str, Any]:
        """See `Tool.run`."""
        return await asyncio.to_thread(self._list, arguments.get("path", "."), arguments.get("depth", 1), context)

    def _list(self, path: str, depth: int, context: ToolContext) -> dict[str, Any]:
        with refusals_in(context.language, path):
            relative = safe_paths.locate(context.workspace, path)
            found = list(islice(safe_paths.walk(context.workspace, relative, depth), MAX_ENTRIES + 1))
        return {
            "status": "success",
            "path": shown(relative),
            "entries": [
                {"name": safe_paths.printable(entry.name), "path": shown(place), "type": entry.kind, "size": entry.size}
                for place, entry in found[:MAX_ENTRIES]
            ],
            "truncated": len(found) > MAX_ENTRIES,
        }


def encoded(text: str, encoding: str, context: ToolContext) -> bytes:
    """The bytes of a text to be written.

    Raises:
        ToolFailedError: it cannot be spelled so, or is over 10 MiB.
    """
    try:
        content = text.encode(encoding)
    except UnicodeEncodeError:
        raise ToolFailedError(words(_NOT_ENCODABLE, context.language), "INVALID_ARGUMENTS") from None
    if len(content) > MAX_WRITE_BYTES:
        raise ToolFailedError(words(_TOO_LONG, context.language), "INVALID_ARGUMENTS")
    return content


def _content(path: str, context: ToolContext) -> tuple[str, bytes]:
    with refusals_in(context.language, path):
        relative = safe_paths.locate(context.workspace, path)
        return relative, safe_paths.read_bytes(context.workspace, relative, MAX_READ_BYTES)


def _lines(text: str) -> list[str]:
    # Not splitlines: it also splits at form feeds and U+2028, and line numbers would differ from other tools'.
    lines = [f"{line}\n" for line in text.split("\n")]
    lines[-1] = lines[-1][:-1]
    return lines if lines[-1] else lines[:-1]
