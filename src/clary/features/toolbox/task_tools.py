"""list_tasks, get_task_details, add_task, update_task, enable_task, delete_task, complete_task (platform.md 15.3)."""

from typing import Any, ClassVar, Final

from clary.features.toolbox.definition import DefinedTool, Parameter, ToolDefinition
from clary.kit.text import Text
from clary.runtime.tools import TaskBook, ToolContext, ToolFailedError
from clary.runtime.toolset import words

DEFAULT_SHOWN: Final = 50
MAX_SHOWN: Final = 200
Json = dict[str, Any]

_NOT_HERE: Final = Text("当前不能使用定时任务", "Scheduled tasks cannot be used here")
_FOUND: Final = Text("找到 {count} 个任务", "{count} tasks found")
_SHOWN: Final = Text("任务详情", "The task")
_ADDED: Final = Text("任务已创建", "Task created")
_CHANGED: Final = Text("任务已更新", "Task changed")
_ON: Final = Text("任务已启用", "Task switched on")
_OFF: Final = Text("任务已停用", "Task switched off")
_DELETED: Final = Text("任务已删除", "Task deleted")
_COMPLETED: Final = Text("任务已完成", "Task completed")

_ID: Final = Parameter(
    "task_id", {"type": "string", "minLength": 1, "maxLength": 64}, Text("任务 id", "Id of the task"), required=True
)


def _text(name: str, longest: int, zh: str, en: str, *, required: bool = False) -> Parameter:
    return Parameter(name, {"type": "string", "minLength": 1, "maxLength": longest}, Text(zh, en), required=required)


def _fields(*, required: bool) -> tuple[Parameter, ...]:
    return (
        _text("name", 100, "任务名称", "Name of the task", required=required),
        _text(
            "description",
            20_000,
            "到时发送给智能体的消息",
            "The message that the agent is sent when it is time",
            required=required,
        ),
        _text("agent_id", 64, "执行任务的智能体 id", "Id of the agent that does it", required=required),
        _text(
            "schedule",
            256,
            "一次性任务为 ISO 时间；重复任务为五段 cron，或 @hourly、@daily、@weekly、@monthly",
            "An ISO time for once; cron with five fields, or @hourly, @daily, @weekly, @monthly, for again and again",
            required=required,
        ),
    )


class ListTasksTool(DefinedTool):
    """Lists the person's tasks."""

    definition: ClassVar[ToolDefinition] = ToolDefinition(
        name="list_tasks",
        description=Text("列出用户自己的定时任务。", "Lists the person's own scheduled tasks."),
        parameters=(
            Parameter(
                "task_type",
                {"type": "string", "enum": ["all", "once", "recurring"], "default": "all"},
                Text("任务类型", "Kind of task"),
            ),
            _text("status", 16, "任务状态", "How it stands"),
            _text("scheduled_after", 64, "下次执行不早于此 ISO 时间", "Next due not before this ISO time"),
            _text("scheduled_before", 64, "下次执行不晚于此 ISO 时间", "Next due not after this ISO time"),
            Parameter(
                "limit",
                {"type": "integer", "minimum": 1, "maximum": MAX_SHOWN, "default": DEFAULT_SHOWN},
                Text("最多返回的任务数，最多 200", "How many, at most 200"),
            ),
        ),
        effect="read",
    )

    async def run(self, arguments: Json, context: ToolContext) -> Json:
        """See `Tool.run`."""
        wanted = {name: value for name, value in arguments.items() if name != "limit"}
        found = await _book(context).list_tasks(wanted, int(arguments.get("limit", DEFAULT_SHOWN)))
        message = words(_FOUND.fill(count=len(found)), context.language)
        return {"success": True, "tasks": found, "message": message}


class GetTaskTool(DefinedTool):
    """Shows one task."""

    definition: ClassVar[ToolDefinition] = ToolDefinition(
        name="get_task_details",
        description=Text("查看一个定时任务。", "Shows one scheduled task."),
        parameters=(_ID,),
        effect="read",
    )

    async def run(self, arguments: Json, context: ToolContext) -> Json:
        """See `Tool.run`."""
        return _told(await _book(context).get_task(str(arguments["task_id"])), _SHOWN, context)


