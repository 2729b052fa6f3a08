"""apply_patch."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Final

from clary.features.toolbox.definition import DefinedTool, Parameter, ToolDefinition
from clary.features.toolbox.file_tools import encoded
from clary.features.toolbox.filling import require_room
from clary.features.toolbox.patching import Action, FilePatch, PatchError, patched, read_patch
from clary.features.toolbox.ports import Room
from clary.features.toolbox.workspace_files import MAX_WRITE_BYTES, refusals_in, shown, text_of
from clary.kit import safe_paths
from clary.kit.text import Text
from clary.runtime.tools import ToolContext, ToolFailedError
from clary.runtime.toolset import words

MAX_PATCH_CHARACTERS: Final = 1024 * 1024
MAX_FILES: Final = 200
_NOWHERE: Final = ".clary/patch"
"""A place where nothing lies: the growth of all files counts as one new file."""

_EXISTS: Final = Text("文件已存在: {path}", "The file exists: {path}")
_ODD_BYTES: Final = Text("文件含有无法识别的字节: {path}", "The file holds unreadable bytes: {path}")
_TWICE: Final = Text("补丁中同一文件出现多次: {path}", "The patch names a file twice: {path}")
_TOO_LARGE: Final = Text("补丁过大", "The patch is too large")
_APPLIED: Final = Text("已修改 {count} 个文件", "{count} files changed")


@dataclass(frozen=True, slots=True)
class _Change:
    """What is about to happen to a file. `before` None: it is new; `after` None: it goes."""

    action: Action
    relative: str
    before: bytes | None
    after: bytes | None
    added: int
    removed: int


def _files_in(arguments: Mapping[str, Any]) -> list[str]:
    """The paths that a patch names; none where it is no patch, which the call itself says."""
    try:
        return [file.path for file in read_patch(str(arguments.get("patch") or ""))]
    except PatchError:
        return []


class ApplyPatchTool(DefinedTool):
    """Several changes to files, all or none."""

    definition: ClassVar[ToolDefinition] = ToolDefinition(
        name="apply_patch",
        description=Text(
            "对工作区文件应用补丁，可新增、修改、删除多个文件；全部成功或全部不变。格式：*** Begin Patch，"
            "*** Add File: / *** Update File: / *** Delete File: 路径，@@ 分隔的修改处（行首为空格、- 或 +），"
            "*** End Patch。",
            "Applies a patch to files of the workspace: adds, changes and deletes several of them, all or none. Form: "
            "*** Begin Patch, *** Add File: / *** Update File: / *** Delete File: path, changes parted by @@ with "
            "lines that begin with a blank, - or +, *** End Patch.",
        ),
        parameters=(
            Parameter("patch", {"type": "string", "minLength": 1}, Text("补丁全文", "The patch"), required=True),
        ),
        effect="write",
        parallel_safe=False,
        files_in=_files_in,
    )

    def __init__(self, room: Room) -> None:
        self._room = room

    async def run(self, arguments: dict[str, Any], context: ToolContext) -> dict[str, Any]:
        """See `Tool.run`."""
        return await asyncio.to_thread(_apply, arguments["patch"], context, self._room)


def _apply(text: str, context: ToolContext, room: Room) -> dict[str, Any]:
    changes = _prepared(text, context)
    growth = sum(len(each.after or b"") - len(each.before or b"") for each in changes)
    if growth > 0:
        require_room(room, context, _NOWHERE, growth)
    _write(changes, context)
    return {
        "status": "success",
        "message": words(_APPLIED.fill(count=len(changes)), context.language),
        "files": [
            {"path": shown(each.relative), "action": each.action, "added": each.added, "removed": each.removed}
            for each in changes
        ],
    }


def _prepared(text: str, context: ToolContext) -> list[_Change]:
    """Everything that can be refused is refused here, before the first byte is written."""
    language = context.language
    if len(text) > MAX_PATCH_CHARACTERS:
        raise ToolFailedError(words(_TOO_LARGE, language), "INVALID_ARGUMENTS")
    try:
        files = read_patch(text)
        if len(files) > MAX_FILES:
            raise PatchError(_TOO_LARGE)
        changes = [_change(file, context) for file in files]
    except PatchError as error:
        raise ToolFailedError(words(error.message, language)) from None
    seen: set[str] = set()
    for change in changes:
        if change.relative in seen:
            raise ToolFailedError(words(_TWICE.fill(path=shown(change.relative)), language))
        seen.add(change.relative)
    return changes


def _change(file: FilePatch, context: ToolContext) -> _Change:
    language = context.language
    with refusals_in(language, file.path):
        relative = safe_paths.locate(context.workspace, file.path)
        if file.action == "add":
            if safe_paths.exists(context.workspace, relative):
                raise ToolFailedError(words(_EXISTS.fill(path=shown(relative)), language))
            content = "".join(f"{line}\n" for line in file.lines)
            return _Change("add", relative, None, encoded(content, "utf-8", context), len(file.lines), 0)
        before = safe_paths.read_bytes(context.workspace, relative, MAX_WRITE_BYTES)
    if file.action == "delete":
        return _Change("delete", relative, before, None, 0, before.count(b"\n") + (not before.endswith(b"\n")))
    found = text_of(before, relative, language)
    if found.encoding is None:
        raise ToolFailedError(words(_ODD_BYTES.fill(path=shown(relative)), language))
    after = encoded(patched(found.text, file), found.encoding, context)
    added, removed = (sum(hunk.count(sign) for hunk in file.hunks) for sign in "+-")
    return _Change("update", relative, before, after, added, removed)


def _write(changes: list[_Change], context: ToolContext) -> None:
    """Writes all changes; what fails in the middle takes back those before it."""
    done: list[_Change] = []
    try:
        for change in changes:
            with refusals_in(context.language, change.relative):
                _put(change.relative, change.after, context)
            done.append(change)
    except ToolFailedError:
        for change in reversed(done):
            with refusals_in(context.language, change.relative):
                _put(change.relative, change.before, context)
        raise


def _put(relative: str, content: bytes | None, context: ToolContext) -> None:
    if content is None:
        safe_paths.remove_file(context.workspace, relative)
    else:
        safe_paths.write_atomically(context.workspace, relative, content)
