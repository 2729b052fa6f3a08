"""What the loop does around every tool: reading arguments, wording failures, keeping results within bounds.

Pure functions on text and JSON values; they call no tool and write no file.
"""

import re
from collections.abc import Callable
from typing import Any, Final, Literal, NamedTuple, cast

import orjson

from clary.kit.json_text import ForbiddenTextError, MalformedJsonError, dumps_text, loads, loads_strict
from clary.kit.text import Text, cut
from clary.runtime.json_repair import repaired
from clary.runtime.messages import ToolSpec
from clary.runtime.schema_check import first_problem
from clary.runtime.tools import ToolFailedError

Language = Literal["zh", "en", "pt"]

MAX_RESULT_TOKENS: Final = 12_000
MAX_HIT_TEXT: Final = 1000
HIT_CUT_MARK: Final = "...[TRUNCATED]"
_HIT_FIELDS: Final = ("snippet", "description", "content")
_WIDE: Final = re.compile(
    "[\u1100-\u11ff\u2e80-\ua4cf\uac00-\ud7ff\uf900-\ufaff\ufe30-\ufe4f\uff00-\uffef\U00020000-\U0003ffff]"
)

_TYPES: Final = frozenset(("object", "array", "string", "number", "integer", "boolean", "null"))

_INVALID_JSON: Final = Text("参数不是合法的 JSON 对象", "The arguments are not a valid JSON object")
_UNUSABLE: Final = Text(
    "参数含有不可用的内容：空字符、过大的数字或过深的嵌套",
    "The arguments hold what no tool can take: a null character, too large a number or too many levels",
)
_MISSING: Final = Text("缺少必填参数: {names}", "Missing required parameters: {names}")
_INVALID: Final = Text("参数 {name} 无效: {reason}", "Parameter {name} is invalid: {reason}")
_CUT_NOTE: Final = Text(
    "\n…[已省略中间 {count} 个字符，完整内容见 {path}]…\n",
    "\n…[{count} characters left out here; the whole is in {path}]…\n",
)
_ITEMS_NOTE: Final = Text("列表已截短，完整内容见 {path}", "Lists were shortened; the whole is in {path}")


def words(text: Text, language: Language) -> str:
    """A text in the language of a run; Portuguese runs read English."""
    return text.zh if language == "zh" else text.en


# Arguments


def parse_arguments(raw_arguments: str) -> dict[str, Any] | None:
    """The arguments as an object, after at most one repair (stream-runtime.md 4.5 rule 5); None if unreadable.

    Empty text means no arguments: some providers send it so.
    """
    if not raw_arguments.strip():
        return {}
    parsed = _as_object(raw_arguments)
    return parsed if parsed is not None else _as_object(repaired(raw_arguments))


def check_arguments(spec: ToolSpec, raw_arguments: str, language: Language = "zh") -> dict[str, Any]:
    """The arguments of a call, checked against the tool's schema; defaults are not filled in.

    Harmless slips are accepted: numbers and booleans as text, whole numbers written as 3.0, JSON in a string where an
    array or object is wanted, null for an optional parameter. Keys the schema does not know stay, tools ignore them.

    Raises:
        ToolFailedError: `INVALID_JSON`, or `INVALID_ARGUMENTS` with `required_params` and `provided_params`.
    """
    arguments = parse_arguments(raw_arguments)
    if arguments is None:
        raise _unreadable(spec, raw_arguments, language)
    arguments = _with_harmless_slips_mended(arguments, spec)
    required = spec.required
    missing = [name for name in required if name not in arguments]
    problem = None if missing else first_problem(spec.parameters, arguments)
    if not missing and problem is None:
        return arguments
    if problem is None:
        message = words(_MISSING, language).replace("{names}", ", ".join(missing))
    else:
        message = words(_INVALID.fill(name=problem.place, reason=words(problem.reason, language)), language)
    raise ToolFailedError(message, "INVALID_ARGUMENTS", required_params=required, provided_params=list(arguments))


def is_object_text(raw: str) -> bool:
    """Whether a text is a JSON object."""
    try:
        return isinstance(loads(raw), dict)
    except ValueError:
        return False


