"""What passes for a number or a boolean in a body, and nothing else (platform.md 1.3)."""

import math
from typing import Any, Final, cast

from pydantic_core import CoreSchema, PydanticKnownError, core_schema

BOOLEANS: Final = frozenset(("true", "false", "1", "0"))
NOT_SCHEMAS: Final = frozenset(("metadata", "serialization", "function", "cls", "config", "default", "expected"))
"""Keys of a schema under which nothing is validated by another one."""


def narrowed(schema: CoreSchema) -> CoreSchema:
    """The same schema, whose numbers take no booleans, and whose booleans take none of the library's other words."""
    return cast("CoreSchema", _narrowed(schema))


def _narrowed(part: Any) -> Any:
    if isinstance(part, list | tuple):
        items = cast("list[Any] | tuple[Any, ...]", part)
        return type(items)(_narrowed(item) for item in items)
    if not isinstance(part, dict):
        return part
    given = cast("dict[str, Any]", part)
    copy = {key: value if key in NOT_SCHEMAS else _narrowed(value) for key, value in given.items()}
    check = {"int": _whole_number, "float": _number, "bool": _boolean}.get(str(copy.get("type")))
    return copy if check is None else core_schema.no_info_before_validator_function(check, cast("CoreSchema", copy))


def _whole_number(value: Any) -> Any:
    if isinstance(value, bool):
        raise PydanticKnownError("int_type")
    return value


def _number(value: Any) -> Any:
    if isinstance(value, bool):
        raise PydanticKnownError("float_type")
    if isinstance(value, str) and _is_endless(value):
        raise PydanticKnownError("float_parsing")
    return value


def _boolean(value: Any) -> Any:
    if isinstance(value, str) and value.lower() not in BOOLEANS:
        raise PydanticKnownError("bool_parsing")
    return value


def _is_endless(text: str) -> bool:
    try:
        return not math.isfinite(float(text))
    except ValueError:
        return False
