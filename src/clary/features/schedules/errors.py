"""What can be refused about tasks (platform.md 15.3).

ProblemError
├── InvalidRequestError  ScheduleInvalidError, SchedulerOffError
├── NotFoundError        TaskNotFoundError
└── ConflictError        TaskLimitError, TaskBusyError
"""

from clary.errors import ConflictError, InvalidRequestError, NotFoundError
from clary.kit.text import Text


class TaskNotFoundError(NotFoundError):
    """No such task for this caller; unknown, deleted and foreign ones read alike."""

    slug = "task_not_found"
    code = 404
    http_status = 200
    text = Text("任务不存在", "Task not found")


class ScheduleInvalidError(InvalidRequestError):
    """The text names no time, or one that cannot be used."""

    slug = "schedule_invalid"
    code = 400
    http_status = 200
    text = Text("计划时间无效: {reason}", "Schedule is not valid: {reason}")

    def __init__(self, reason: Text) -> None:
        super().__init__()
        self.message = Text(self.text.zh.format(reason=reason.zh), self.text.en.format(reason=reason.en))


class TaskLimitError(ConflictError):
    """The person has as many tasks as may be."""

    slug = "task_limit"
    code = 409
    http_status = 200
    text = Text("任务数量已达上限", "Too many tasks")


class TaskBusyError(ConflictError):
    """A run of the task goes on."""

    slug = "task_busy"
    code = 409
    http_status = 200
    text = Text("任务正在运行", "Task is running")


class SchedulerOffError(InvalidRequestError):
    """The server has no scheduler (`CLARY_SCHEDULER=off`)."""

    slug = "scheduler_off"
    code = 400
    http_status = 200
    text = Text("定时任务未启用", "Scheduled tasks are switched off")
