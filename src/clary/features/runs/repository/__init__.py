"""Every SQL statement about runs."""

from clary.features.runs.repository.reports import DayOfRuns, RunFilters, RunReportRepository
from clary.features.runs.repository.runs import (
    RunRepository,
    add_warnings,
    change_run,
    end_children,
    finish_step,
    insert_step,
)

__all__ = [
    "DayOfRuns",
    "RunFilters",
    "RunReportRepository",
    "RunRepository",
    "add_warnings",
    "change_run",
    "end_children",
    "finish_step",
    "insert_step",
]
