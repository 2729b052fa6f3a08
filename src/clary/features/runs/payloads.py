"""The run object (stream-runtime.md 6.1)."""

from datetime import UTC, datetime
from typing import Any

from clary.features.runs.policy import is_active
from clary.features.runs.tables import RunRow
from clary.kit.clock import wire_time


def run_object(run: RunRow, line_count: int) -> dict[str, Any]:
    """The wire shape; keys marked `?` in the contract are left out when empty."""
    shape: dict[str, Any] = {
        "run_id": run.run_id,
        "session_id": run.session_id,
        "root_run_id": run.root_run_id,
        "parent_run_id": run.parent_run_id,
        "agent_id": run.agent_id,
        "agent_name": run.agent_name,
        "agent_mode": run.agent_mode,
        "user_id": run.user_id,
        "endpoint": run.endpoint,
        "status": run.status,
        "end_reason": run.end_reason,
        "attached": run.attached,
        "waiting": _waiting(run.waiting) if is_active(run.status) else None,
        "generation": run.generation,
        "takeovers": run.takeovers,
        "line_count": line_count,
        "warnings": run.warnings,
        # While a run goes on its row also holds the sums that a takeover needs.
        "usage": run.usage.get("total_info", {}) if is_active(run.status) else run.usage,
        "cost": float(run.cost) if run.cost is not None else None,
        "currency": run.currency,
        "error_info": run.error_info,
        "created_at": wire_time(run.created_at),
        "started_at": wire_time(run.started_at),
        "ended_at": wire_time(run.ended_at),
    }
    return {key: value for key, value in shape.items() if value is not None}


def _waiting(row: dict[str, Any] | None) -> dict[str, Any] | None:
    """What a run waits for; the row counts in epoch seconds."""
    if row is None or row.get("expires_at") is None:
        return row
    return {**row, "expires_at": wire_time(datetime.fromtimestamp(row["expires_at"], UTC))}
