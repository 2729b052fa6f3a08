"""Wire lines (stream-runtime.md 4): built once, as bytes, and never again."""

import time
from collections.abc import Callable
from typing import Any

import orjson

from clary.features.conversations.service import NewMessage
from clary.features.interventions.ports import NewApproval
from clary.runtime.events import AnnouncedCall, CallStreamed, ToolProgressed, ToolStepDone

Json = dict[str, Any]


class Stamps:
    """Times of the lines of one log; they never decrease (stream-runtime.md 4.2)."""

    def __init__(self, now: Callable[[], float] = time.time) -> None:
        self._now = now
        self._latest = 0.0

    def stamp(self) -> float:
        """Epoch seconds with milliseconds."""
        self._latest = max(self._latest, round(self._now(), 3))
        return self._latest

    def not_before(self, stamp: object) -> None:
        """Takes over the time of a line that an earlier process wrote."""
        if isinstance(stamp, (int, float)):
            self._latest = max(self._latest, float(stamp))


class LineBuilder:
    """Builds the lines of one session in a log."""

    def __init__(self, *, session_id: str, agent_name: str, stamps: Stamps | None = None) -> None:
        self.session_id = session_id
        self.agent_name = agent_name
        self.stamps = stamps or Stamps()
        self._tail = orjson.dumps({"agent_name": agent_name, "metadata": {}})[1:]
        self._session = orjson.dumps(session_id)
        self._progressing: set[str] = set()

    def stamp(self) -> float:
        """See `Stamps.stamp`."""
        return self.stamps.stamp()

    def text(self, message_id: str, kind: str, text: str) -> bytes:
        """A delta; the hot path, so only the text is encoded."""
        return b'{"role":"assistant","type":"%b","content":%b,"message_id":"%b","session_id":%b,"timestamp":%.3f,%b' % (
            kind.encode(),
            orjson.dumps(text),
            message_id.encode(),
            self._session,
            self.stamp(),
            self._tail,
        )

    def superseded(self, message_id: str, kind: str) -> bytes:
        """The marker that voids what was sent under an id (4.4)."""
        return self._message("assistant", kind, message_id, content="", metadata={"superseded": True})

    def call(self, announced: AnnouncedCall) -> bytes:
        """One complete `tool_call` line."""
        return self._message("assistant", "tool_call", announced.message_id, tool_calls=[call_object(announced)])

    def call_fragment(self, event: CallStreamed) -> bytes:
        """A fragment before the complete line (4.5 rule 8); here null stands for "came before"."""
        fragment = {
            "id": event.call_id,
            "type": "function" if event.call_id else None,
            "index": 0,
            "function": {"name": event.name, "arguments": event.arguments},
        }
        return self._message("assistant", "tool_call", event.message_id, tool_calls=[fragment])

    def result(self, done: ToolStepDone) -> list[bytes]:
        """A `tool_call_result` line; the progress of a call that was cut off is closed before it (4.7)."""
        cut_off = done.call.id in self._progressing
        closing = [self.progress(ToolProgressed(done.call.id, "info", "", closed=True))] if cut_off else []
        return [*closing, self._result(done)]

    def _result(self, done: ToolStepDone) -> bytes:
        extra: Json = {"is_error": True} if done.is_error else {}
        return self._message(
            "tool",
            "tool_call_result",
            done.message_id,
            tool_call_id=done.call.id,
            content=done.content if done.content != "" else " ",
            **extra,
        )

    def progress(self, event: ToolProgressed) -> bytes:
        """A `tool_progress` line (4.7)."""
        self.progressed(event.call_id, closed=event.closed)
        return orjson.dumps(
            {
                "type": "tool_progress",
                "session_id": self.session_id,
                "tool_call_id": event.call_id,
                "text": event.text,
                "stream": event.stream,
                "closed": event.closed,
                "ts": self.stamp(),
            }
        )

    def progressed(self, call_id: str, *, closed: bool) -> None:
        """Remembers that a call has shown progress, here or in an earlier process."""
        if closed:
            self._progressing.discard(call_id)
        else:
            self._progressing.add(call_id)

    def notice(self, message_id: str, text: str) -> bytes:
        """A `normal` server notice."""
        return self._message("assistant", "normal", message_id, content=text)

    def failure(self, message_id: str, text: str, error_info: Json) -> bytes:
        """The failure notice (4.6)."""
        return self._message("assistant", "final_answer", message_id, content=text, error_info=error_info)

    def usage(self, message_id: str, usage: Json) -> bytes:
        """The `token_usage` line."""
        metadata = {"token_usage": usage, "session_id": self.session_id}
        return self._message("assistant", "token_usage", message_id, content="", metadata=metadata)

    def end(self, *, lines_before: int, status: str, run_id: str, reason: str) -> bytes:
        """The one `stream_end`."""
        return orjson.dumps(
            {
                "type": "stream_end",
                "session_id": self.session_id,
                "timestamp": self.stamp(),
                "total_stream_count": lines_before,
                "status": status,
                "run_id": run_id,
                "end_reason": reason,
            }
        )

    def approval_requested(self, row: NewApproval, message_id: str, hint: str) -> bytes:
        """A call waits for a person's word (9.13)."""
        return orjson.dumps(
            {
                "type": "sandbox_approval_requested",
                "role": "system",
                "content": f"{row.tool_name}: {row.reason}",
                "message_id": message_id,
                "timestamp": self.stamp(),
                "session_id": self.session_id,
                "approval_id": row.approval_id,
                "tool_call_id": row.tool_call_id,
                "tool_name": row.tool_name,
                "command": row.command,
                "command_hash": row.command_hash,
                "category": row.category,
                "reason": row.reason,
                "approval_mode": row.mode,
                "expires_at": row.expires_at,
                "hint": hint,
            }
        )

    def approval_resolved(self, approval_id: str, message_id: str, decision: str) -> bytes:
        """What became of it."""
        return orjson.dumps(
            {
                "type": "sandbox_approval_resolved",
                "role": "system",
                "content": decision,
                "message_id": message_id,
                "timestamp": self.stamp(),
                "session_id": self.session_id,
                "approval_id": approval_id,
                "decision": decision,
            }
        )

    def trouble(self, message: NewMessage) -> bytes:
        """A problem worth showing that does not end the run (4.3)."""
        return self._message(
            "assistant", "error", message.message_id, content=message.content, error_info=message.error_info
        )

    def from_message(self, message: NewMessage) -> bytes:
        """The line of a message that is stored as it is shown."""
        extra: Json = {}
        if message.tool_calls is not None:
            extra["tool_calls"] = message.tool_calls
        if message.tool_call_id is not None:
            extra["tool_call_id"] = message.tool_call_id
        if message.content is not None:
            extra["content"] = message.content
        return self._message(message.role, message.type, message.message_id, metadata=message.metadata, **extra)

    def _message(self, role: str, kind: str, message_id: str, *, metadata: Json | None = None, **rest: Any) -> bytes:
        line: Json = {"role": role, "type": kind, **rest}
        line.update(
            message_id=message_id,
            session_id=self.session_id,
            timestamp=self.stamp(),
            agent_name=self.agent_name,
            metadata=metadata or {},
        )
        return orjson.dumps(line)


def call_object(announced: AnnouncedCall) -> Json:
    """A call as lines and history show it."""
    call = announced.call
    return {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.arguments}}


def fallback_end(*, session_id: str, timestamp: float, run_id: str | None, status: str | None) -> bytes:
    """What resume sends when nothing is left to send; not part of any log (4.6)."""
    line: Json = {"type": "stream_end", "session_id": session_id, "timestamp": timestamp, "resume_fallback": True}
    if run_id is not None:
        line["run_id"] = run_id
    if status is not None:
        line["status"] = status
    return orjson.dumps(line)
