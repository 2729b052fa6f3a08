"""The messages of a request: which are new, what they ask for, how they are stored (stream-runtime.md 3.3)."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import takewhile
from typing import Any, cast

from clary.db.session import Session
from clary.features.chat.control_tags import ControlTags, split_control_tags
from clary.features.chat.errors import MessagesEmptyError
from clary.features.chat.model_view import TAGGED_SKILLS
from clary.features.chat.payloads import ChatMessage, ChatRequest
from clary.features.conversations.service import (
    ConversationRow,
    MessageReader,
    MessageRole,
    MessageRow,
    NewMessage,
    is_named,
    text_of,
)
from clary.http.content import has_content, has_known_images, plain_content
from clary.http.problems import ValidationFailedError
from clary.kit import json_text
from clary.kit.ids import new_uuid
from clary.kit.text import Text, current_locale
from clary.runtime.messages import ToolCall
from clary.runtime.prompt import prompt_language
from clary.runtime.tool_runner import interrupted_result

_NO_USER = Text("messages: 最后一条消息必须是用户消息", "messages: the last message must be from the user")
_EMPTY = Text("messages: 用户消息内容不能为空", "messages: the user's content must not be empty")
_ROLE_ID = Text("messages: 只有用户消息可以被替换", "messages: only user messages can be replaced")
_ORPHAN = Text("messages: 工具消息必须紧跟其调用", "messages: a tool message must follow its call")
_IMAGE = Text("messages: 图片地址不被接受", "messages: this image address is not accepted")
_ID_TWICE = Text("messages: 消息 id 重复", "messages: two messages have the same id")
_CHILD = Text("session_id: 子会话不能直接发起对话", "session_id: a sub-session cannot be chatted with")
_TWICE = Text("messages: 工具调用 id 重复", "messages: two tool calls have the same id")


@dataclass(frozen=True, slots=True)
class Intake:
    """What a request's messages come to."""

    tags: ControlTags
    system_texts: tuple[str, ...]
    stored: tuple[NewMessage, ...]
    """New messages in order; those whose id is already in the conversation replace it."""
    sent_ids: frozenset[str]
    """Ids that the client chose."""
    query: str

    def with_skills(self, names: Sequence[str]) -> "Intake":
        """The same, with the skills that the tags load noted at the last user message."""
        if not names or not self.stored:
            return self
        last = self.stored[-1]
        noted = replace(last, metadata={**last.metadata, TAGGED_SKILLS: list(names)})
        return replace(self, stored=(*self.stored[:-1], noted))


def require_no_child(conversation: ConversationRow | None) -> None:
    """A child is never started by a request (stream-runtime.md 1).

    Raises:
        ValidationFailedError
    """
    if conversation is not None and conversation.parent_id is not None:
        raise _invalid(_CHILD)


def read_messages(messages: Sequence[ChatMessage], *, now: float, may_be_empty: bool = False) -> Intake:
    """Checks and normalises messages without looking at the conversation; none are needed while guidance is pending.

    Raises:
        MessagesEmptyError, ValidationFailedError
    """
    if not messages and may_be_empty:
        return Intake(ControlTags(), (), (), frozenset(), "")
    if not messages:
        raise MessagesEmptyError
    system_texts = tuple(text_of(plain_content(each.content)) for each in messages if each.role == "system")
    said = [each for each in messages if each.role != "system"]
    if not said or said[-1].role != "user":
        raise _invalid(_NO_USER)
    taken = _Taken(round(now, 3))
    for message in said:
        _require_known_images(message)
        taken.add(message)
    tags, stored = taken.tags, taken.messages
    ids = [each.message_id for each in said if each.message_id]
    if len(set(ids)) < len(ids):
        raise _invalid(_ID_TWICE)
    return Intake(tags, system_texts, tuple(stored), frozenset(ids), text_of(stored[-1].content)[:500])


async def require_own_words(db: Session, conversation: ConversationRow, intake: Intake) -> None:
    """Only a user message takes the place of a stored one, and only of a user message.

    Raises:
        ValidationFailedError
    """
    for message in intake.stored:
        # An id that was made here is new; only a client's own id can name a stored message.
        if message.message_id not in intake.sent_ids:
            continue
        known = await MessageReader(db).find_message(conversation.conversation_id, message.message_id)
        if known is not None and (known.role != "user" or message.role != "user"):
            raise _invalid(_ROLE_ID)


async def without_history(
    db: Session, conversation: ConversationRow, stored: Sequence[NewMessage]
) -> tuple[NewMessage, ...]:
    """Drops a leading run of messages that repeats the stored conversation from its start."""
    if len(stored) < 2 or conversation.user_count + conversation.agent_count == 0:
        return tuple(stored)
    history = _History(await MessageReader(db).list_messages(conversation.conversation_id))
    repeated = list(takewhile(history.goes_on_with, stored[:-1]))
    return tuple(stored[len(repeated) :])


