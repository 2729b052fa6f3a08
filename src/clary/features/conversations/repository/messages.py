"""The message store: what commits with lines, and what is read for history and for the model.

The functions that take a `Connection` run in the event log's transaction (see `streams.ports.Write`).
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import insert, select, update
from sqlalchemy.engine import Connection
from sqlalchemy.ext.asyncio import AsyncSession

from clary.features.conversations.policy import NewMessage, counts_of, folded_text
from clary.features.conversations.tables import CompactionRow, ConversationRow, MessageRow


def add_message(connection: Connection, conversation_id: int, run_id: str, message: NewMessage) -> None:
    """Stores a message and moves the counts of its conversation."""
    connection.execute(insert(MessageRow).values(_values(conversation_id, run_id, message)))
    users, agents = counts_of(message)
    if users or agents:
        connection.execute(
            update(ConversationRow)
            .where(ConversationRow.conversation_id == conversation_id)
            .values(
                user_count=ConversationRow.user_count + users,
                agent_count=ConversationRow.agent_count + agents,
            )
        )


def touch(connection: Connection, conversation_id: int, moment: datetime) -> None:
    """Moves `updated_at`: start and end of a run, edit, rerun (product.md 2.2)."""
    connection.execute(
        update(ConversationRow).where(ConversationRow.conversation_id == conversation_id).values(updated_at=moment)
    )


def add_compaction(connection: Connection, values: dict[str, Any]) -> None:
    """Stores a summary."""
    connection.execute(insert(CompactionRow).values(**values))


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
        "details": message.metadata,
        "error_info": message.error_info,
        "timestamp": message.timestamp,
        "response_id": message.response_id,
        "model_text": message.model_text,
        "folded": folded_text(message),
        "archived": False,
    }


class MessageReader:
    """Reads and in-request changes of the store, inside one transaction."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def list_messages(self, conversation_id: int) -> Sequence[MessageRow]:
        """All messages that are not archived, in order."""
        rows = await self._session.scalars(
            select(MessageRow)
            .where(MessageRow.conversation_id == conversation_id, MessageRow.archived.is_(False))
            .order_by(MessageRow.row_id)
        )
        return rows.all()

    async def find_message(self, conversation_id: int, message_id: str) -> MessageRow | None:
        """A message by its id."""
        return await self._session.scalar(
            select(MessageRow).where(MessageRow.conversation_id == conversation_id, MessageRow.message_id == message_id)
        )

    async def add(self, conversation: ConversationRow, run_id: str, message: NewMessage) -> None:
        """Stores a message that arrived with a request."""
        await self._session.execute(insert(MessageRow).values(_values(conversation.conversation_id, run_id, message)))
        users, agents = counts_of(message)
        conversation.user_count += users
        conversation.agent_count += agents

    async def latest_compaction(self, conversation_id: int) -> CompactionRow | None:
        """The newest summary."""
        return await self._session.scalar(
            select(CompactionRow)
            .where(CompactionRow.conversation_id == conversation_id)
            .order_by(CompactionRow.compaction_id.desc())
            .limit(1)
        )
