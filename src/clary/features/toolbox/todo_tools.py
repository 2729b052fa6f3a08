"""todo_write, todo_read."""

from collections.abc import Sequence
from typing import Any, ClassVar, Final

from clary.features.toolbox.definition import DefinedTool, Parameter, ToolDefinition
from clary.kit.text import Text
from clary.runtime.tools import Todo, ToolContext, ToolFailedError
from clary.runtime.toolset import Language, words

MAX_ITEMS: Final = 100
MAX_ID: Final = 128
"""Characters."""
_STATUSES: Final = ("pending", "in_progress", "completed", "failed")
_FIELDS: Final = ("content", "status", "completed", "conclusion")
_MARKS: Final = {"pending": "[ ]", "in_progress": "[>]", "completed": "[x]", "failed": "[!]"}

_LONG: Final = Text("任务 id 过长，上限 {n} 个字符", "A task id is longer than {n} characters")
_TWICE: Final = Text("任务 id 重复: {id}", "Task id used twice: {id}")
_SUMMARY: Final = Text("任务清单共 {total} 项，已完成 {done} 项", "{total} tasks, {done} completed")
_EMPTY: Final = Text("任务清单为空", "The task list is empty")


class TodoWriteTool(DefinedTool):
    """Makes or changes the task list."""

    definition: ClassVar[ToolDefinition] = ToolDefinition(
        name="todo_write",
        description=Text(
            "创建或更新任务清单，按 id 合并；多步骤的工作应先列清单，并随进展更新状态。",
            "Makes or updates the task list, merging by id; list work of several steps first and keep it up to date.",
        ),
        parameters=(
            Parameter(
                "tasks",
                {
                    "type": "array",
                    "minItems": 1,
                    "maxItems": MAX_ITEMS,
                    "items": {
                        "type": "object",
                        "properties": {
                            "id": {"type": ["string", "integer"]},
                            "content": {"type": "string"},
                            "status": {"type": "string", "enum": list(_STATUSES)},
                            "completed": {"type": "boolean"},
                            "conclusion": {"type": "string"},
                        },
                        "required": ["id"],
                    },
                },
                Text(
                    "任务：id、内容 content、状态 status 或 completed、结论 conclusion",
                    "Tasks: id, content, status or completed, conclusion",
                ),
                required=True,
            ),
        ),
        effect="read",
        parallel_safe=False,
    )

    async def run(self, arguments: dict[str, Any], context: ToolContext) -> dict[str, Any]:
        """See `Tool.run`."""
        items: list[dict[str, Any]] = []
        seen: set[str] = set()
        for task in arguments["tasks"]:
            identifier = str(task["id"])
            if len(identifier) > MAX_ID:
                raise ToolFailedError(words(_LONG.fill(n=str(MAX_ID)), context.language), "INVALID_ARGUMENTS")
            if identifier in seen:
                message = words(_TWICE.fill(id=identifier[:100]), context.language)
                raise ToolFailedError(message, "INVALID_ARGUMENTS")
            seen.add(identifier)
            items.append({"id": identifier, **{name: task[name] for name in _FIELDS if name in task}})
        todos = await context.todos.upsert(items)
        return {
            "summary": _summary(todos, context.language),
            "tasks": [
                {"index": index, "id": todo.id, "name": todo.content, "status": todo.status}
                for index, todo in enumerate(todos)
            ],
        }


class TodoReadTool(DefinedTool):
    """Shows the task list."""

    definition: ClassVar[ToolDefinition] = ToolDefinition(
        name="todo_read",
        description=Text("查看当前任务清单。", "Shows the task list."),
        parameters=(),
        effect="read",
    )

    async def run(self, arguments: dict[str, Any], context: ToolContext) -> str:
        """See `Tool.run`."""
        todos = await context.todos.read()
        if not todos:
            return words(_EMPTY, context.language)
        lines = [_line(todo) for todo in todos]
        return "\n".join([_summary(todos, context.language), *lines])


def _summary(todos: Sequence[Todo], language: Language) -> str:
    done = sum(1 for todo in todos if todo.status == "completed")
    return words(_SUMMARY.fill(total=len(todos), done=done), language)


def _line(todo: Todo) -> str:
    conclusion = f" → {todo.conclusion}" if todo.conclusion else ""
    return f"{_MARKS[todo.status]} {todo.id}. {todo.content}{conclusion}"