def _unreadable(spec: ToolSpec, raw: str, language: Language) -> ToolFailedError:
    """Why arguments cannot be used. What is shown as the model wrote it was JSON (stream-runtime.md 4.5 rule 5)."""
    if not is_object_text(raw):
        return ToolFailedError(words(_INVALID_JSON, language), "INVALID_JSON")
    provided = [name for name in loads(raw) if "\0" not in name]
    return ToolFailedError(
        words(_UNUSABLE, language), "INVALID_ARGUMENTS", required_params=spec.required, provided_params=provided
    )


def _as_object(raw: str) -> dict[str, Any] | None:
    try:
        value = loads_strict(raw.encode())
    except (MalformedJsonError, ForbiddenTextError, UnicodeEncodeError):
        return None
    return cast("dict[str, Any]", value) if isinstance(value, dict) else None


def _with_harmless_slips_mended(arguments: dict[str, Any], spec: ToolSpec) -> dict[str, Any]:
    properties = spec.parameters.get("properties")
    if not isinstance(properties, dict):
        return arguments
    required = spec.required
    mended: dict[str, Any] = {}
    for name, value in arguments.items():
        wanted = _wanted_types(cast("dict[str, Any]", properties).get(name))
        if value is None and wanted and "null" not in wanted and name not in required:
            continue
        mended[name] = _mended(value, wanted)
    return mended


def _wanted_types(schema: Any) -> tuple[str, ...]:
    """The types a property names itself; empty where it does so in another way (`anyOf`, `$ref`, words of its own)."""
    wanted = cast("dict[str, Any]", schema).get("type") if isinstance(schema, dict) else None
    named = [str(each) for each in cast("list[Any]", wanted)] if isinstance(wanted, list) else [str(wanted)]
    return tuple(named) if _TYPES.issuperset(named) else ()


def _mended(value: Any, wanted: tuple[str, ...]) -> Any:
    if isinstance(value, float) and value.is_integer() and "integer" in wanted:
        return int(value)
    if not isinstance(value, str) or not wanted or "string" in wanted:
        return value
    text = value.strip()
    if "integer" in wanted and re.fullmatch(r"[+-]?\d{1,18}", text, re.ASCII):
        return int(text)
    if "number" in wanted and re.fullmatch(r"[+-]?\d{1,18}(\.\d{1,18})?", text, re.ASCII):
        return float(text)
    if "boolean" in wanted and text.lower() in ("true", "false"):
        return text.lower() == "true"
    if "null" in wanted and text in ("", "null"):
        return None
    return _mended_container(value, wanted)


def _mended_container(value: str, wanted: tuple[str, ...]) -> Any:
    kinds = {"array": list, "object": dict}
    if not any(kind in wanted for kind in kinds):
        return value
    try:
        parsed = loads_strict(value.encode())
    except (MalformedJsonError, ForbiddenTextError, UnicodeEncodeError):
        return value
    return parsed if any(isinstance(parsed, kinds[kind]) for kind in wanted if kind in kinds) else value


# Results


def error_content(error: ToolFailedError, tool_name: str) -> dict[str, Any]:
    """The result content of a failed call (stream-runtime.md 4.5 rule 4)."""
    return {
        "error": True,
        "error_type": error.error_type,
        "message": error.message,
        "tool_name": tool_name,
        **error.extra,
    }


def whole_result_path(call_id: str) -> str:
    """Where the whole of a result is that is shown cut; providers choose ids, so only plain characters survive."""
    name = "".join(char if char.isalnum() or char in "_-" else "_" for char in call_id)[:100]
    return f"/workspace/.clary/results/{name}.txt"


def estimate_tokens(text: str) -> int:
    """Roughly how many tokens a text is: one for a CJK character, one for four others."""
    if text.isascii():
        return (len(text) + 3) // 4
    others = len(_WIDE.sub("", text))
    return len(text) - others + (others + 3) // 4


class CappedResult(NamedTuple):
    """A result within bounds; `whole` is the text to store where the note points to, None if nothing was cut."""

    result: dict[str, Any] | str
    whole: str | None


