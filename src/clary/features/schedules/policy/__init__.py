"""Rules of tasks that need nothing but values."""

from clary.features.schedules.policy.due import (
    GIVE_UP_AFTER,
    LATE,
    RETRY_MINUTES,
    DuePlan,
    plan_due,
    retry_delay,
    status_of,
)
from clary.features.schedules.policy.schedule import Reason, Schedule, read_schedule, read_zone

__all__ = [
    "GIVE_UP_AFTER",
    "LATE",
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
