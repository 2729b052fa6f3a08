"""What is wrong with a value of a request, as one reason in both languages (platform.md 1.2 `validation_error`)."""

from collections.abc import Mapping
from typing import Any, cast

from clary.kit.text import Text, TextError

_INVALID = "取值无效"

_CHINESE: dict[str, str] = {
    "missing": "缺少必填字段",
    "extra_forbidden": "不允许的字段",
    "string_type": "应为字符串",
    "string_pattern_mismatch": "格式不正确",
    "int_parsing": "应为整数",
    "int_type": "应为整数",
    "int_from_float": "应为整数",
    "float_parsing": "应为数字",
    "float_type": "应为数字",
    "finite_number": "应为有限的数字",
    "bool_parsing": "应为布尔值",
    "bool_type": "应为布尔值",
    "dict_type": "应为对象",
    "list_type": "应为数组",
    "model_type": "应为对象",
    "model_attributes_type": "应为对象",
    "string_too_short": "长度不足",
    "string_too_long": "长度超限",
    "too_short": "元素过少",
    "too_long": "元素过多",
    "greater_than_equal": "数值过小",
    "less_than_equal": "数值过大",
    "greater_than": "数值过小",
    "less_than": "数值过大",
}


def reason_of(entry: Mapping[str, Any]) -> Text:
    """The reason of one entry of the framework's list: our own words where it holds them, else those of its type."""
    kind, details = str(entry["type"]), cast("Mapping[str, Any]", entry.get("ctx") or {})
    if isinstance(own := details.get("error"), TextError):
        return own.text
    english = str(entry["msg"]).removeprefix("Value error, ")
    if kind in ("literal_error", "enum"):
        choices = str(details.get("expected", "")).replace(" or ", " 或 ").replace(", ", "、")
        return Text(f"应为 {choices}" if choices else _INVALID, english)
    return Text(_CHINESE.get(kind, _INVALID), english)