def cap_result(
    result: dict[str, Any] | str, max_tokens: int, saved_path: str, language: Language = "zh"
) -> CappedResult:
    """A result of at most `max_tokens` estimated tokens (stream-runtime.md 9.5 "result size").

    Long strings are cut in the middle, with a note naming `saved_path`; if that is not enough, lists are shortened
    too; a result of a shape that still does not fit becomes `{"truncated", "content", "note"}`.
    """
    whole = result if isinstance(result, str) else dumps_text(result)
    if not _is_over(whole, max_tokens):
        return CappedResult(result, None)
    note = _CUT_NOTE.fill(path=saved_path)

    def shortened(text: str, tokens: int) -> str:
        return _cut_in_the_middle(text, tokens, words(note, language))

    if isinstance(result, str):
        return CappedResult(_largest(lambda size: shortened(result, size), max_tokens) or "", whole)
    smaller = _largest(lambda size: _mapped(result, lambda text: shortened(text, size)), max_tokens)
    if smaller is None:
        items_note = words(_ITEMS_NOTE.fill(path=saved_path), language)
        smaller = _largest(
            lambda items: {**_mapped(result, lambda text: shortened(text, 100), items), "note": items_note}, max_tokens
        )
    if smaller is None:
        smaller = _largest(lambda size: {"truncated": True, "content": shortened(whole, size)}, max_tokens)
    return CappedResult(smaller or {"truncated": True}, whole)


def _largest(make: Callable[[int], Any], max_tokens: int) -> Any:
    """The made value of the greatest size that fits, by bisection; None if none does."""
    best, low, high = None, 1, max_tokens
    while low <= high:
        size = (low + high) // 2
        made = make(size)
        if _is_over(made if isinstance(made, str) else dumps_text(made), max_tokens):
            high = size - 1
        else:
            best, low = made, size + 1
    return best


def _mapped(value: Any, change: Callable[[str], str], max_items: int | None = None) -> Any:
    """The value with every string changed and lists of at most `max_items`."""
    if isinstance(value, str):
        return change(value)
    if isinstance(value, dict):
        return {key: _mapped(item, change, max_items) for key, item in cast("dict[str, Any]", value).items()}
    if isinstance(value, list):
        return [_mapped(item, change, max_items) for item in cast("list[Any]", value)[:max_items]]
    return value


def _cut_in_the_middle(text: str, tokens: int, note: str) -> str:
    if not _is_over(text, tokens):
        return text
    head = _fitting(text[: 2 * tokens], tokens - tokens // 2)
    tail = _fitting(text[-2 * tokens :], tokens // 2)
    left_out = str(len(text) - head - tail)
    return text[:head] + note.replace("{count}", left_out) + (text[-tail:] if tail else "")


def _is_over(text: str, tokens: int) -> bool:
    # A token is one to four characters, so the length alone mostly tells; huge texts are never counted.
    if len(text) <= tokens:
        return False
    return len(text) > 4 * tokens or estimate_tokens(text) > tokens


def _fitting(window: str, tokens: int) -> int:
    """About how many characters of a window fit into `tokens`."""
    estimated = estimate_tokens(window)
    return len(window) if estimated <= tokens else len(window) * tokens // estimated


def wire_content(text: str) -> str | dict[str, Any]:
    """Result content as lines and history show it (stream-runtime.md 4.5 rule 3).

    An object if the outer text is a JSON object, else the text. Long texts in `results[]` items are cut.
    """
    content = parsed_content(text)
    if not isinstance(content, dict):
        return content
    results = content.get("results")
    if isinstance(results, list):
        content["results"] = [_with_hit_cut(item) for item in cast("list[Any]", results)]
    return content


def parsed_content(text: str) -> str | dict[str, Any]:
    """Result content as whoever calls a tool directly gets it: the same, uncut."""
    if not text.lstrip().startswith("{"):
        return text
    try:
        value = orjson.loads(text)
    except orjson.JSONDecodeError:
        return text
    return cast("dict[str, Any]", value) if isinstance(value, dict) else text


def _with_hit_cut(item: Any) -> Any:
    if not isinstance(item, dict):
        return item
    return {
        key: cut(value, MAX_HIT_TEXT, HIT_CUT_MARK) if key in _HIT_FIELDS and isinstance(value, str) else value
        for key, value in cast("dict[str, Any]", item).items()
    }
