"""Rules of tasks that need nothing but values."""

from clary.features.schedules.policy.due import (
    COMPLETED,
    FAILED,
    GIVE_UP_AFTER,
    LATE,
    LONGEST_RETRY,
    RAN,
    RETRY_MINUTES,
    DuePlan,
    plan_due,
    retry_delay,
    status_of,
)
from clary.features.schedules.policy.schedule import Reason, Schedule, read_schedule, read_zone

__all__ = [
    "COMPLETED",
    "FAILED",
    "GIVE_UP_AFTER",
    "LATE",
    "LONGEST_RETRY",
    "RAN",
    "RETRY_MINUTES",
    "DuePlan",
    "Reason",
    "Schedule",
    "plan_due",
    "read_schedule",
    "read_zone",
    "retry_delay",
    "status_of",
]