class _History:
    """A stored conversation that is compared with a resent one, message by message."""

    def __init__(self, rows: Sequence[MessageRow]) -> None:
        self._calls = {str(call["id"]) for row in rows for call in row.tool_calls or []}
        self._texts = [row for row in rows if row.role in ("user", "assistant") and not row.tool_calls]
        self._at = 0

    def goes_on_with(self, message: NewMessage) -> bool:
        """Whether this message is the next of the conversation."""
        if message.role == "tool" or message.tool_calls:
            named = {message.tool_call_id} if message.role == "tool" else {c["id"] for c in message.tool_calls or []}
            return named <= self._calls
        while self._at < len(self._texts):
            row = self._texts[self._at]
            is_same = (row.role, text_of(row.content)) == (message.role, text_of(message.content))
            # A client that resends answers only leaves out reasoning, notices and void attempts.
            may_be_left_out = row.role == "assistant" and (row.type != "do_subtask_result" or _is_void(row))
            if not is_same and not may_be_left_out:
                return False
            self._at += 1
            if is_same:
                return True
        return False


def _is_void(row: MessageRow) -> bool:
    return bool(row.details.get("superseded"))


async def without_known(
    db: Session, conversation: ConversationRow, stored: Sequence[NewMessage], sent_ids: frozenset[str]
) -> list[NewMessage]:
    """The new messages; one with a known id takes that message's place instead (see `require_own_words`)."""
    reader, new = MessageReader(db), list[NewMessage]()
    for message in stored:
        # An id that was made here is new; only a client's own id can name a stored message.
        known = None
        if message.message_id in sent_ids:
            known = await reader.find_message(conversation.conversation_id, message.message_id)
        if known is None:
            new.append(message)
            continue
        known.content = message.content
        known.details = message.metadata
        known.folded = text_of(message.content).casefold()
        known.updated_at = message.timestamp
        await reader.drop_summaries(conversation.conversation_id, known.row_id)
    return new


class _Taken:
    """Messages on their way in, in the shape in which history has them."""

    def __init__(self, now: float) -> None:
        self._now = now
        self._open: dict[str, ToolCall] = {}
        self.tags = ControlTags()
        self.messages: list[NewMessage] = []

    def add(self, message: ChatMessage) -> None:
        """Takes one; the tags of the last user message count.

        Raises:
            ValidationFailedError
        """
        if message.role == "tool":
            self._add_result(message)
            return
        self._answer_open_calls()
        if message.role == "assistant":
            self._add_answer(message)
            return
        content, self.tags = untagged(plain_content(message.content))
        if not has_content(content):
            raise _invalid(_EMPTY)
        # What the server notes itself is read back later; clients do not write it.
        metadata = {key: value for key, value in message.metadata.items() if key != TAGGED_SKILLS}
        self._put(message.message_id, "user", "normal", content, metadata=metadata)

    def _add_answer(self, message: ChatMessage) -> None:
        """Text and calls of a seeded answer are messages of their own, one call each (4.4)."""
        content, own_id = plain_content(message.content), message.message_id
        response_id = new_uuid() if message.tool_calls else None
        if has_content(content):
            kind = "reasoning_content" if message.type == "reasoning_content" else "do_subtask_result"
            metadata = dict(message.metadata)
            self._put(own_id, "assistant", kind, content, metadata=metadata, response_id=response_id)
            own_id = None
        for call in message.tool_calls:
            if call.id in self._open:
                raise _invalid(_TWICE)
            self._open[call.id] = ToolCall(call.id, call.function.name, call.function.arguments)
            calls = [{"id": call.id, "type": "function", "function": call.function.model_dump()}]
            self._put(own_id, "assistant", "tool_call", None, tool_calls=calls, response_id=response_id)
            own_id = None

    def _add_result(self, message: ChatMessage) -> None:
        call = self._open.pop(message.tool_call_id or "", None)
        if call is None:
            raise _invalid(_ORPHAN)
        content = plain_content(message.content)
        more = {"tool_call_id": call.id, "model_text": text_of(content), "metadata": dict(message.metadata)}
        self._put(message.message_id, "tool", "tool_call_result", content or " ", **more)

    def _answer_open_calls(self) -> None:
        """Every call has a result; nobody will ever run one that a client only told of."""
        for call in self._open.values():
            done = interrupted_result(call, new_uuid(), prompt_language(current_locale.get()))
            more = {"tool_call_id": call.id, "is_error": True, "model_text": done.model_text}
            self._put(done.message_id, "tool", "tool_call_result", done.content, **more)
        self._open.clear()

    def _put(self, message_id: str | None, role: MessageRole, kind: str, content: Any, **more: Any) -> None:
        self.messages.append(NewMessage(message_id or new_uuid(), role, kind, content, self._now, **more))


def _require_known_images(message: ChatMessage) -> None:
    if not has_known_images(message.content):
        raise _invalid(_IMAGE)


def untagged(content: Any) -> tuple[Any, ControlTags]:
    """Plain content without its leading control tags, and what they ask for."""
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


def _invalid(text: Text) -> ValidationFailedError:
    return ValidationFailedError(text.render(current_locale.get()))


def content_hash_of(endpoint: str, request: ChatRequest) -> str:
    """What makes two requests the same: endpoint, session id if sent, agent, messages (6.8)."""
    content = [
        endpoint,
        request.session_id,
        request.agent_id,
        [message.model_dump(mode="json") for message in request.messages],
    ]
    return hashlib.sha256(json_text.dumps(content)).hexdigest()


def first_user_of(conversation: ConversationRow, stored: Sequence[NewMessage]) -> NewMessage | None:
    """The first message from the user, which names a conversation that has neither yet."""
    if conversation.user_count or is_named(conversation):
        return None
    return next((each for each in stored if each.role == "user"), None)
