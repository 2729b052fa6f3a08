"""Rows as the API shows them (product.md 8.2)."""

from typing import Any

from clary.features.mcp_servers.errors import REASONS
from clary.features.mcp_servers.payloads import ServerResponse
from clary.features.mcp_servers.policy import (
    changes_between,
    compare,
    hides_something,
    offered,
    shown_description,
    shown_schema,
    without_hidden,
)
from clary.features.mcp_servers.ports import Listing
from clary.features.mcp_servers.service.vault import McpVault
from clary.features.mcp_servers.tables import McpServerRow
from clary.kit.clock import wire_time

Json = dict[str, Any]
Warnings = list[dict[str, str]]
MAX_SHOWN_NAME = 128


def state_of(row: McpServerRow) -> str:
    """The state as it is told: what a person switched off is nothing else."""
    return "disabled" if row.disabled else row.state


def error_of(row: McpServerRow) -> str | None:
    """The fixed reason of the last failure, in the caller's language."""
    text = next((text for kind, text in REASONS.items() if kind == row.error_kind), None)
    return None if text is None else text.render()


def describe(row: McpServerRow, *, vault: McpVault, has_token: bool) -> ServerResponse:
    """Server of 8.2; secrets as masks, also for administrators."""
    api_key, headers = vault.masks(row)
    return ServerResponse(
        name=row.name,
        protocol=row.protocol,
        disabled=row.disabled,
        streamable_http_url=row.url if row.protocol == "streamable_http" else None,
        sse_url=row.url if row.protocol == "sse" else None,
        api_key=api_key,
        user_id=row.owner_id,
        description=row.description,
        headers=headers,
        auth=row.auth,
        authorized=row.auth != "oauth" or has_token,
        state=state_of(row),
        error=error_of(row),
        error_kind=row.error_kind,
        tool_count=len(offered(row.pin, row.waiting)),
        hash=row.pinned_hash,
        pending_hash=row.pending_hash,
        last_checked_at=wire_time(row.last_checked_at),
        created_at=wire_time(row.created_at),
        updated_at=wire_time(row.updated_at),
    )


def describe_tools(row: McpServerRow, names: dict[str, str]) -> Json:
    """Pinned tools beside what the server was seen to offer last; `names`: wire names by the server's."""
    seen = row.waiting or row.pin or {"tools": [], "instructions": ""}
    tools = [
        {
            "name": each.name,
            "wire_name": names.get(each.name),
            **_shown(each.shown),
            "change": each.change,
            "pinned": None if each.pinned is None else _shown(each.pinned),
        }
        for each in compare(row.pin, seen)
    ]
    extras = row.extras or {"resources": [], "prompts": []}
    return {
        "server_name": row.name,
        "state": state_of(row),
        "hash": row.pinned_hash,
        "pending_hash": row.pending_hash,
        "tools": tools,
        "resources": extras["resources"],
        "prompts": extras["prompts"],
        "instructions": without_hidden(seen["instructions"]),
    }


def _shown(tool: Json) -> Json:
    return {
        "description": shown_description(tool["description"]),
        "input_schema": shown_schema(tool["input_schema"]),
        "annotations": tool["annotations"],
    }


def changes_of(row: McpServerRow) -> list[Json]:
    """How the last look differs from the pin."""
    return changes_between(row.pin, row.waiting) if row.pin is not None and row.waiting is not None else []


def warnings_about(listing: Listing) -> Warnings:
    """Tools that were left out, and texts that hid something."""
    found: Warnings = [_warning(name, "invalid_definition") for name in listing.left_out]
    found += [_warning(str(tool["name"]), "hidden_characters") for tool in listing.tools if hides_something(tool)]
    if without_hidden(listing.instructions) != listing.instructions:
        found.append({"field": "instructions", "value": "", "reason": "hidden_characters"})
    return found


def _warning(name: str, reason: str) -> dict[str, str]:
    return {"field": "tools", "value": without_hidden(name)[:MAX_SHOWN_NAME], "reason": reason}


def audited(row: McpServerRow) -> Json:
    """What the audit log says about a row: never a secret."""
    return {
        "name": row.name,
        "protocol": row.protocol,
        "url": row.url,
        "auth": row.auth,
        "description": row.description,
        "disabled": row.disabled,
    }
