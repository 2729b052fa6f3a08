"""Pure decisions: what a stored message is, what counts, what can be searched, how a title is made."""

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple, cast

from clary.kit import json_text

MessageRole = Literal["user", "assistant", "tool", "system"]

UNSTORED_TYPES = frozenset(
    {
        "token_usage",
        "tool_progress",
        "error",
        "stream_end",
        "sandbox_approval_requested",
        "sandbox_approval_resolved",
    }
)
"""Lines that are never history (stream-runtime.md 8)."""

HIDDEN = "hidden_from_chat"
"""Metadata key of messages that are stored but never shown, found or counted (stream-runtime.md 8)."""

APPROVAL_CALL = "approval_"
"""What the ids of calls begin with that ask for an approval; nobody but the owner sees them (stream-runtime.md 8)."""

TITLE_CHARACTERS = 50
EMPTY_TITLE = "新会话"
SNIPPET_CHARACTERS = 160
SNIPPET_BEFORE = 40
_REPLY, _REPLY_END = "<questionnaire-response>", "</questionnaire-response>"
ANSWER_TYPES = frozenset({"do_subtask_result", "final_answer"})
_LINE_BREAK = re.compile("\r\n|[\n\r\v\f\x85\u2028\u2029]")


@dataclass(frozen=True, slots=True)
class NewMessage:
    """A message about to be stored; the fields are those of the wire (stream-runtime.md 4.2)."""

    message_id: str
    role: MessageRole
    type: str
    content: Any
    timestamp: float
    tool_calls: list[dict[str, Any]] | None = None
    tool_call_id: str | None = None
    is_error: bool = False
    agent_name: str | None = None
    metadata: dict[str, Any] = field(default_factory=dict[str, Any])
    error_info: dict[str, Any] | None = None
    response_id: str | None = None
    model_text: str | None = None
    hidden_from_model: bool = False


class CitedPassage(NamedTuple):
    """What a citation says of a passage; `[start, end)` in characters of the document's text (product.md 5.10)."""

    kdb_id: str
    doc_id: str
    doc_segment_id: str
    title: str
    page: int | None
    start: int
    end: int


def text_of(content: Any) -> str:
    """The text of string or part content; text parts are joined by a blank."""
    if isinstance(content, str):
        return content
    if isinstance(content, list):
        parts = [cast("dict[str, Any]", part) for part in cast("list[Any]", content) if isinstance(part, dict)]
        return " ".join(str(part.get("text", "")) for part in parts if part.get("type") == "text")
    return ""


def counts_of(message: NewMessage) -> tuple[int, int]:
    """(user messages, assistant messages with text) that this message adds; reasoning is no answer."""
    if message.metadata.get(HIDDEN):
        return 0, 0
    if message.role == "user":
        return 1, 0
    has_text = message.role == "assistant" and bool(message.content) and message.type != "reasoning_content"
    return 0, int(has_text)


def folded_text(message: NewMessage) -> str:
    """What a search looks at: user and assistant text, not tool output, not reasoning."""
    hidden = message.type == "reasoning_content" or bool(message.metadata.get(HIDDEN))
    if message.role not in ("user", "assistant") or hidden:
        return ""
    return text_of(message.content).casefold()


def title_from(content: Any) -> str:
    """First 50 characters of the first user text, `...` if cut (stream-runtime.md 3.3)."""
    text = " ".join(in_words(text_of(content)).split())
    if not text:
        return EMPTY_TITLE
    return text if len(text) <= TITLE_CHARACTERS else text[:TITLE_CHARACTERS] + "..."


def in_words(text: str) -> str:
    """A text with the replies to inline questionnaires, which clients send in a tag, as lines of words (9.12)."""
    pieces: list[str] = []
    at = 0
    while (start := text.find(_REPLY, at)) >= 0 and (end := text.find(_REPLY_END, start)) >= 0:
        pieces += [text[at:start], _reply_in_words(text[start + len(_REPLY) : end])]
        at = end + len(_REPLY_END)
    return "".join([*pieces, text[at:]])


def _reply_in_words(reply: str) -> str:
    """What only looks like a reply stays as it is."""
    try:
        read: Any = json_text.loads(reply)
    except ValueError:
        return _REPLY + reply + _REPLY_END
    answers: Any = cast("dict[str, Any]", read).get("answers") if isinstance(read, dict) else None
    listed = cast("list[Any]", answers) if isinstance(answers, list) else []
    given = [cast("dict[str, Any]", each) for each in listed if isinstance(each, dict)]
    lines = [
        f"{each.get('question') or each.get('question_id') or ''}: {_answer(each.get('answer'))}" for each in given
    ]
    return "\n".join(lines) or _REPLY + reply + _REPLY_END


def _answer(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(str(each) for each in cast("list[Any]", value))
    return "" if value is None else str(value)


def clean_title(title: str) -> str:
    """A person's title: line breaks become blanks, the ends are trimmed, NFC (product.md 1, 2.1)."""
    return unicodedata.normalize("NFC", _LINE_BREAK.sub(" ", title).strip())


def search_words(search: str) -> tuple[str, ...]:
    """The folded words of a search, without those that lie within another one."""
    words = sorted(set(search.casefold().split()), key=len, reverse=True)
    kept: list[str] = []
    for word in words:
        if not any(word in longer for longer in kept):
            kept.append(word)
    return tuple(kept)


def snippet_of(text: str, words: Sequence[str]) -> str | None:
    """At most 160 characters around the first hit, on one line; None when no word occurs."""
    plain = " ".join(text.split())
    folded = plain.casefold()
    hits = [at for at in (folded.find(word) for word in words) if at >= 0]
    if not hits:
        return None
    hit = min(hits) if len(folded) == len(plain) else _unfolded(plain, min(hits))
    start = max(0, min(hit - SNIPPET_BEFORE, len(plain) - SNIPPET_CHARACTERS))
    return plain[start : start + SNIPPET_CHARACTERS]


def _unfolded(plain: str, folded_at: int) -> int:
    """Where a place of the folded text lies in the plain one; folding makes some characters longer."""
    length = 0
    for at, char in enumerate(plain):
        length += len(char.casefold())
        if length > folded_at:
            return at
    return len(plain)
