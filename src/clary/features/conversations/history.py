"""History at any moment: stored messages, then the log's tail (stream-runtime.md 8)."""

from collections.abc import Sequence
from typing import Any

from clary.db.database import Database
from clary.features.conversations.merge import merged_lines
from clary.features.conversations.payloads import conversation_info, history_message, message_of_row
from clary.features.conversations.repository.messages import MessageReader
from clary.features.conversations.tables import ConversationRow
from clary.features.runs.policy import is_active
from clary.features.runs.service import RunRow, RunService
from clary.kit import json_text
from clary.streams.ports import EventLog

READ_BYTES = 1024 * 1024
Json = dict[str, Any]


class HistoryReader:
    """Reads messages so that showing them and then resuming at the index repeats and misses nothing."""

    def __init__(self, *, database: Database, runs: RunService, event_log: EventLog) -> None:
        self._database = database
        self._runs = runs
        self._event_log = event_log

    async def read(self, conversation: ConversationRow) -> Json:
        """The whole answer of the history endpoint."""
        key = conversation.conversation_id
        async with self._database.read() as db:
            # One snapshot: the run's mark says which lines the stored messages already hold.
            run = await self._runs.find_readable(db, conversation_id=key, run_id=None)
            rows = await MessageReader(db).list_messages(key)
        messages = [message_of_row(row, conversation.session_id) for row in rows]
        tail, index = await self._tail(run)
        messages += [history_message(message) for message in tail]
        visible = [each for each in messages if not each["metadata"].get("hidden_from_chat")]
        return {
            "conversation_id": conversation.session_id,
            "messages": visible,
            "message_count": len(visible),
            "next_stream_index": index,
            "next_stream_run_id": run.run_id if run is not None and index else None,
            "conversation_info": conversation_info(conversation),
        }

    async def _tail(self, run: RunRow | None) -> tuple[list[Json], int]:
        """(messages of lines that are not stored yet, number of lines shown)."""
        if run is None or not run.log_id:
            return [], 0
        if not is_active(run.status):
            return [], run.line_count or 0
        head = await self._event_log.head(run.log_id)
        end = head.length if head is not None else 0
        cursor, lines = run.stored_lines, list[Json]()
        while cursor < end:
            batch = (await self._event_log.read(run.log_id, cursor, READ_BYTES))[: end - cursor]
            if not batch:
                break
            cursor += len(batch)
            lines += [json_text.loads(line) for line in batch]
        return merged_lines(lines), cursor


def page_of(messages: Sequence[Json], *, limit: int | None, before: str | None) -> tuple[list[Json], bool]:
    """The last `limit` messages before a message id, and whether there are earlier ones.

    A call and its results are never split: the page grows backwards to the first call of a group.
    """
    end = next((at for at, each in enumerate(messages) if each["message_id"] == before), len(messages))
    if limit is None:
        return list(messages[:end]), False
    start = max(0, end - limit)
    while start > 0 and messages[start].get("role") == "tool":
        start -= 1
    return list(messages[start:end]), start > 0
