"""Which step a request gets."""

import hashlib
import re
from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple, cast

import orjson

from clary.adapters.scripted_provider.script import Attempts, Fault, Step

_TAG = re.compile(r"\[\[play:([A-Za-z0-9_.-]{1,100})\]\]")
MAX_REMEMBERED: Final = 100_000


class Choice(NamedTuple):
    """A step and how it was found; `attempt` counts from 0 and only where a script has attempts."""

    step: Step
    script: str | None
    round: int
    attempt: int


class Chooser:
    """Knows the scripts and how often the same messages came."""

    def __init__(self, scripts: Mapping[str, Sequence[Step]], default: Step) -> None:
        self._scripts = scripts
        self._default = default
        self._attempts: dict[bytes, int] = {}

    def choose(self, body: Mapping[str, Any]) -> Choice:
        """The step for a request; an unknown script is a 400, so that a misspelt name shows."""
        messages = _messages(body)
        name, position = find_tag(messages)
        round_number = sum(1 for each in messages[position + 1 :] if each.get("tool_calls"))
        if name is None:
            step = self._default
        elif not self._scripts.get(name):
            message = f"no script is named {name}"
            return Choice(Fault("status", status=400, body={"error": {"message": message}}), name, round_number, 0)
        else:
            steps = self._scripts[name]
            step = steps[min(round_number, len(steps) - 1)]
        attempt = 0
        while isinstance(step, Attempts):
            attempt = self._count(messages)
            step = step.steps[min(attempt, len(step.steps) - 1)]
        return Choice(step, name, round_number, attempt)

    def _count(self, messages: list[dict[str, Any]]) -> int:
        """How often these messages came before; a retry sends equal ones."""
        key = hashlib.sha256(orjson.dumps(messages)).digest()
        seen = self._attempts.get(key, 0)
        if len(self._attempts) >= MAX_REMEMBERED:
            self._attempts.clear()
        self._attempts[key] = seen + 1
        return seen


def find_tag(messages: Sequence[Mapping[str, Any]]) -> tuple[str | None, int]:
    """The last tag of the last user message that has one, and where that message stands; else None and -1."""
    for position in range(len(messages) - 1, -1, -1):
        message = messages[position]
        if message.get("role") == "user":
            names = _TAG.findall(text_of(message.get("content")))
            if names:
                return names[-1], position
    return None, -1


def text_of(content: Any) -> str:
    """The text of a message's content, which is a text or a list of parts."""
    if isinstance(content, str):
        return content
    if not isinstance(content, list):
        return ""
    parts = [cast("dict[str, Any]", part) for part in cast("list[Any]", content) if isinstance(part, dict)]
    return "\n".join(str(part.get("text", "")) for part in parts if part.get("type") == "text")


def _messages(body: Mapping[str, Any]) -> list[dict[str, Any]]:
    messages: Any = body.get("messages")
    if not isinstance(messages, list):
        return []
    return [cast("dict[str, Any]", each) for each in cast("list[Any]", messages) if isinstance(each, dict)]
