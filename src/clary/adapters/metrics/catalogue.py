"""The metrics there are, and what their labels may say."""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Literal, NamedTuple

Kind = Literal["counter", "histogram", "gauge"]
MOST_VALUES = 200
"""Different values of one label of one metric; every further one is `other`."""
OTHER = "other"


class Metric(NamedTuple):
    """One row of the contract's table."""

    kind: Kind
    help: str
    labels: tuple[str, ...] = ()
    buckets: tuple[float, ...] = ()


SHORT = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0)
LONG = (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0)
WEB = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 60.0)

METRICS: dict[str, Metric] = {
    "clary_build_info": Metric("gauge", "The version that runs; always 1.", ("version",)),
    "clary_ready": Metric("gauge", "1 while every check of readiness passes."),
    "clary_process_resident_memory_bytes": Metric("gauge", "Memory that this process holds."),
    "clary_http_requests_total": Metric("counter", "Answered requests.", ("route", "method", "status")),
    "clary_http_request_seconds": Metric("histogram", "From a request to the end of its answer.", ("route",), WEB),
    "clary_streams_open": Metric("gauge", "Streams that this process is sending.", ("kind",)),
    "clary_lines_total": Metric("counter", "Lines of runs made durable."),
    "clary_log_commit_seconds": Metric("histogram", "Commits of the event log.", (), SHORT),
    "clary_runs_active": Metric("gauge", "Root runs of the whole server.", ("state",)),
    "clary_runs_total": Metric("counter", "Runs that ended, children included.", ("status", "end_reason")),
    "clary_run_takeovers_total": Metric("counter", "Runs taken over from a process that was gone."),
    "clary_model_calls_total": Metric("counter", "Attempts to call a model.", ("model", "outcome")),
    "clary_model_first_token_seconds": Metric("histogram", "Until a model said something.", ("model",), LONG),
    "clary_model_tokens_total": Metric("counter", "Tokens; cached ones are part of input.", ("model", "kind")),
    "clary_model_cost_total": Metric("counter", "Money that calls cost.", ("currency",)),
    "clary_tool_calls_total": Metric("counter", "Calls of tools.", ("tool", "outcome")),
    "clary_tool_seconds": Metric("histogram", "Work of tools, without waiting for people.", ("tool",), LONG),
    "clary_jobs": Metric("gauge", "Jobs of the whole server.", ("kind", "state")),
    "clary_jobs_oldest_seconds": Metric("gauge", "How long the oldest waiting job has waited.", ("kind",)),
    "clary_tasks_total": Metric("counter", "Runs of scheduled tasks.", ("status",)),
    "clary_logins_total": Metric("counter", "Attempts to sign in.", ("method", "outcome")),
    "clary_budget_refusals_total": Metric("counter", "Calls and starts that a budget refused.", ("scope",)),
    "clary_audit_entries_total": Metric("counter", "Entries of the audit log."),
    "clary_outbound_blocked_total": Metric("counter", "Addresses that the outbound guard refused."),
    "clary_otlp_dropped_total": Metric("counter", "Spans that could not be exported."),
}
READ_ANEW = ("clary_runs_active", "clary_jobs", "clary_jobs_oldest_seconds")
"""Labelled gauges that the database answers at each reading."""


@dataclass(frozen=True, slots=True)
class Known:
    """What names people may not fill. `models`: names, or patterns with `*`."""

    models: Collection[str] = ()
    tools: Callable[[], Collection[str]] = tuple

    def model(self, name: str) -> str:
        """A model the operator knows by name; `other` for those of people's own providers."""
        is_known = any(name == each or ("*" in each and fnmatchcase(name, each)) for each in self.models)
        return name if is_known else OTHER

    def tool(self, name: str) -> str:
        """A built-in tool; all others come from servers."""
        return name if name in self.tools() else "mcp"
