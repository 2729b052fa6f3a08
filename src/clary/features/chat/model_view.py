"""From stored messages to what the model sees (stream-runtime.md 9.4)."""

from collections.abc import Mapping, Sequence
from typing import Any, cast

from clary.features.conversations.service import MessageRow, in_words
from clary.runtime.call_steps import LOAD_SKILL
from clary.runtime.context import Entry
from clary.runtime.messages import (
    AssistantMessage,
    ImagePart,
    ModelMessage,
    TextPart,
    ToolCall,
    ToolMessage,
    UserMessage,
)
from clary.runtime.skill_texts import skill_entry
from clary.runtime.tool_runner import PendingCall
from clary.runtime.toolset import parse_arguments

UNSEEN_TYPES = frozenset({"reasoning_content", "normal", "query_suggest"})
COMPACTION_TOOL = "compress_conversation_history"
TAGGED_SKILLS = "clary_skills"
"""Metadata key of a user message that is the server's own: skills that its tags loaded (stream-runtime.md 3.4)."""


def entries_of(
    rows: Sequence[MessageRow],
    *,
    run_id: str,
    accepts_images: bool,
    after_row: int = 0,
    skill_texts: Mapping[str, str] | None = None,
) -> list[Entry]:
    """Messages of a conversation as entries; rows up to `after_row` are represented by a summary.

    The texts of loaded skills follow what loaded them; those that a summary covers stand at the beginning.
    """
    asked_at = _asked_at(rows, run_id)
    grouped: list[Entry] = []
    texts = skill_texts or {}
    loads = loaded_skills(rows) if texts else {}
    open_response: tuple[str, int] | None = None
    waiting: list[Entry] = []
    for row in rows:
        if row.row_id <= after_row:
            grouped += _skills(loads, row, texts)
            continue
        if not is_seen(row):
            continue
        if row.role != "tool":
            # Results follow their calls without anything between.
            grouped += waiting
            waiting.clear()
        ours = row.run_id == run_id and row.row_id >= asked_at
        if row.role == "assistant" and row.response_id and open_response and row.response_id == open_response[0]:
            at = open_response[1]
            grouped[at] = Entry(_joined(grouped[at].message, row), row.row_id, ours)
            continue
        grouped.append(Entry(_message(row, accepts_images=accepts_images), row.row_id, ours))
        waiting += _skills(loads, row, texts)
        open_response = (row.response_id, len(grouped) - 1) if row.response_id and row.role == "assistant" else None
    return [*grouped, *waiting]


def _asked_at(rows: Sequence[MessageRow], run_id: str) -> int:
    """The row that a run answers. What a client seeds before it came with the run and is no work of it (3.3)."""
    asked = (
        row.row_id for row in rows if row.run_id == run_id and row.role == "user" and not row.details.get("injected")
    )
    return max(asked, default=0)


def loaded_skills(rows: Sequence[MessageRow]) -> dict[int, list[str]]:
    """Names of the skills that each row loaded: results of `load_skill`, and user messages with tags."""
    asked: dict[str, str] = {}
    found: dict[int, list[str]] = {}
    for row in rows:
        for call in _calls(row):
            if call.name == LOAD_SKILL:
                asked[call.id] = str((parse_arguments(call.arguments) or {}).get("skill_name", "")).strip()
        if row.role == "tool" and not row.is_error and row.tool_call_id in asked:
            found[row.row_id] = [asked[row.tool_call_id]]
        elif row.role == "user" and row.details.get(TAGGED_SKILLS):
            found[row.row_id] = [str(name) for name in row.details[TAGGED_SKILLS]]
    return found


def _skills(loads: Mapping[int, Sequence[str]], row: MessageRow, texts: Mapping[str, str]) -> list[Entry]:
    return [skill_entry(name, texts[name]) for name in loads.get(row.row_id, ()) if name in texts]


def open_calls(rows: Sequence[MessageRow], *, run_id: str, begun: frozenset[str]) -> list[PendingCall]:
    """Announced calls of a run that have no result, in the model's order."""
    answered = {row.tool_call_id for row in rows if row.role == "tool"}
    found: list[PendingCall] = []
    for row in rows:
        if row.run_id != run_id or _is_draft(row) or row.hidden_from_model:
            continue
        for call in _calls(row):
            if call.id not in answered:
                found.append(PendingCall(call, "maybe_begun" if call.id in begun else "new"))
    return found


def is_seen(row: MessageRow) -> bool:
    """Whether the model is shown a message (stream-runtime.md 9.4)."""
    details = row.details
    if row.hidden_from_model or row.error_info is not None or _is_draft(row):
        return False
    if row.role == "user":
        # Its metadata is the client's own and says nothing to the server.
        return True
    if details.get("superseded") or details.get("tool_name") == COMPACTION_TOOL:
        return False
    return row.role == "tool" or (row.role == "assistant" and row.type not in UNSEEN_TYPES)


def _is_draft(row: MessageRow) -> bool:
    """Whether a call was never announced whole: only its fragments have an `index`."""
    return any("index" in call for call in row.tool_calls or [])


def _message(row: MessageRow, *, accepts_images: bool) -> ModelMessage:
    if row.role == "tool":
        return ToolMessage(row.tool_call_id or "", row.model_text if row.model_text is not None else str(row.content))
    if row.role == "assistant":
        return AssistantMessage(row.content if isinstance(row.content, str) else "", tuple(_calls(row)))
    return UserMessage(user_content(row.content, accepts_images=accepts_images))


def _joined(message: ModelMessage, row: MessageRow) -> AssistantMessage:
    assert isinstance(message, AssistantMessage)
    text = message.text + (row.content if isinstance(row.content, str) else "")
    return AssistantMessage(text, (*message.tool_calls, *_calls(row)), message.reasoning)


def _calls(row: MessageRow) -> list[ToolCall]:
    return [
        ToolCall(str(call["id"]), str(call["function"]["name"]), str(call["function"]["arguments"]))
        for call in row.tool_calls or []
    ]


def user_content(content: Any, *, accepts_images: bool) -> str | tuple[TextPart | ImagePart, ...]:
    """What the person said as the model sees it; images only where the model takes them."""
    if isinstance(content, str):
        return in_words(content)
    parts: list[TextPart | ImagePart] = []
    for part in cast("list[dict[str, Any]]", content):
        if part.get("type") == "text":
            parts.append(TextPart(in_words(str(part.get("text", "")))))
        elif accepts_images:
            parts.append(ImagePart(str(part["image_url"]["url"])))
        else:
            # A model without image input is told that there was one (3.3).
            parts.append(TextPart("[image: " + image_name(str(part["image_url"]["url"])) + "]"))
    return tuple(parts)


def image_name(url: str) -> str:
    """How a picture is spoken of in place of itself."""
    return "inline" if url.startswith("data:") else url.partition("?")[0].rsplit("/", 1)[-1][:80]
