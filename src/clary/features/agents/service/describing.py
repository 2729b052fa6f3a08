"""AgentConfigDTO from rows and from the built-in agent."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any, cast

from clary.features.agents.payloads import AgentResponse, AgentWarning, WarningReason
from clary.features.agents.policy import BUILT_IN_ID, AgentLimits, Remark, built_in_configuration, shown
from clary.features.agents.ports import AgentAccess
from clary.features.agents.repository import configuration_of
from clary.features.agents.tables import AgentRow
from clary.features.permissions.service import Identity, decide
from clary.kit.clock import wire_time


def access_of(row: AgentRow, identity: Identity) -> AgentAccess:
    """Why the caller sees a row: what was read is seen, so neither owner nor admin means that it was granted."""
    decision = decide(identity, "read", owner_id=row.owner_id)
    return cast("AgentAccess", decision.rule) if decision.allowed else "use"


def describe_row(row: AgentRow, remarks: Iterable[Remark], identity: Identity) -> AgentResponse:
    """A saved agent as the caller sees it."""
    return _response(
        configuration_of(row),
        agent_id=row.id,
        owner_id=row.owner_id,
        access=access_of(row, identity),
        version=row.version,
        times=(row.created_at, row.updated_at),
        remarks=remarks,
    )


def describe_built_in(limits: AgentLimits) -> AgentResponse:
    """`default_agent`."""
    return _response(
        built_in_configuration(limits),
        agent_id=BUILT_IN_ID,
        owner_id="",
        access="builtin",
        version=1,
        times=(None, None),
        remarks=(),
    )


def warnings_of(remarks: Iterable[Remark]) -> list[AgentWarning]:
    """Remarks on the wire."""
    return [
        AgentWarning(field=each.field, value=each.value, reason=cast("WarningReason", each.reason)) for each in remarks
    ]


def _response(
    configuration: dict[str, Any],
    *,
    agent_id: str,
    owner_id: str,
    access: AgentAccess,
    version: int,
    times: tuple[datetime | None, datetime | None],
    remarks: Iterable[Remark],
) -> AgentResponse:
    created_at, updated_at = times
    return AgentResponse.model_validate(
        {
            **shown(configuration),
            "id": agent_id,
            "user_id": owner_id,
            "access": access,
            "version": version,
            "created_at": wire_time(created_at),
            "updated_at": wire_time(updated_at),
            "warnings": warnings_of(remarks),
        }
    )
