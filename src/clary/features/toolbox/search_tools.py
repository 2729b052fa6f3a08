"""grep, glob."""

import asyncio
import re
from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any, ClassVar, Final

from clary.features.toolbox.definition import DefinedTool, Parameter, ToolDefinition
from clary.features.toolbox.replacing import compiled
from clary.features.toolbox.workspace_files import MAX_READ_BYTES, decoded, refusals_in, shown
from clary.kit import safe_paths
from clary.kit.clock import Clock
from clary.kit.linear_regex import LinearPattern
from clary.kit.text import Text, cut
from clary.runtime.tools import ToolContext
from clary.runtime.toolset import Language

MAX_MATCHES: Final = 200
MAX_LINE_CHARACTERS: Final = 500
MAX_CONTEXT: Final = 5
MAX_FILES: Final = 1000
_MAX_WALKED: Final = 200_000
_SEARCHED_CHARACTERS: Final = 100_000
"""Of one line; longer lines are data, not text."""
_SEARCH_SECONDS: Final = 20.0
_GLOB_PIECES: Final = re.compile(r"\*\*/|\*\*|.", re.DOTALL)
_REGEX_SIGNS: Final = frozenset(r"\.+*?()|[]{}^$")


class GrepTool(DefinedTool):
    """Lines that match a pattern."""

    definition: ClassVar[ToolDefinition] = ToolDefinition(
        name="grep",
        description=Text(
            "用正则表达式搜索工作区文件的内容，返回匹配的行。",
            "Searches the content of workspace files by a regular expression and gives the matching lines.",
        ),
        parameters=(
            Parameter(
                "pattern",
                {"type": "string", "minLength": 1},
                Text("正则表达式（RE2 语法）", "Regular expression (RE2)"),
                required=True,
            ),
            Parameter("path", {"type": "string", "default": "."}, Text("文件或文件夹路径", "Path of a file or folder")),
            Parameter(
                "glob", {"type": "string"}, Text("只搜索匹配的文件名，如 *.py", "Only files of such names, as *.py")
            ),
            Parameter("ignore_case", {"type": "boolean", "default": False}, Text("忽略大小写", "Ignore case")),
            Parameter(
                "context",
                {"type": "integer", "minimum": 0, "maximum": MAX_CONTEXT, "default": 0},
                Text("前后各附带的行数，最多 5", "Lines to show before and after, at most 5"),
            ),
        ),
        effect="read",
    )

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    async def run(self, arguments: dict[str, Any], context: ToolContext) -> dict[str, Any]:
        """See `Tool.run`."""
        return await asyncio.to_thread(self._search, arguments, context)

    def _search(self, arguments: dict[str, Any], context: ToolContext) -> dict[str, Any]:
        ignore_case = bool(arguments.get("ignore_case", False))
        pattern = compiled(arguments["pattern"], context.language, ignore_case=ignore_case)
        path = arguments.get("path", ".")
        around = int(arguments.get("context", 0))
        give_up = self._clock.monotonic() + _SEARCH_SECONDS
        matches: list[dict[str, Any]] = []
        truncated = False
        with refusals_in(context.language, path):
            relative = safe_paths.locate(context.workspace, path)
            for file in _files(context, relative, arguments.get("glob")):
                for match in _matches(context, file, pattern, around):
                    # A None is a sign of life between matches, so that the time is looked at.
                    truncated = len(matches) == MAX_MATCHES or self._clock.monotonic() > give_up
                    if truncated:
                        break
                    if match is not None:
                        matches.append(match)
                if truncated:
                    break
        return {"status": "success", "matches": matches, "truncated": truncated}


