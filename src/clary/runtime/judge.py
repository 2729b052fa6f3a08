"""The small judge that decides whether an answer ends a run whose task list is still open (stream-runtime.md 9.3)."""

import re
from collections.abc import Sequence
from typing import Literal

from clary.kit import json_text
from clary.runtime.context import Entry
from clary.runtime.messages import AssistantMessage, ModelMessage, SystemMessage, UserMessage
from clary.runtime.tools import Todo

Verdict = Literal["done", "need_user_input", "blocked", "continue"]

PROMPT = (
    "You decide whether an agent may stop. Given its task list and its last answer, reply with one JSON object only: "
    '{"status": "done" | "need_user_input" | "blocked" | "continue", "reason": "…"}. '
    "done: the work is finished. need_user_input: it waits for the user. blocked: it cannot go on. "
    "continue: open items remain that it can do itself now."
)
_OBJECT = re.compile(r"\{.*\}", re.DOTALL)
_LAST_ANSWER_CHARACTERS = 4000


def judge_messages(entries: Sequence[Entry], todos: Sequence[Todo]) -> list[ModelMessage]:
    """The judge's input: task list and last answer, nothing else."""
    last = next(
        (
            entry.message.text
            for entry in reversed(entries)
            if isinstance(entry.message, AssistantMessage) and entry.message.text
        ),
        "",
    )
    listed = "\n".join(f"- [{item.status}] {item.content}" for item in todos)
    return [
        SystemMessage(PROMPT),
        UserMessage(f"Task list:\n{listed}\n\nLast answer:\n{last[-_LAST_ANSWER_CHARACTERS:]}"),
    ]


def read_verdict(text: str) -> Verdict:
    """The judge's word; `done` when it cannot be read."""
    found = _OBJECT.search(text)
    if found is None:
        return "done"
    try:
        status = json_text.loads(found.group())["status"]
    except (ValueError, KeyError, TypeError):
        return "done"
    return status if status in ("need_user_input", "blocked", "continue") else "done"
