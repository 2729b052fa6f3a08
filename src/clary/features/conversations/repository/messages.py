"""The message store: what commits with lines, and what is read for history and for the model.

The functions that take a `Connection` run in the event log's transaction (see `streams.ports.Write`).
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, cast

from sqlalchemy import bindparam, delete, insert, select, update
from sqlalchemy.engine import Connection
from sqlalchemy.ext.asyncio import AsyncSession

from clary.db.columns import table_of
from clary.features.conversations.policy import HIDDEN, MessageRole, NewMessage, counts_of, folded_text
from clary.features.conversations.tables import CompactionRow, ConversationRow, MessageRow

# Built once: to build one of these costs several times what SQLite takes to run it.
CONVERSATIONS = table_of(ConversationRow)
OF_CONVERSATION = CONVERSATIONS.c.conversation_id == bindparam("of_conversation")
ADD_MESSAGE = insert(table_of(MessageRow))
ADD_COMPACTION = insert(table_of(CompactionRow))
MOVE_COUNTS = (
    update(CONVERSATIONS)
    .where(OF_CONVERSATION)
    .values(
        user_count=CONVERSATIONS.c.user_count + bindparam("users"),
        agent_count=CONVERSATIONS.c.agent_count + bindparam("agents"),
    )
)
TOUCH = update(CONVERSATIONS).where(OF_CONVERSATION).values(updated_at=bindparam("moment"))
LIST_MESSAGES = (
    select(MessageRow)
    .where(MessageRow.conversation_id == bindparam("of_conversation"), MessageRow.archived.is_(False))
    .order_by(MessageRow.row_id)
)
ROW_OF_MESSAGE = select(MessageRow.row_id).where(
    MessageRow.conversation_id == bindparam("of_conversation"), MessageRow.message_id == bindparam("of_message")
)
LATEST_COMPACTION = (
    select(CompactionRow)
    .where(CompactionRow.conversation_id == bindparam("of_conversation"))
    .order_by(CompactionRow.compaction_id.desc())
    .limit(1)
)


MANY_HIDDEN = 100
"""Hidden messages are few; nobody reads a whole conversation for the last one that is not."""


def add_message(connection: Connection, conversation_id: int, run_id: str, message: NewMessage) -> None:
    """Stores a message and moves the counts of its conversation."""
    connection.execute(ADD_MESSAGE, _values(conversation_id, run_id, message))
    users, agents = counts_of(message)
    if users or agents:
        connection.execute(MOVE_COUNTS, {"of_conversation": conversation_id, "users": users, "agents": agents})


def touch(connection: Connection, conversation_id: int, moment: datetime) -> None:
    """Moves `updated_at`: start and end of a run, edit, rerun (product.md 2.2)."""
    connection.execute(TOUCH, {"of_conversation": conversation_id, "moment": moment})


def add_compaction(connection: Connection, values: dict[str, Any]) -> None:
    """Stores a summary."""
    connection.execute(ADD_COMPACTION, values)


def row_before(connection: Connection, conversation_id: int, message_id: str | None) -> int:
    """Number of the last row before a message; 0 when there is none."""
    if message_id is None:
        return 0
    at = connection.scalar(ROW_OF_MESSAGE, {"of_conversation": conversation_id, "of_message": message_id})
    return int(at) - 1 if at is not None else 0


def _values(conversation_id: int, run_id: str, message: NewMessage) -> dict[str, Any]:
    return {
        "conversation_id": conversation_id,
        "run_id": run_id,
        "message_id": message.message_id,
        "role": message.role,
        "type": message.type,
        "content": message.content,
        "tool_calls": message.tool_calls,
        "tool_call_id": message.tool_call_id,
        "is_error": message.is_error,
        "agent_name": message.agent_name,
        "metadata": message.metadata,
        "error_info": message.error_info,
        "timestamp": message.timestamp,
        "response_id": message.response_id,
        "model_text": message.model_text,
        "hidden_from_model": message.hidden_from_model,
        "folded": folded_text(message),
        "archived": False,
    }


def _message_of(row: MessageRow) -> NewMessage:
    role = cast("MessageRole", row.role)
    return NewMessage(row.message_id, role, row.type, row.content, row.timestamp, metadata=row.details or {})


class MessageReader:
    """Reads and in-request changes of the store, inside one transaction."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def list_messages(self, conversation_id: int) -> Sequence[MessageRow]:
        """All messages that are not archived, in order."""
        return (await self._session.scalars(LIST_MESSAGES, {"of_conversation": conversation_id})).all()

    async def find_message(self, conversation_id: int, message_id: str) -> MessageRow | None:
        """A message by its id."""
        return await self._session.scalar(
            select(MessageRow).where(MessageRow.conversation_id == conversation_id, MessageRow.message_id == message_id)
        )

    async def add_all(self, conversation: ConversationRow, run_id: str, messages: Sequence[NewMessage]) -> None:
        """Stores messages that arrived with a request; their counts are the caller's."""
        if messages:
            rows = [_values(conversation.conversation_id, run_id, message) for message in messages]
            await self._session.execute(ADD_MESSAGE, rows)

    async def find_last_user(self, conversation_id: int) -> MessageRow | None:
        """The last thing the person said that history shows."""
        rows = await self._session.scalars(
            select(MessageRow)
            .where(
                MessageRow.conversation_id == conversation_id,
                MessageRow.role == "user",
                MessageRow.archived.is_(False),
            )
            .order_by(MessageRow.row_id.desc())
            .limit(MANY_HIDDEN)
        )
        return next((row for row in rows if not row.details.get(HIDDEN)), None)

    async def archive_after(self, conversation: ConversationRow, last: MessageRow) -> set[str]:
        """Moves what follows a message to an archived branch (stream-runtime.md 8, edits); counts follow.

        Summaries that stand for any of it, or for the message itself, go: they would tell of it. Returns the runs
        that what was moved, and the message, came from.
        """
        where = (
            MessageRow.conversation_id == conversation.conversation_id,
            MessageRow.archived.is_(False),
            MessageRow.row_id > last.row_id,
        )
        rows = (await self._session.scalars(select(MessageRow).where(*where))).all()
        for row in rows:
            users, agents = counts_of(_message_of(row))
            conversation.user_count -= users
            conversation.agent_count -= agents
        await self._session.execute(update(MessageRow).where(*where).values(archived=True))
        await self.drop_summaries(conversation.conversation_id, last.row_id)
        return {last.run_id, *(row.run_id for row in rows)}

    async def drop_summaries(self, conversation_id: int, row_id: int) -> None:
        """Removes the summaries that stand for a message: it says something else now (stream-runtime.md 9.8)."""
        await self._session.execute(
            delete(CompactionRow).where(
                CompactionRow.conversation_id == conversation_id, CompactionRow.covers_to >= row_id
            )
        )

    async def latest_compaction(self, conversation_id: int) -> CompactionRow | None:
        """The newest summary."""
        return await self._session.scalar(LATEST_COMPACTION, {"of_conversation": conversation_id})
