"""History at any moment: stored messages, then the log's tail (stream-runtime.md 8)."""

import asyncio
from collections.abc import Iterator, Sequence
from typing import Any, cast

from clary.db.database import Database
from clary.features.conversations.merge import merged_lines
from clary.features.conversations.payloads import conversation_info, history_message, message_of_row
from clary.features.conversations.policy import HIDDEN
from clary.features.conversations.repository.conversations import ConversationRepository
from clary.features.conversations.repository.messages import MessageReader
from clary.features.conversations.tables import ConversationRow
from clary.features.runs.service import RunRow, RunService, is_active
from clary.kit import json_text
from clary.streams.ports import EventLog

READ_BYTES = 1024 * 1024
MERGE_IN_THREAD_LINES = 5000
DELEGATE = "sys_delegate_task"
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
            by_session = {conversation.session_id: await MessageReader(db).list_messages(key)}
            for child in await ConversationRepository(db).list_below(key):
                by_session[child.session_id] = await MessageReader(db).list_messages(child.conversation_id)
        # The snapshot is closed before the log is read: a request holds one connection at a time.
        stored = {row.message_id for rows in by_session.values() for row in rows}
        messages = {name: [message_of_row(row, name) for row in rows] for name, rows in by_session.items()}
        tail, index = await self._tail(run)
        for message in tail:
            # Lines of children lie between each other: a message can be stored while an earlier one still grows.
            if message["message_id"] not in stored:
                messages.setdefault(str(message["session_id"]), []).append(history_message(message))
        visible = list(_with_children(conversation.session_id, messages, set()))
        return {
            "conversation_id": conversation.session_id,
            "messages": visible,
            "message_count": len(visible),
            "next_stream_index": index or 0,
            "next_stream_run_id": run.run_id if run is not None and index is not None else None,
            "conversation_info": conversation_info(conversation),
        }

    async def _tail(self, run: RunRow | None) -> tuple[list[Json], int | None]:
        """(messages of lines that are not stored yet, number of lines shown; None when there is no log)."""
        if run is None or not run.log_id:
            return [], None
        if not is_active(run.status) and run.line_count is not None:
            return [], run.line_count
        head = await self._event_log.head(run.log_id)
        if head is None:
            return [], None
        end = head.length
        cursor, lines = run.stored_lines, list[bytes]()
        while cursor < end:
            batch = (await self._event_log.read(run.log_id, cursor, READ_BYTES))[: end - cursor]
            if not batch:
                break
            cursor += len(batch)
            lines += batch
        if len(lines) > MERGE_IN_THREAD_LINES:
            return await asyncio.to_thread(_merged, lines), cursor
        return _merged(lines), cursor


def _with_children(session_id: str, messages: dict[str, list[Json]], seen: set[str]) -> Iterator[Json]:
    """Visible messages of a session, each delegation followed by the messages of its children (8, children)."""
    seen.add(session_id)
    for message in messages.get(session_id, ()):
        if message["metadata"].get(HIDDEN):
            continue
        yield message
        for child in delegated_to(message):
            if child in messages and child not in seen:
                yield from _with_children(child, messages, seen)


def delegated_to(message: Json) -> list[str]:
    """Session ids of the children that a message hands work to."""
    found: list[str] = []
    for call in message.get("tool_calls") or ():
        function: Json = call.get("function") or {}
        if function.get("name") != DELEGATE or "index" in call:
            continue
        try:
            tasks: list[Any] = json_text.loads(str(function.get("arguments"))).get("tasks", [])
        except (ValueError, AttributeError):
            continue
        for task in tasks:
            entry = cast("Json", task if isinstance(task, dict) else {})
            if entry.get("session_id"):
                found.append(str(entry["session_id"]))
    return found


def _merged(lines: Sequence[bytes]) -> list[Json]:
    return merged_lines(json_text.loads(line) for line in lines)


def page_of(messages: Sequence[Json], *, limit: int | None, before: str | None) -> tuple[list[Json], bool]:
    """The last `limit` messages before a message id, and whether there are earlier ones.

    A call and its results are never split: the page grows towards the start until it holds both, and leaves out calls
    whose results are not before the id. An unknown id has nothing before it.
    """
    end = len(messages)
    if before is not None:
        end = next((at for at, each in enumerate(messages) if each["message_id"] == before), 0)
    exchanges = _exchanges(messages)
    while unanswered := [call for call, result in exchanges if call < end <= result]:
        end = min(unanswered)
    start = 0 if limit is None else max(0, end - limit)
    while torn := [call for call, result in exchanges if call < start <= result < end]:
        start = min(torn)
    return list(messages[start:end]), start > 0


def _exchanges(messages: Sequence[Json]) -> list[tuple[int, int]]:
    """(place of a call, place of its result) of every call that has one."""
    called: dict[str, int] = {}
    pairs: list[tuple[int, int]] = []
    for at, message in enumerate(messages):
        for call in message.get("tool_calls") or ():
            called[str(call.get("id"))] = at
        if message.get("role") == "tool" and message.get("tool_call_id") in called:
            pairs.append((called[message["tool_call_id"]], at))
    return pairs
