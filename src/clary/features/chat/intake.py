"""The messages of a request: which are new, what they ask for, how they are stored (stream-runtime.md 3.3)."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast

from clary.db.session import Session
from clary.features.chat.control_tags import ControlTags, split_control_tags
from clary.features.chat.errors import MessagesEmptyError
from clary.features.chat.payloads import ChatMessage
from clary.features.conversations.service import (
    ConversationRow,
    MessageReader,
    MessageRow,
    NewMessage,
    text_of,
)
from clary.http.problems import ValidationFailedError
from clary.kit.ids import new_uuid
from clary.kit.text import Text, current_locale

MAX_DATA_URL = 14 * 1024 * 1024
MAX_METADATA_BYTES = 4096

_NO_USER = Text("messages: 最后一条消息必须是用户消息", "messages: the last message must be from the user")
_EMPTY = Text("messages: 用户消息内容不能为空", "messages: the user's content must not be empty")
_ROLE_ID = Text("messages: 只有用户消息可以被替换", "messages: only user messages can be replaced")
_ORPHAN = Text("messages: 工具消息必须紧跟其调用", "messages: a tool message must follow its call")
_IMAGE = Text("messages: 图片地址不被接受", "messages: this image address is not accepted")
_METADATA = Text("messages: metadata 过大", "messages: metadata is too large")


@dataclass(frozen=True, slots=True)
class Intake:
    """What a request's messages come to."""

    tags: ControlTags
    system_texts: tuple[str, ...]
    stored: tuple[NewMessage, ...]
    """New messages in order; those whose id is already in the conversation replace it."""
    query: str


def read_messages(messages: Sequence[ChatMessage], *, now: float) -> Intake:
    """Checks and normalises messages without looking at the conversation.

    Raises:
        MessagesEmptyError, ValidationFailedError
    """
    if not messages:
        raise MessagesEmptyError
    system_texts = tuple(text_of(_plain(each.content)) for each in messages if each.role == "system")
    said = [each for each in messages if each.role != "system"]
    if not said or said[-1].role != "user":
        raise _invalid(_NO_USER)
    tags = ControlTags()
    stored: list[NewMessage] = []
    for position, message in enumerate(said):
        _require_sound(message, said[position - 1] if position else None, stored)
        new, tags = _new_message(message, now)
        stored.append(new)
    return Intake(tags, system_texts, tuple(stored), text_of(stored[-1].content)[:500])


async def without_history(
    db: Session, conversation: ConversationRow, stored: Sequence[NewMessage]
) -> tuple[NewMessage, ...]:
    """Drops a leading run of messages without ids that repeats the stored conversation from its start."""
    if len(stored) < 2 or conversation.user_count + conversation.agent_count == 0:
        return tuple(stored)
    rows = [row for row in await MessageReader(db).list_messages(conversation.conversation_id) if _compared(row)]
    same = 0
    for new, row in zip(stored[:-1], rows, strict=False):
        if new.role != row.role or text_of(new.content) != text_of(row.content):
            break
        same += 1
    return tuple(stored[same:])


async def without_known(
    db: Session, conversation: ConversationRow, stored: Sequence[NewMessage], sent_ids: frozenset[str]
) -> list[NewMessage]:
    """The new messages; a user message with a known id takes that message's place instead.

    Raises:
        ValidationFailedError: the id belongs to a message that is not the user's.
    """
    reader, new = MessageReader(db), list[NewMessage]()
    for message in stored:
        # An id that was made here is new; only a client's own id can name a stored message.
        known = None
        if message.message_id in sent_ids:
            known = await reader.find_message(conversation.conversation_id, message.message_id)
        if known is None:
            new.append(message)
            continue
        if known.role != "user" or message.role != "user":
            raise _invalid(_ROLE_ID)
        known.content = message.content
        known.details = message.metadata
        known.folded = text_of(message.content).casefold()
        known.updated_at = message.timestamp
    return new


def _compared(row: MessageRow) -> bool:
    """Only what a client resends: user texts and answers."""
    return row.role == "user" or (row.role == "assistant" and row.type == "do_subtask_result")


def _new_message(message: ChatMessage, now: float) -> tuple[NewMessage, ControlTags]:
    content, tags = _plain(message.content), ControlTags()
    if message.role == "user":
        content, tags = _untagged(content)
        if not _has_content(content):
            raise _invalid(_EMPTY)
    seeded_calls = message.tool_calls if message.role == "assistant" else None
    kinds = {"user": "normal", "assistant": "do_subtask_result", "tool": "tool_call_result"}
    new = NewMessage(
        message_id=message.message_id or new_uuid(),
        role=message.role,
        type="tool_call" if seeded_calls else kinds[message.role],
        content=content,
        timestamp=round(now, 3),
        tool_calls=seeded_calls,
        tool_call_id=message.tool_call_id if message.role == "tool" else None,
        metadata=dict(message.metadata),
        model_text=text_of(content) if message.role == "tool" else None,
    )
    return new, tags


def _require_sound(message: ChatMessage, before: ChatMessage | None, stored: Sequence[NewMessage]) -> None:
    if len(str(message.metadata)) > MAX_METADATA_BYTES:
        raise _invalid(_METADATA)
    if message.role == "tool":
        known = {call.get("id") for each in stored for call in each.tool_calls or []}
        if before is None or before.role not in ("assistant", "tool") or message.tool_call_id not in known:
            raise _invalid(_ORPHAN)
    if isinstance(message.content, list):
        for part in message.content:
            url = part.image_url.url if part.image_url is not None else None
            if url is not None and not _acceptable(url):
                raise _invalid(_IMAGE)


def _acceptable(url: str) -> bool:
    if url.startswith("data:"):
        return url.startswith("data:image/") and len(url) <= MAX_DATA_URL
    return url.startswith(("https://", "/workspace/", "/sage-workspace/", "/api/oss/object/"))


def _plain(content: Any) -> Any:
    """Content as JSON: a string, or parts with only the keys of their type."""
    if content is None or isinstance(content, str):
        return content or ""
    return [_part(part) for part in content]


def _part(part: Any) -> dict[str, Any]:
    if part.type == "text":
        return {"type": "text", "text": part.text or ""}
    return {"type": "image_url", "image_url": {"url": part.image_url.url if part.image_url else ""}}


def _untagged(content: Any) -> tuple[Any, ControlTags]:
    if isinstance(content, str):
        found = split_control_tags(content)
        return found.text, found.tags
    parts = [dict(part) for part in cast("list[dict[str, Any]]", content)]
    for part in parts:
        if part["type"] == "text":
            found = split_control_tags(str(part["text"]))
            part["text"] = found.text
            return parts, found.tags
    return parts, ControlTags()


def _has_content(content: Any) -> bool:
    if isinstance(content, str):
        return bool(content.strip())
    parts = cast("list[dict[str, Any]]", content)
    return any(part["type"] == "image_url" or str(part.get("text", "")).strip() for part in parts)


def _invalid(text: Text) -> ValidationFailedError:
    return ValidationFailedError(text.render(current_locale.get()))