class AddTaskTool(DefinedTool):
    """Makes a task."""

    definition: ClassVar[ToolDefinition] = ToolDefinition(
        name="add_task",
        description=Text(
            "创建定时任务：到时以用户的名义向智能体发送一条消息。",
            "Makes a scheduled task: when it is time, the agent is sent a message in the person's name.",
        ),
        parameters=(
            *_fields(required=True),
            Parameter("is_recurring", {"type": "boolean"}, Text("是否重复执行", "Whether it comes again and again")),
            _text("timezone", 64, "IANA 时区名称", "IANA name of the time zone"),
        ),
        effect="external",
        parallel_safe=False,
    )

    async def run(self, arguments: Json, context: ToolContext) -> Json:
        """See `Tool.run`."""
        # A model that sends the default of the published signature with a cron text means nothing by it.
        wanted = {name: value for name, value in arguments.items() if (name, value) != ("is_recurring", False)}
        return _told(await _book(context).add_task(wanted), _ADDED, context)


class UpdateTaskTool(DefinedTool):
    """Changes a task."""

    definition: ClassVar[ToolDefinition] = ToolDefinition(
        name="update_task",
        description=Text("修改定时任务；未给出的字段不变。", "Changes a scheduled task; what is left out stays."),
        parameters=(
            _ID,
            *_fields(required=False),
            Parameter("enabled", {"type": "boolean"}, Text("是否启用", "Whether it is on")),
            Parameter(
                "max_retries",
                {"type": "integer", "minimum": 0, "maximum": 5},
                Text("失败后重试次数", "How often a failed run is tried again"),
            ),
        ),
        effect="external",
        parallel_safe=False,
    )

    async def run(self, arguments: Json, context: ToolContext) -> Json:
        """See `Tool.run`."""
        wanted = {name: value for name, value in arguments.items() if name != "task_id"}
        return _told(await _book(context).update_task(str(arguments["task_id"]), wanted), _CHANGED, context)


class EnableTaskTool(DefinedTool):
    """Switches a task on or off."""

    definition: ClassVar[ToolDefinition] = ToolDefinition(
        name="enable_task",
        description=Text("启用或停用定时任务。", "Switches a scheduled task on or off."),
        parameters=(_ID, Parameter("enabled", {"type": "boolean", "default": True}, Text("是否启用", "On or off"))),
        effect="external",
        parallel_safe=False,
    )

    async def run(self, arguments: Json, context: ToolContext) -> Json:
        """See `Tool.run`."""
        enabled = bool(arguments.get("enabled", True))
        task = await _book(context).enable_task(str(arguments["task_id"]), enabled=enabled)
        return _told(task, _ON if enabled else _OFF, context)


class DeleteTaskTool(DefinedTool):
    """Deletes a task."""

    definition: ClassVar[ToolDefinition] = ToolDefinition(
        name="delete_task",
        description=Text("删除定时任务及其执行记录。", "Deletes a scheduled task and the list of its runs."),
        parameters=(_ID,),
        effect="external",
        parallel_safe=False,
    )

    async def run(self, arguments: Json, context: ToolContext) -> Json:
        """See `Tool.run`."""
        return _told(await _book(context).delete_task(str(arguments["task_id"])), _DELETED, context)


class CompleteTaskTool(DefinedTool):
    """Makes a task completed."""

    definition: ClassVar[ToolDefinition] = ToolDefinition(
        name="complete_task",
        description=Text("将定时任务标记为完成，不再执行。", "Makes a scheduled task completed: it never runs again."),
        parameters=(_ID,),
        effect="external",
        parallel_safe=False,
    )

    async def run(self, arguments: Json, context: ToolContext) -> Json:
        """See `Tool.run`."""
        return _told(await _book(context).complete_task(str(arguments["task_id"])), _COMPLETED, context)


TaskTool = (
    ListTasksTool | GetTaskTool | AddTaskTool | UpdateTaskTool | EnableTaskTool | DeleteTaskTool | CompleteTaskTool
)


def task_tools() -> tuple[TaskTool, ...]:
    """All of them, in the order of product.md 6.2."""
    return (
        ListTasksTool(),
        GetTaskTool(),
        AddTaskTool(),
        UpdateTaskTool(),
        EnableTaskTool(),
        DeleteTaskTool(),
        CompleteTaskTool(),
    )


TASK_TOOLS: Final = tuple(tool.definition.name for tool in task_tools())


def _book(context: ToolContext) -> TaskBook:
    if context.tasks is None:
        raise ToolFailedError(words(_NOT_HERE, context.language), "PERMISSION_DENIED")
    return context.tasks


def _told(task: Json, message: Text, context: ToolContext) -> Json:
    return {"success": True, "task": task, "message": words(message, context.language)}
