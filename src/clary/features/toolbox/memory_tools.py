"""search_memory, save_memory, forget_memory (stream-runtime.md 9.8)."""

import asyncio
from typing import Any, ClassVar, Final

from clary.features.toolbox.definition import DefinedTool, Parameter, ToolDefinition
from clary.features.toolbox.remembering import find_in_files
from clary.kit.clock import Clock
from clary.kit.text import Text
from clary.runtime.tools import NoteBook, ToolContext, ToolFailedError
from clary.runtime.toolset import words

DEFAULT_HITS: Final = 5
MAX_HITS: Final = 20
MAX_NOTE: Final = 2000

_NO_NOTES: Final = Text("当前没有可用的长期记忆", "There are no notes to keep here")
_FOUND: Final = Text("找到 {count} 条相关记忆", "{count} memories found")
_SAVED: Final = Text("记忆已保存", "Note saved")
_FORGOTTEN: Final = Text("记忆已删除", "Note removed")
_NO_SUCH: Final = Text("没有这条记忆: {id}", "No such note: {id}")


class SearchMemoryTool(DefinedTool):
    """Looks in notes, older messages and files of the workspace."""

    definition: ClassVar[ToolDefinition] = ToolDefinition(
        name="search_memory",
        description=Text(
            "搜索记忆：长期笔记、本会话较早的消息、工作区中的文本文件（如 MEMORY.md）。",
            "Searches what is remembered: notes, older messages of this conversation, text files of the workspace such "
            "as MEMORY.md.",
        ),
        parameters=(
            Parameter("query", {"type": "string", "minLength": 1}, Text("要查找的内容", "What to find"), required=True),
            Parameter(
                "top_k",
                {"type": "integer", "minimum": 1, "maximum": MAX_HITS, "default": DEFAULT_HITS},
                Text("每类最多返回的条数，最多 20", "How many of each kind, at most 20"),
            ),
        ),
        effect="read",
    )

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    async def run(self, arguments: dict[str, Any], context: ToolContext) -> dict[str, Any]:
        """See `Tool.run`."""
        query, limit = str(arguments["query"])[:2000], int(arguments.get("top_k", DEFAULT_HITS))
        files = await asyncio.to_thread(find_in_files, context.workspace, query, limit, self._clock)
        past = await context.past.search(query, limit) if context.past is not None else ()
        notes = await context.notes.search(query, limit) if context.notes is not None else ()
        count = len(files) + len(past) + len(notes)
        return {
            "status": "success",
            "message": words(_FOUND.fill(count=count), context.language),
            "query": query,
            "long_term_memory": [
                {
                    "path": file.path,
                    "snippets": [{"line_number": number, "text": text} for number, text in file.snippets],
                }
                for file in files
            ],
            "session_history": [
                {"role": each.role, "content_preview": each.preview, "timestamp": each.timestamp} for each in past
            ],
            "notes": [{"id": note.id, "content": note.content, "updated_at": note.updated_at} for note in notes],
        }


class SaveMemoryTool(DefinedTool):
    """Keeps a note about the person."""

    definition: ClassVar[ToolDefinition] = ToolDefinition(
        name="save_memory",
        description=Text(
            "保存一条关于用户的长期笔记，供以后的会话使用；给出 id 则修改该笔记。",
            "Keeps a note about the person for later conversations; with an id that note is changed.",
        ),
        parameters=(
            Parameter(
                "content",
                {"type": "string", "minLength": 1, "maxLength": MAX_NOTE},
                Text("笔记内容，最多 2000 字符", "The note, at most 2000 characters"),
                required=True,
            ),
            Parameter("id", {"type": "string", "maxLength": 64}, Text("要修改的笔记 id", "Id of the note to change")),
        ),
        effect="write",
        parallel_safe=False,
    )

    async def run(self, arguments: dict[str, Any], context: ToolContext) -> dict[str, Any]:
        """See `Tool.run`."""
        note = await _notes(context).save(str(arguments["content"]), arguments.get("id") or None)
        return {"status": "success", "message": words(_SAVED, context.language), "id": note.id}


class ForgetMemoryTool(DefinedTool):
    """Removes a note."""

    definition: ClassVar[ToolDefinition] = ToolDefinition(
        name="forget_memory",
        description=Text("删除一条长期笔记。", "Removes a note."),
        parameters=(
            Parameter(
                "id", {"type": "string", "minLength": 1, "maxLength": 64}, Text("笔记 id", "Its id"), required=True
            ),
        ),
        effect="write",
        parallel_safe=False,
    )

    async def run(self, arguments: dict[str, Any], context: ToolContext) -> dict[str, Any]:
        """See `Tool.run`."""
        note_id = str(arguments["id"])
        if not await _notes(context).forget(note_id):
            raise ToolFailedError(words(_NO_SUCH.fill(id=note_id), context.language))
        return {"status": "success", "message": words(_FORGOTTEN, context.language), "id": note_id}


def _notes(context: ToolContext) -> NoteBook:
    if context.notes is None:
        raise ToolFailedError(words(_NO_NOTES, context.language))
    return context.notes