class GlobTool(DefinedTool):
    """Files by their names."""

    definition: ClassVar[ToolDefinition] = ToolDefinition(
        name="glob",
        description=Text(
            "按通配符查找工作区文件，最新修改的在前，如 **/*.py。",
            "Finds files of the workspace by a pattern such as **/*.py, the newest first.",
        ),
        parameters=(
            Parameter(
                "pattern",
                {"type": "string", "minLength": 1},
                Text("通配符", "Pattern with * ? ** {a,b}"),
                required=True,
            ),
            Parameter("path", {"type": "string", "default": "."}, Text("起始文件夹", "Folder to search in")),
        ),
        effect="read",
    )

    async def run(self, arguments: dict[str, Any], context: ToolContext) -> dict[str, Any]:
        """See `Tool.run`."""
        return await asyncio.to_thread(self._find, arguments["pattern"], arguments.get("path", "."), context)

    def _find(self, pattern: str, path: str, context: ToolContext) -> dict[str, Any]:
        for shown_root in ("/workspace/", "/sage-workspace/"):
            pattern = pattern.removeprefix(shown_root)
        with refusals_in(context.language, path):
            relative = safe_paths.locate(context.workspace, path)
            is_like = _name_test(relative, pattern, context.language)
            found = [
                (-entry.modified, place)
                for place, entry in islice(safe_paths.walk(context.workspace, relative), _MAX_WALKED)
                if entry.kind == "file" and is_like(place)
            ]
        found.sort()
        return {
            "status": "success",
            "files": [shown(place) for _, place in found[:MAX_FILES]],
            "truncated": len(found) > MAX_FILES,
        }


def _files(context: ToolContext, relative: str, glob: str | None) -> Iterator[str]:
    if relative and safe_paths.kind_of(safe_paths.stat(context.workspace, relative)) == "file":
        yield relative
        return
    is_like = _name_test(relative, glob, context.language) if glob else None
    for place, entry in safe_paths.walk(context.workspace, relative):
        if entry.kind == "file" and entry.size <= MAX_READ_BYTES and (is_like is None or is_like(place)):
            yield place


def _name_test(folder: str, glob: str, language: Language) -> Callable[[str], bool]:
    """A glob without a slash means the name, one with a slash the path below the searched folder."""
    wanted = glob.removeprefix("./")
    pattern = compiled(f"^(?:{_as_regex(wanted)})$", language)

    def is_like(place: str) -> bool:
        below = place[len(folder) + 1 :] if folder else place
        tested = below if "/" in wanted else below.rpartition("/")[2]
        return pattern.search(safe_paths.printable(tested)) is not None

    return is_like


def _as_regex(glob: str) -> str:
    """`**/` any folders, `*` and `?` within a name, `{a,b}` alternatives; everything else means itself."""
    braces = glob.count("{") == glob.count("}")
    special = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}
    special |= {"{": "(?:", "}": ")", ",": "|"} if braces and "{" in glob else {}
    pieces = _GLOB_PIECES.findall(glob)
    return "".join(special.get(piece) or (f"\\{piece}" if piece in _REGEX_SIGNS else piece) for piece in pieces)


def _matches(context: ToolContext, file: str, pattern: LinearPattern, around: int) -> Iterator[dict[str, Any] | None]:
    yield None
    try:
        found = decoded(safe_paths.read_bytes(context.workspace, file, MAX_READ_BYTES))
    except safe_paths.PathError:
        return
    if found is None:
        return
    lines = [line.removesuffix("\r") for line in found.text.split("\n")]
    for at, line in enumerate(lines):
        searched = line[:_SEARCHED_CHARACTERS]
        if at % 1000 == 0 or len(searched) > MAX_LINE_CHARACTERS:
            yield None
        if not pattern.is_affordable(len(searched)) or pattern.search(searched) is None:
            continue
        yield {
            "path": shown(file),
            "line_number": at + 1,
            "line": cut(line, MAX_LINE_CHARACTERS),
            "before": [cut(each, MAX_LINE_CHARACTERS) for each in lines[max(0, at - around) : at]],
            "after": [cut(each, MAX_LINE_CHARACTERS) for each in lines[at + 1 : at + 1 + around]],
        }
