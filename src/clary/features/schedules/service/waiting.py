"""Which of a task's open starts keep another one waiting (platform.md 15.3)."""

from collections.abc import Sequence

from clary.features.schedules.tables import TaskRunRow


def is_running(open_starts: Sequence[TaskRunRow]) -> bool:
    """Whether a run of the task goes on."""
    return any(each.status == "running" for each in open_starts)


def is_in_the_way(open_starts: Sequence[TaskRunRow]) -> bool:
    """Whether a time that comes now waits or is passed over: a run goes on, or an earlier time waits for its turn.

    Another attempt that waits for its minute is neither: between two attempts nothing runs.
    """
    return any(each.status == "running" or each.trigger != "retry" for each in open_starts)
