"""Schemas of tools in the words every provider takes.

Tools of strangers call types what their language calls them. A provider that reads one word it does not know refuses
the whole request, so that one such tool would end every run that has it. Arguments come back as the model wrote them,
and are checked against the schema as it was written.
"""

from collections.abc import Mapping
from typing import Any, Final, cast

Json = dict[str, Any]

_TYPES: Final[dict[str, str]] = {
    **{name: name for name in ("object", "array", "string", "number", "integer", "boolean", "null")},
    **dict.fromkeys(("dict", "map", "mapping", "struct", "record"), "object"),
    **dict.fromkeys(("list", "tuple", "set", "sequence"), "array"),
    **dict.fromkeys(("str", "text", "char", "date", "datetime", "uuid", "bytes"), "string"),
    **dict.fromkeys(("float", "double", "decimal"), "number"),
    **dict.fromkeys(("int", "long", "int32", "int64"), "integer"),
    "bool": "boolean",
    "none": "null",
}
_MAPS: Final = frozenset({"properties", "patternProperties", "$defs", "definitions", "dependentSchemas"})
_LISTS: Final = frozenset({"anyOf", "oneOf", "allOf", "prefixItems"})
_NESTED: Final = frozenset(
    {"items", "additionalProperties", "not", "if", "then", "else", "contains", "propertyNames", "additionalItems"}
)


def clean_schema(schema: Mapping[str, Any]) -> Json:
    """Parameters of a tool: an object with properties, every type by its name in JSON Schema; all else as it is."""
    cleaned = {**_cleaned(schema), "type": "object"}
    if not isinstance(cleaned.get("properties"), dict):
        cleaned["properties"] = {}
    if "required" in cleaned and not isinstance(cleaned["required"], list):
        del cleaned["required"]
    return cleaned


def _cleaned(schema: Mapping[str, Any]) -> Json:
    found: Json = {}
    for key, value in schema.items():
        if key == "type":
            value = _known(value)
            if value is None:
                # Without a type anything goes, which is what the word may have meant.
                continue
        elif key in _MAPS and isinstance(value, dict):
            value = {name: _nested(each) for name, each in cast("Json", value).items()}
        elif key in _NESTED or (key in _LISTS and isinstance(value, list)):
            value = _nested(value)
        found[key] = value
    return found


def _nested(value: Any) -> Any:
    if isinstance(value, list):
        return [_nested(each) for each in cast("list[Any]", value)]
    return _cleaned(cast("Json", value)) if isinstance(value, dict) else value


def _known(value: Any) -> str | list[str] | None:
    """The name or names in JSON Schema; None where there is none."""
    if isinstance(value, str):
        return _TYPES.get(value.strip().lower())
    if not isinstance(value, list):
        return None
    known = [_known(each) for each in cast("list[Any]", value) if isinstance(each, str)]
    return [each for each in dict.fromkeys(known) if isinstance(each, str)] or None
