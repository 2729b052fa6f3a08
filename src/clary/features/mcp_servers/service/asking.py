"""Questions of a server to the person (product.md 8.6): a form becomes a questionnaire, or is declined."""

import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, cast

from clary.features.mcp_servers.policy import without_hidden
from clary.features.mcp_servers.ports import Elicit
from clary.kit import json_text
from clary.kit.text import cut

Json = dict[str, Any]
Ask = Callable[[str, Sequence[Json]], Awaitable[Mapping[str, Any] | None]]
"""Puts a questionnaire: title and questions (stream-runtime.md 9.12); the answers by question id, None for none."""

MAX_QUESTIONS = 20
MAX_TITLE = 500
MAX_DEFAULT = 1000
_SECRET = re.compile(
    r"pass(?!age|enger|ive)|secret|token|credential|api.?key|private.?key|\bpin\b|\botp\b|\bcvv?\b|card.?number|\bssn\b"
    r"|密码|口令|密钥|令牌|验证码|卡号",
    re.IGNORECASE,
)


def elicit_by(ask: Ask | None, server: str) -> Elicit:
    """What a call under way answers to questions of its server."""

    async def elicit(message: str, schema: Json) -> Json | None:
        questions = questions_of(schema)
        if ask is None or questions is None or _SECRET.search(message):
            return None
        answers = await ask(cut(f"{server}: {without_hidden(message)}", MAX_TITLE), questions)
        return None if answers is None else content_of(schema, answers)

    return elicit


def questions_of(schema: Json) -> list[Json] | None:
    """The questions of a form; None where it asks for a secret, for an address, or in a way nobody could answer."""
    properties: Any = schema.get("properties")
    if not isinstance(properties, dict) or not 1 <= len(cast("Json", properties)) <= MAX_QUESTIONS:
        return None
    found: list[Json] = []
    for name, field in cast("Json", properties).items():
        question = _question(name, cast("Json", field)) if isinstance(field, dict) else None
        if question is None:
            return None
        found.append(question)
    return found


def content_of(schema: Json, answers: Mapping[str, Any]) -> Json | None:
    """Answers in the types the form asks for; None when one is missing that has to be there."""
    content: Json = {}
    for name, field in cast("Json", schema["properties"]).items():
        value = _typed(cast("Json", field), answers.get(name))
        if value is not None:
            content[name] = value
    required: Any = schema.get("required")
    return content if all(name in content for name in required or ()) else None


def _question(name: str, field: Json) -> Json | None:
    words = " ".join(str(field.get(key) or "") for key in ("title", "description"))
    # Boundaries of words are no help in names like `apiToken` or `user_pin`.
    if _SECRET.search(re.sub(r"[_-]", " ", f"{name} {words}")) or field.get("format") in ("uri", "password"):
        return None
    title = cut(without_hidden(str(field.get("title") or field.get("description") or name)), MAX_TITLE)
    asked = _asked(field)
    if asked is None:
        return None
    default = _default(field.get("default"), asked)
    return {"id": name, "title": title, **asked, **({} if default is None else {"default": default})}


def _asked(field: Json) -> Json | None:
    """How a field is asked for: the type of the question, and its options."""
    options = _options(field)
    if options is not None:
        return {"type": "single_choice", "options": options}
    match field.get("type"):
        case "boolean":
            return {"type": "single_choice", "options": [_option("true"), _option("false")]}
        case "array":
            items: Any = field.get("items")
            many = _options(cast("Json", items)) if isinstance(items, dict) else None
            return None if many is None else {"type": "multiple_choice", "options": many}
        case "string" | "number" | "integer":
            return {"type": "text"}
        case _:
            return None


def _default(default: Any, asked: Json) -> str | list[str] | None:
    """The default that a form names, as an answer; None where it is none: the question is put without one."""
    listed = cast("list[Any]", default) if isinstance(default, list) else [default]
    if not all(isinstance(each, str | int | float) for each in listed):
        return None
    named = [json_text.spelled(each) for each in listed]
    if asked["type"] == "multiple_choice":
        return named if _are_options(named, asked) else None
    if isinstance(default, list) or (asked["type"] == "single_choice" and not _are_options(named, asked)):
        return None
    return named[0] if len(named[0]) <= MAX_DEFAULT else None


def _are_options(named: Sequence[str], asked: Json) -> bool:
    return {option["value"] for option in asked["options"]}.issuperset(named)


def _options(field: Json) -> list[Json] | None:
    listed: Any = field.get("oneOf") or field.get("anyOf")
    if isinstance(listed, list):
        choices = [cast("Json", each) for each in cast("list[Any]", listed) if isinstance(each, dict)]
        return [
            _option(json_text.spelled(each["const"]), str(each.get("title") or json_text.spelled(each["const"])))
            for each in choices
            if "const" in each
        ]
    values: Any = field.get("enum")
    return (
        [_option(json_text.spelled(value)) for value in cast("list[Any]", values)] if isinstance(values, list) else None
    )


def _option(value: str, label: str = "") -> Json:
    return {"label": cut(without_hidden(label or value), 200), "value": value}


def _typed(field: Json, value: Any) -> Any:
    if value is None:
        return None
    match field.get("type"):
        case "boolean":
            return str(value).lower() == "true"
        case "array":
            return [str(each) for each in cast("list[Any]", value)] if isinstance(value, list) else [str(value)]
        case "integer" | "number":
            try:
                number = float(str(value))
            except ValueError:
                return None
            return int(number) if field["type"] == "integer" and number.is_integer() else number
        case _:
            return str(value)
