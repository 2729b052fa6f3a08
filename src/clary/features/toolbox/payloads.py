"""Wire shapes of `/api/tools` (product.md 6.1)."""

from collections.abc import Mapping
from typing import Annotated, Any, cast

from pydantic import AliasChoices, BeforeValidator, Field

from clary.features.toolbox.ports import ForeignTool
from clary.http.payload import Payload
from clary.kit.text import Text
from clary.runtime.messages import ToolSpec
from clary.runtime.toolset import Language, words

Json = dict[str, Any]
_ABSENT = frozenset({"", "null", "undefined", "None", "[object Object]"})


def present(value: Any) -> Any:
    """The value, or None for the words that clients send in place of nothing (product.md 1)."""
    return None if isinstance(value, str) and value.strip() in _ABSENT else value


Id = Annotated[str | None, BeforeValidator(present), Field(default=None)]


class ExecuteRequest(Payload):
    """One direct call. `user_id` counts for admins only."""

    tool_name: str = Field(min_length=1, max_length=256)
    tool_params: dict[str, Any] = Field(validation_alias=AliasChoices("tool_params", "arguments"))
    agent_id: Id
    session_id: Id
    user_id: Id


def built_in_item(
    spec: ToolSpec, *, group: str | None, unavailable_reason: Text | None, language: Language
) -> dict[str, Any]:
    """A built-in tool in the list; `group` of those that count as built-in services."""
    return {
        "name": spec.name,
        "description": spec.description,
        **_schema_fields(spec.parameters),
        "type": "basic" if group is None else "sage_mcp",
        "source": "基础工具" if group is None else f"内置MCP: {group}",
        "user_id": "",
        "effect": spec.effect,
        "available": unavailable_reason is None,
        "unavailable_reason": None if unavailable_reason is None else words(unavailable_reason, language),
        "original_name": spec.name,
        "server_name": None,
        "state": None,
    }


def foreign_item(tool: ForeignTool) -> dict[str, Any]:
    """A tool of an MCP server in the list."""
    return {
        "name": tool.name,
        "description": tool.description or tool.original_name or tool.name,
        **_schema_fields(tool.input_schema),
        "type": "mcp",
        "source": f"MCP Server: {tool.server_name}",
        "user_id": tool.owner_id,
        "effect": tool.effect,
        "available": tool.unavailable_reason is None,
        "unavailable_reason": tool.unavailable_reason,
        "original_name": tool.original_name,
        "server_name": tool.server_name,
        "state": tool.state,
    }


def _schema_fields(schema: Mapping[str, Any]) -> Json:
    """`parameters`: the properties alone, each with a type, a description and whether it is required."""
    properties = schema.get("properties")
    known = cast("Json", properties) if isinstance(properties, dict) else {}
    required = [str(name) for name in cast("list[Any]", schema.get("required") or []) if name in known]
    return {
        "parameters": {name: _parameter(each, is_required=name in required) for name, each in known.items()},
        "required": required,
        "input_schema": dict(schema),
    }


def _parameter(schema: Any, *, is_required: bool) -> Json:
    fields = cast("Json", schema) if isinstance(schema, dict) else {}
    return {"type": "any", "description": "", **fields, "required": is_required}
