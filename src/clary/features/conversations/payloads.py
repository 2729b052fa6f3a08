"""Wire shapes of the slice."""

from datetime import datetime
from typing import Annotated, Any

from pydantic import AfterValidator

from clary.features.conversations.tables import ConversationRow, MessageRow, ShareRow
from clary.http.payload import Payload
from clary.kit.clock import in_utc, wire_time
from clary.runtime.tools import Todo

Json = dict[str, Any]


class RenameRequest(Payload):
    """Body of a rename; the text is trimmed, line breaks become blanks."""

    title: str


class ShareRequest(Payload):
    """Body of a share, all of it optional."""

    expires_at: Annotated[datetime, AfterValidator(in_utc)] | None = None
    secret: bool = False


def message_of_row(row: MessageRow, session_id: str) -> Json:
    """A stored message as history shows it (stream-runtime.md 8)."""
    shape: Json = {"role": row.role, "type": row.type, "content": row.content}
    shape |= {"tool_calls": row.tool_calls, "tool_call_id": row.tool_call_id, "is_error": row.is_error or None}
    shape |= {
        "message_id": row.message_id,
        "session_id": session_id,
        "timestamp": row.timestamp,
        "updated_at": row.updated_at,
        "agent_name": row.agent_name,
        "metadata": row.details or {},
        "error_info": row.error_info,
    }
    return history_message({key: value for key, value in shape.items() if value is not None})


def history_message(message: Json) -> Json:
    """Adds what existing clients read beside the fields of a line."""
    return {
        **message,
        "message_type": message.get("type"),
        "chunk_id": message.get("message_id"),
        "is_final": False,
        "is_chunk": False,
    }


def conversation_info(row: ConversationRow) -> Json:
    """`conversation_info` of the history answer."""
    return {
        "session_id": row.session_id,
        "agent_id": row.agent_id,
        "agent_name": row.agent_name,
        "title": row.title,
        "created_at": wire_time(row.created_at),
        "updated_at": wire_time(row.updated_at),
    }


def list_item(row: ConversationRow, *, status: str, shared: bool, snippet: str | None) -> Json:
    """An item of the list (product.md 2.2)."""
    shape: Json = {
        "session_id": row.session_id,
        "id": row.session_id,
        "user_id": row.user_id,
        "agent_id": row.agent_id,
        "agent_name": row.agent_name,
        "title": row.title,
        "message_count": row.user_count + row.agent_count,
        "user_count": row.user_count,
        "agent_count": row.agent_count,
        "created_at": wire_time(row.created_at),
        "updated_at": wire_time(row.updated_at),
        "status": status,
        "shared": shared,
    }
    return shape if snippet is None else {**shape, "snippet": snippet}


def share_object(row: ShareRow | None, session_id: str) -> Json:
    """The share object (product.md 2.3)."""
    if row is None:
        return {
            "session_id": session_id,
            "shared": False,
            "share_id": None,
            "url": None,
            "secret": False,
            "expires_at": None,
            "created_at": None,
        }
    return {
        "session_id": session_id,
        "shared": True,
        "share_id": row.share_id,
        "url": f"/share/{row.share_id if row.secret else session_id}",
        "secret": row.secret,
        "expires_at": wire_time(row.expires_at),
        "created_at": wire_time(row.created_at),
    }


def task_item(todo: Todo, index: int, created_at: datetime, updated_at: datetime) -> Json:
    """One item of `tasks_status` (stream-runtime.md 7)."""
    return {
        "id": todo.id,
        "name": todo.content,
        "content": todo.content,
        "status": todo.status,
        "index": index,
        "created_at": wire_time(created_at),
        "updated_at": wire_time(updated_at),
        "conclusion": todo.conclusion,
    }
