"""Leading control tags of a user message (stream-runtime.md 3.4)."""

import re
from dataclasses import dataclass
from typing import Literal, NamedTuple, cast

Level = Literal["minimal", "low", "medium", "high", "xhigh", "max"]

_TAG = re.compile(
    r"\s*<(?P<name>enable_plan|enable_deep_thinking|thinking_level|skill)>(?P<value>[^<>]{1,128})</(?P=name)>",
    re.IGNORECASE,
)
_BOOLEANS = {"true": True, "false": False}
_LEVELS = frozenset({"minimal", "low", "medium", "high", "xhigh", "max"})


@dataclass(frozen=True, slots=True)
class ControlTags:
    """What the tags asked for; None where there was none."""

    enable_plan: bool | None = None
    deep_thinking: bool | None = None
    thinking_level: Level | None = None
    skills: tuple[str, ...] = ()


class Untagged(NamedTuple):
    """The tags, and the text without them."""

    tags: ControlTags
    text: str


def split_control_tags(text: str) -> Untagged:
    """Reads leading tags in any order; the last of a kind wins; a malformed tag and all after it are ordinary text."""
    plan: bool | None = None
    thinking: bool | None = None
    level: Level | None = None
    skills: list[str] = []
    position = 0
    while found := _TAG.match(text, position):
        name, value = found["name"].lower(), found["value"].strip()
        lowered = value.lower()
        if name == "skill":
            skills.append(value)
        elif name == "thinking_level" and lowered in _LEVELS:
            level = cast("Level", lowered)
        elif name == "enable_plan" and lowered in _BOOLEANS:
            plan = _BOOLEANS[lowered]
        elif name == "enable_deep_thinking" and lowered in _BOOLEANS:
            thinking = _BOOLEANS[lowered]
        else:
            break
        position = found.end()
    rest = text[position:].lstrip() if position else text
    return Untagged(ControlTags(plan, thinking, level, tuple(skills)), rest)
