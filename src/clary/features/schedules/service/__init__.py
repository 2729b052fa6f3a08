"""The door of the slice: tasks, their starts, the clock that starts them, and what agents may do with them."""

from clary.features.schedules.service.book import PersonalTasks, TaskBooks
from clary.features.schedules.service.notices import Notices
from clary.features.schedules.service.scheduler import Scheduler
from clary.features.schedules.service.starts import TaskStarts
from clary.features.schedules.service.tasks import TaskLimits, TaskService

__all__ = ["Notices", "PersonalTasks", "Scheduler", "TaskBooks", "TaskLimits", "TaskService", "TaskStarts"]
