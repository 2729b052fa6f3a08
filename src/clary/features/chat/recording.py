"""Makes each event of the loop durable: its line, and the message, step and usage rows that commit with it."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from clary.db.session import Connection
from clary.features.chat.booking import Booking
from clary.features.chat.call_drafts import CallDraft
from clary.features.chat.citing import RunCitations
from clary.features.chat.config import Json, RunConfig
from clary.features.chat.delta_lines import DeltaLines, OpenMessage
from clary.features.chat.lines import LineBuilder, call_object
from clary.features.chat.openings import ConfigKeeper, GuidanceTaker, NoQuestions, Questions
from clary.features.chat.run_log import RunLog, RunPlace
from clary.features.chat.step_details import tool_detail
from clary.features.chat.texts import NOTICES
from clary.features.conversations.service import MessageRole, NewMessage, add_compaction, row_before
from clary.features.runs.service import finish_step, insert_step
from clary.kit.clock import Clock
from clary.runtime.events import (
    AttemptVoided,
    CallStreamed,
    ContextCompacted,
    ModelStepBegan,
    ModelStepDone,
    Noticed,
    ReasoningStreamed,
    RunEvent,
    SelfChecked,
    ServerCalled,
    ServerSummed,
    SilentStepDone,
    Suggested,
    TextStreamed,
    ToolProgressed,
    ToolStepBegan,
    ToolStepDone,
    UserInjected,
)
from clary.runtime.messages import ToolCall
from clary.streams.ports import Write


class RunRecorder:
    """The writing half of one execution. Not shared, not reused after a takeover."""

    def __init__(
        self,
        *,
        place: RunPlace,
        config: RunConfig,
        log: RunLog,
        lines: LineBuilder,
        booking: Booking,
        clock: Clock,
        next_position: int,
        take_guidance: GuidanceTaker,
        keep_config: ConfigKeeper,
    ) -> None:
        self.place = place
        self.run_id = place.run_id
        self.conversation_id = place.conversation_id
        self.config = config
        self.log = log
        self.writer = log.writer
        self.lines = lines
        self.booking = booking
        self.usage = booking.usage
        self.clock = clock
        self._position = next_position
        self._take_guidance = take_guidance
        self._keep_config = keep_config
        self.step_name = "direct_execution"
        """Name of the model step that began last."""
        self.open_messages: dict[str, OpenMessage] = {}
        self.open_calls: dict[str, ToolCall] = {}
        self.hidden_calls: set[str] = set()
        """Calls of the server that the model never sees, nor their results."""
        self.begun_calls: set[str] = set()
        """Open calls whose tool works, or waits for a person."""
        self.untold_approvals: dict[str, str | None] = {}
        """Shown approvals whose end readers have not been told of yet; what was decided, None while nothing was."""
        self.questions: Questions = NoQuestions()
        self.before_step: Callable[[], None] | None = None
        self._drafts: dict[str, CallDraft] = {}
        self._troubles: list[NewMessage] = []
        self.citations = RunCitations(place, has_bases=bool(config.knowledge_bases))
        self._deltas = DeltaLines(self.writer, lines, clock)

    def close(self) -> None:
        """Nothing more will be recorded."""
        self._deltas.close()

    async def record(self, event: RunEvent) -> None:
        """Makes an event durable, at the latest with the next one; a tool's start waits until it is."""
        if isinstance(event, TextStreamed):
            self._delta(event.message_id, event.type, event.text)
        elif isinstance(event, ReasoningStreamed):
            self._delta(event.message_id, "reasoning_content", event.text)
        else:
            self._deltas.release()
            if self.before_step is not None:
                self.before_step()
            await self._record_step(event)

    async def _record_step(self, event: RunEvent) -> None:
        if isinstance(event, CallStreamed):
            self._draft(event.message_id, self.lines.stamp()).add(event.call_id, event.name, event.arguments)
            self.writer.write([self.lines.call_fragment(event)])
        elif isinstance(event, ModelStepBegan):
            self.step_name = event.step_name
            self._write([], [self._step_begun(event.step_id, "model", event.step_name)])
        elif isinstance(event, ModelStepDone):
            self._model_done(event)
        elif isinstance(event, AttemptVoided):
            self._attempt_voided(event)
        elif isinstance(event, SilentStepDone):
            self._silent(event)
        elif isinstance(event, ToolStepBegan):
            self.begun_calls.add(event.call.id)
            began = self._step_begun(event.call.id, "tool", event.call.name, event.effect, event.call.arguments)
            self._write([], [began])
            if event.effect != "read":
                await self.writer.flush()
        elif isinstance(event, ToolProgressed):
            self.writer.write([self.lines.progress(event)])
        elif isinstance(event, ToolStepDone):
            self._tool_done(event)
        elif isinstance(event, Noticed):
            self.notice(event.message_id, (event.text or NOTICES[event.kind]).render(self.config.locale))
        elif isinstance(event, ContextCompacted):
            self._compacted(event)
        else:
            self._record_message(event)

    def _record_message(self, event: RunEvent) -> None:
        """Events that are one message of their own."""
        if isinstance(event, ServerCalled):
            call = event.announced
            self.open_calls[call.call.id] = call.call
            message = self.own_message(call.message_id, "tool_call", None, tool_calls=[call_object(call)])
            self.show(message, *self.questions.opening(call.call))
        elif isinstance(event, UserInjected):
            details = {"injected": True, "guidance_id": event.guidance_id, "source": "guidance"}
            message = self.own_message(event.message_id, "user_input", event.content, role="user", metadata=details)
            self.show(message, self._take_guidance(self.conversation_id, event.guidance_id))
        elif isinstance(event, ServerSummed):
            self.show(self.own_message(event.message_id, "final_answer", event.text))
        elif isinstance(event, SelfChecked):
            details = {"self_check_passed": False, "checked_files": list(event.files)}
            self.show(self.own_message(event.message_id, "observation", event.text, metadata=details))
        elif isinstance(event, Suggested):
            listed = "\n".join(f"- {line}" for line in event.suggestions)
            details = {"suggestions": list(event.suggestions)}
            self.show(self.own_message(event.message_id, "query_suggest", listed, metadata=details))

    def change_config(
        self, config: RunConfig, warnings: Sequence[Json], troubles: Sequence[NewMessage], *, analyses_first: bool
    ) -> None:
        """Goes on with another configuration; `troubles` are shown, but are no messages (stream-runtime.md 8, stored).

        All of it commits together; only an analysis that is still to come is shown before the troubles (4.6).
        """
        self.config, self._troubles = config, list(troubles)
        self._write([] if analyses_first else self.take_troubles(), [self._keep_config(config, warnings)])

    def take_troubles(self) -> list[bytes]:
        """Lines of the troubles that were not shown yet."""
        troubles, self._troubles = self._troubles, []
        return [self.lines.trouble(each) for each in troubles]

    def own_message(self, message_id: str, kind: str, content: Any, **more: Any) -> NewMessage:
        """A message of this run, of the agent unless `role` says otherwise."""
        role: MessageRole = more.pop("role", "assistant")
        stamp = self.lines.stamp()
        return NewMessage(message_id, role, kind, content, stamp, agent_name=self._name, **more)

    def show(self, message: NewMessage, *writes: Write) -> None:
        """A message that is stored as it is shown, with what commits with it."""
        self._write([self.lines.from_message(message)], [self._stored(message), *writes])

    def write_line(self, line: bytes, *writes: Write) -> None:
        """A line that is no message, with what commits with it."""
        self.release_held()
        self._write([line], writes)

    def notice(self, message_id: str, text: str) -> None:
        """A `normal` message of the server."""
        stamp = self.lines.stamp()
        self._write(
            [self.lines.notice(message_id, text)],
            [self._stored(NewMessage(message_id, "assistant", "normal", text, stamp, agent_name=self._name))],
        )

    @property
    def currency(self) -> str:
        """Currency of costs."""
        return self.booking.currency

    @property
    def _name(self) -> str:
        return self.config.agent_name

    def _delta(self, message_id: str, kind: str, text: str) -> None:
        message = self.open_messages.get(message_id)
        is_first = message is None
        if message is None:
            message = self.open_messages[message_id] = OpenMessage(message_id, kind, self.lines.stamp())
            self.log.opened(message_id)
        message.pieces.add(text)
        self._deltas.send(message, text, is_first=is_first)

    def release_held(self) -> None:
        """Sends the text that was held back."""
        self._deltas.release()

    def _model_done(self, event: ModelStepDone) -> None:
        """Text, calls, step and usage of a response, in one transaction."""
        writes = self.stored_texts(event.response_id)
        lines: list[bytes] = []
        for announced in event.calls:
            stamp = self.lines.stamp()
            lines.append(self.lines.call(announced))
            self.open_calls[announced.call.id] = announced.call
            message = NewMessage(
                announced.message_id,
                "assistant",
                "tool_call",
                None,
                stamp,
                tool_calls=[call_object(announced)],
                agent_name=self._name,
                response_id=event.response_id,
            )
            writes.append(self._stored(message))
            writes += self.questions.opening(announced.call)
        self._close_drafts()
        lines += self.take_troubles()
        writes += self.booking.take(event.step_name)
        detail = {**self.booking.taken, "finish_reason": event.finish_reason, "calls": len(event.calls)}
        writes.append(self._step_finished(event.step_id, "done", detail))
        self._write(lines, writes, completes_step=True)

    def stored_texts(self, response_id: str | None, **flags: Any) -> list[Write]:
        """Work that stores every growing message; `flags` go into their metadata."""
        writes = [
            self._stored(
                NewMessage(
                    message.message_id,
                    "assistant",
                    message.kind,
                    message.text,
                    message.timestamp,
                    agent_name=self._name,
                    response_id=response_id,
                    metadata=dict(flags),
                )
            )
            for message in self.open_messages.values()
        ]
        for message_id in self.open_messages:
            self.log.closed(message_id)
        self.open_messages.clear()
        return writes

    def _attempt_voided(self, event: AttemptVoided) -> None:
        self.void_unfinished()
        self._write([], self.booking.take(event.step_name))

    def _draft(self, message_id: str, timestamp: float) -> CallDraft:
        self.log.opened(message_id)
        return self._drafts.setdefault(message_id, CallDraft(message_id, timestamp))

    def _close_drafts(self) -> None:
        for message_id in self._drafts:
            self.log.closed(message_id)
        self._drafts.clear()

    def remember_fragment(self, line: Mapping[str, Any]) -> None:
        """A call fragment that an earlier process sent."""
        self._draft(str(line["message_id"]), float(line["timestamp"])).add_line(line)

    def stored_drafts(self, **flags: Any) -> list[Write]:
        """Work that stores every call that was never announced whole; `flags` go into their metadata."""
        writes = [self._stored(draft.message(self._name, **flags)) for draft in self._drafts.values()]
        self._close_drafts()
        return writes

    def void_unfinished(self) -> None:
        """Marks what an earlier process sent of a response that never ended; nothing to do when there is none."""
        if not self.open_messages and not self._drafts:
            return
        lines = [self.lines.superseded(each.message_id, each.kind) for each in self.open_messages.values()]
        lines += [self.lines.superseded(message_id, "tool_call") for message_id in self._drafts]
        self._write(lines, self.stored_texts(None, superseded=True) + self.stored_drafts(superseded=True))

    def _silent(self, event: SilentStepDone) -> None:
        writes = self.booking.take(event.step_name)
        if event.usage is None:
            self.usage.add(event.step_name, event.model, None, note=event.note)
        self._write([], writes)

    def _tool_done(self, event: ToolStepDone) -> None:
        self.open_calls.pop(event.call.id, None)
        self.begun_calls.discard(event.call.id)
        self.questions.closed(event.call)
        self._write(self.lines.result(event), self.result_writes(event), completes_step=True)

    def result_writes(self, event: ToolStepDone) -> list[Write]:
        """Work that stores a result and ends its step."""
        message = NewMessage(
            event.message_id,
            "tool",
            "tool_call_result",
            event.content if event.content != "" else " ",
            self.lines.stamp(),
            tool_call_id=event.call.id,
            is_error=event.is_error,
            agent_name=self._name,
            model_text=event.model_text,
            hidden_from_model=event.call.id in self.hidden_calls,
        )
        status = "error" if event.is_error else "done"
        shown = [] if event.is_error else self.citations.shown(event.call.id, event.content)
        ended = self._step_finished(event.call.id, status, tool_detail(event))
        return [self._stored(message), *shown, ended]

    def _compacted(self, event: ContextCompacted) -> None:
        """The summary, shown as a call with its result (9.8)."""
        details = {"tool_name": "compress_conversation_history", "auto_generated": True, "status": "completed"}
        call = {
            "id": event.call_id,
            "type": "function",
            "function": {"name": "compress_conversation_history", "arguments": "{}"},
        }
        asked = self.own_message(event.call_message_id, "tool_call", None, tool_calls=[call], metadata=details)
        given = {"role": "tool", "tool_call_id": event.call_id, "metadata": details}
        answered = self.own_message(event.result_message_id, "tool_call_result", event.summary, **given)
        values = {
            "conversation_id": self.conversation_id,
            "summary": event.summary,
            "covers_from": event.covers_from,
            "covers_to": event.covers_to,
            "model": event.model,
            "created_at": self.clock.now(),
        }

        def store(connection: Connection) -> None:
            reached = row_before(connection, self.conversation_id, event.covers_before)
            add_compaction(connection, values | {"covers_to": max(event.covers_to, reached)})

        self._write(
            [self.lines.from_message(asked), self.lines.from_message(answered)],
            [self._stored(asked), self._stored(answered), store],
        )

    def _stored(self, message: NewMessage) -> Write:
        return self.citations.storing(message)

    def _step_begun(
        self, step_id: str, kind: str, name: str, effect: str | None = None, arguments: str | None = None
    ) -> Write:
        values: dict[str, Any] = {
            "run_id": self.run_id,
            "step_id": step_id,
            "position": self._position,
            "kind": kind,
            "name": name[:160],
            "status": "started",
            "effect": effect,
            "arguments": arguments,
            "detail": {},
            "line_from": self.writer.queued_length,
            "started_at": self.clock.epoch(),
        }
        self._position += 1
        return lambda connection: insert_step(connection, values)

    def _step_finished(self, step_id: str, status: str, detail: dict[str, Any]) -> Write:
        values = {
            "status": status,
            "detail": detail,
            "line_to": self.writer.queued_length,
            "ended_at": self.clock.epoch(),
        }
        return lambda connection: finish_step(connection, self.run_id, step_id, values)

    def _write(self, lines: Sequence[bytes], writes: Sequence[Write], *, completes_step: bool = False) -> None:
        """Appends, with how far the run and the message store have come."""
        self.writer.write(lines, [*writes, *self._progressed(len(lines), completes_step=completes_step)])

    def _progressed(self, added: int, *, completes_step: bool) -> list[Write]:
        own: dict[str, Any] = {"usage": self.usage.dump(), "last_activity": self.clock.epoch()}
        of_root: dict[str, Any] = {"stored_lines": self.log.stored_lines(added)}
        if completes_step:
            # Only a finished step is progress: a run that kills its process in the next one must be given up (6.9).
            of_root["takeovers_since_step"] = 0
        if self.place.is_root:
            return [self.log.changed(self.run_id, **own, **of_root)]
        return [self.log.changed(self.run_id, **own), self.log.changed(self.log.root_run_id, **of_root)]
