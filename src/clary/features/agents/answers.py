"""Reads what a model wrote when it was asked for an agent: leniently in form, strictly in what it must hold (3.6)."""

import json
import unicodedata
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar, cast

from clary.kit import json_text
from clary.runtime.json_repair import repaired

MAX_PROMPT_BYTES = 64 * 1024
MAX_NAME = 100
SECTIONS = (
    "role",
    "skills",
    "tool_guidance",
    "content_preference",
    "format_preference",
    "terminology",
    "constraints",
)
Json = dict[str, Any]
T = TypeVar("T")
Reader = Callable[[Json], T | None]
"""Makes something of an answer's object; None when the object does not hold what was asked for."""


@dataclass(frozen=True, slots=True)
class DraftedAgent:
    """What a model thought of an agent."""

    name: str
    description: str
    system_prefix: str
    tools: list[str]
    workflows: dict[str, list[str]]


@dataclass(frozen=True, slots=True)
class OptimizedPrompt:
    """Better instructions, and what was done to them."""

    text: str
    analysis: dict[str, str]
    sections: dict[str, str]


@dataclass(frozen=True, slots=True)
class Ability:
    """Something to ask an agent for."""

    title: str
    description: str
    prompt_text: str


def read_answer(text: str, reader: Reader[T]) -> T | None:
    """What an answer says; text around the object, fences and small faults of its JSON are forgiven."""
    start = text.find("{")
    if start < 0:
        return None
    for candidate in (_first_value(text, start), repaired(text[start : text.rfind("}") + 1]), repaired(text[start:])):
        try:
            found: Any = json_text.loads_strict(candidate.encode())
        except ValueError:
            continue
        return reader(cast("Json", found)) if isinstance(found, dict) else None
    return None


def _first_value(text: str, start: int) -> str:
    """The JSON value that begins there, without what follows it; "" when none does."""
    try:
        _, end = json.JSONDecoder().raw_decode(text, start)
    except (ValueError, RecursionError):
        return ""
    return text[start:end]


def drafted_agent(usable: Collection[str]) -> Reader[DraftedAgent]:
    """Needs name and instructions. Only usable tools are kept."""

    def read(answer: Json) -> DraftedAgent | None:
        name, prefix = clean_name(_text(answer.get("name"))), _text(answer.get("systemPrefix"))
        if not name or not _is_prompt(prefix):
            return None
        tools = [each for each in _texts(answer.get("availableTools")) if each in usable]
        description = _text(answer.get("description"))[:2000]
        return DraftedAgent(name, description, prefix, list(dict.fromkeys(tools)), _workflows(answer))

    return read


def optimized_prompt(answer: Json) -> OptimizedPrompt | None:
    """Needs the instructions; every section is there, empty where the model named none."""
    text = _text(answer.get("optimized_prompt"))
    if not _is_prompt(text):
        return None
    said, parts = _mapping(answer.get("analysis")), _mapping(answer.get("sections"))
    analysis = {key[:100]: _joined(value)[:500] for key, value in list(said.items())[:8]}
    return OptimizedPrompt(text, analysis, {name: _joined(parts.get(name)) for name in SECTIONS})


def abilities(answer: Json) -> list[Ability] | None:
    """Needs one item with title and message; six at most are kept."""
    found: list[Ability] = []
    listed = answer.get("items")
    for item in cast("list[Any]", listed) if isinstance(listed, list) else []:
        fields = _mapping(item)
        title, message = _text(fields.get("title"))[:100], _text(fields.get("promptText"))[:4000]
        if title and message:
            found.append(Ability(title, _text(fields.get("description"))[:500], message))
    return found[:6] or None


def clean_name(text: str) -> str:
    """A name as an agent may have it."""
    shown = "".join(char if unicodedata.category(char) != "Cc" else " " for char in text)
    return unicodedata.normalize("NFC", " ".join(shown.split()))[:MAX_NAME].strip()


def numbered_name(name: str, taken: Collection[str]) -> str:
    """The name, or the first of `name 2`, `name 3` … that is free."""
    free, number = name, 2
    while free in taken:
        mark = f" {number}"
        free, number = name[: MAX_NAME - len(mark)].rstrip() + mark, number + 1
    return free


def _workflows(answer: Json) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for name, steps in list(_mapping(answer.get("availableWorkflows")).items())[:50]:
        kept = [step[:2000] for step in _texts(steps)[:100]]
        if name.strip() and len(name) <= 100 and kept:
            found[name] = kept
    return found


def _is_prompt(text: str) -> bool:
    return bool(text) and len(text.encode()) <= MAX_PROMPT_BYTES


def _text(value: Any) -> str:
    return value.strip() if isinstance(value, str) else ""


def _texts(value: Any) -> Sequence[str]:
    listed = cast("list[Any]", value) if isinstance(value, list) else []
    return [each.strip() for each in listed if isinstance(each, str) and each.strip()]


def _mapping(value: Any) -> Mapping[str, Any]:
    return cast("Json", value) if isinstance(value, dict) else {}


def _joined(value: Any) -> str:
    """A text; a list of texts becomes one with lines."""
    return "\n".join(_texts(value)) if isinstance(value, list) else _text(value)
