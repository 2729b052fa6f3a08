"""The door of the slice."""

from clary.features.runs.policy import MAX_FRUITLESS_TAKEOVERS, Endpoint, EndReason, StopReason, is_active, status_of
from clary.features.runs.repository import (
    RunFilters,
    RunRepository,
    add_warnings,
    change_run,
    end_children,
    finish_step,
    insert_step,
)
from clary.features.runs.service.reports import RunRecord, RunReports
from clary.features.runs.service.runs import RunService
from clary.features.runs.tables import IdempotencyKeyRow, RunRow, RunStepRow

__all__ = [
    "MAX_FRUITLESS_TAKEOVERS",
    "EndReason",
    "Endpoint",
    "IdempotencyKeyRow",
    "RunFilters",
    "RunRecord",
    "RunReports",
    "RunRepository",
    "RunRow",
    "RunService",
    "RunStepRow",
    "StopReason",
    "add_warnings",
    "change_run",
    "end_children",
    "finish_step",
    "insert_step",
    "is_active",
    "status_of",
]
