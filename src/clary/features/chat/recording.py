"""Makes each event of the loop durable: its line, and the message, step and usage rows that commit with it."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from clary.db.session import Connection
from clary.features.chat.call_drafts import CallDraft
from clary.features.chat.config import RunConfig
from clary.features.chat.delta_lines import DeltaLines, OpenMessage
from clary.features.chat.ledger import RunUsage
from clary.features.chat.lines import LineBuilder, call_object
from clary.features.chat.texts import NOTICES
from clary.features.conversations.service import NewMessage, add_compaction, add_message
from clary.features.llm_providers.ports import ProviderSnapshot
from clary.features.llm_providers.service import Money
from clary.features.runs.service import change_run, finish_step, insert_step
from clary.features.usage.service import LedgerEntry, add_entry
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
    SilentStepDone,
    TextStreamed,
    ToolProgressed,
    ToolStepBegan,
    ToolStepDone,
)
from clary.runtime.messages import ToolCall
from clary.runtime.model import Usage
from clary.streams.hub import LogWriter
from clary.streams.ports import Write


class RunRecorder:
    """The writing half of one execution. Not shared, not reused after a takeover."""

    def __init__(
        self,
        *,
        run_id: str,
        user_id: str,
        endpoint: str,
        conversation_id: int,
        config: RunConfig,
        writer: LogWriter,
        lines: LineBuilder,
        usage: RunUsage,
        money: Money,
        clock: Clock,
        next_position: int,
    ) -> None:
        self.run_id = run_id
        self.user_id = user_id
        self._endpoint = endpoint
        self.conversation_id = conversation_id
        self.config = config
        self.writer = writer
        self.lines = lines
        self.usage = usage
        self._money = money
        self.clock = clock
        self._position = next_position
        self.open_messages: dict[str, OpenMessage] = {}
        self.open_calls: dict[str, ToolCall] = {}
        self._drafts: dict[str, CallDraft] = {}
        self._deltas = DeltaLines(writer, lines, clock)

    async def record(self, event: RunEvent) -> None:
        """Makes an event durable, at the latest with the next one; a tool's start waits until it is."""
        if isinstance(event, TextStreamed):
            self._delta(event.message_id, event.type, event.text)
        elif isinstance(event, ReasoningStreamed):
            self._delta(event.message_id, "reasoning_content", event.text)
        else:
            self._deltas.release()
            await self._record_step(event)

    async def _record_step(self, event: RunEvent) -> None:
        if isinstance(event, CallStreamed):
            self._draft(event.message_id, self.lines.stamp()).add(event.call_id, event.name, event.arguments)
            self.writer.write([self.lines.call_fragment(event)])
        elif isinstance(event, ModelStepBegan):
            self._write([], [self._step_begun(event.step_id, "model", event.step_name)])
        elif isinstance(event, ModelStepDone):
            self._model_done(event)
        elif isinstance(event, AttemptVoided):
            self._attempt_voided(event)
        elif isinstance(event, SilentStepDone):
            self._silent(event)
        elif isinstance(event, ToolStepBegan):
            began = self._step_begun(event.call.id, "tool", event.call.name, event.effect, event.call.arguments)
            self._write([], [began])
            if event.effect != "read":
                await self.writer.flush()
        elif isinstance(event, ToolProgressed):
            self.writer.write([self.lines.progress(event)])
        elif isinstance(event, ToolStepDone):
            self._tool_done(event)
        elif isinstance(event, Noticed):
            self.notice(event.message_id, NOTICES[event.kind].render(self.config.locale))
        elif isinstance(event, ContextCompacted):
            self._compacted(event)

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
        return self._money.currency

    @property
    def _name(self) -> str:
        return self.config.agent_name

    def _delta(self, message_id: str, kind: str, text: str) -> None:
        message = self.open_messages.get(message_id)
        is_first = message is None
        if message is None:
            message = self.open_messages[message_id] = OpenMessage(message_id, kind, self.lines.stamp())
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
        self._drafts.clear()
        note = "estimated" if event.estimated else None
        detail = {"finish_reason": event.finish_reason, "calls": len(event.calls), "model": event.model}
        writes.append(self._step_finished(event.step_id, "done", detail))
        writes += self._booked(event.step_name, event.model, event.usage, note, self.config.provider)
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
        self.open_messages.clear()
        return writes

    def _attempt_voided(self, event: AttemptVoided) -> None:
        self.void_unfinished()
        if event.usage is not None:
            provider = self.config.provider
            self._write([], self._booked(event.step_name, provider.model, event.usage, event.kind, provider))

    def _draft(self, message_id: str, timestamp: float) -> CallDraft:
        return self._drafts.setdefault(message_id, CallDraft(message_id, timestamp))

    def remember_fragment(self, line: Mapping[str, Any]) -> None:
        """A call fragment that an earlier process sent."""
        self._draft(str(line["message_id"]), float(line["timestamp"])).add_line(line)

    def stored_drafts(self, **flags: Any) -> list[Write]:
        """Work that stores every call that was never announced whole; `flags` go into their metadata."""
        writes = [self._stored(draft.message(self._name, **flags)) for draft in self._drafts.values()]
        self._drafts.clear()
        return writes

    def void_unfinished(self) -> None:
        """Marks what an earlier process sent of a response that never ended; nothing to do when there is none."""
        if not self.open_messages and not self._drafts:
            return
        lines = [self.lines.superseded(each.message_id, each.kind) for each in self.open_messages.values()]
        lines += [self.lines.superseded(message_id, "tool_call") for message_id in self._drafts]
        self._write(lines, self.stored_texts(None, superseded=True) + self.stored_drafts(superseded=True))

    def _silent(self, event: SilentStepDone) -> None:
        writes = self._booked(event.step_name, event.model, event.usage, event.note, self.config.fast_provider)
        self._write([], writes)

    def _tool_done(self, event: ToolStepDone) -> None:
        self.open_calls.pop(event.call.id, None)
        self._write([self.lines.result(event)], self.result_writes(event), completes_step=True)

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
        )
        status = "error" if event.is_error else "done"
        detail = {"tool": event.call.name, "result_bytes": len(event.model_text)}
        return [self._stored(message), self._step_finished(event.call.id, status, detail)]

    def _compacted(self, event: ContextCompacted) -> None:
        """The summary, shown as a call with its result (9.8)."""
        details = {"tool_name": "compress_conversation_history", "auto_generated": True, "status": "completed"}
        call = {
            "id": event.call_id,
            "type": "function",
            "function": {"name": "compress_conversation_history", "arguments": "{}"},
        }
        stamp = self.lines.stamp()
        asked = NewMessage(
            event.call_message_id,
            "assistant",
            "tool_call",
            None,
            stamp,
            [call],
            agent_name=self._name,
            metadata=details,
        )
        answered = NewMessage(
            event.result_message_id,
            "tool",
            "tool_call_result",
            event.summary,
            stamp,
            tool_call_id=event.call_id,
            agent_name=self._name,
            metadata=details,
        )
        values = {
            "conversation_id": self.conversation_id,
            "summary": event.summary,
            "covers_from": event.covers_from,
            "covers_to": event.covers_to,
            "model": event.model,
            "created_at": self.clock.now(),
        }

        def store(connection: Connection) -> None:
            add_compaction(connection, values)

        self._write(
            [self.lines.from_message(asked), self.lines.from_message(answered)],
            [self._stored(asked), self._stored(answered), store],
        )

    def _booked(
        self, step_name: str, model: str, usage: Usage | None, note: str | None, provider: ProviderSnapshot
    ) -> list[Write]:
        """Adds usage to the run and returns the ledger work (9.17)."""
        self.usage.add(step_name, model, usage, note=note)
        cost = self._money.cost(provider, usage) if usage is not None else None
        self.usage.add_cost(cost)
        if usage is None:
            return []
        entry = LedgerEntry(
            at=self.clock.now(),
            user_id=self.user_id,
            agent_id=self.config.agent_id,
            session_id=self.lines.session_id,
            run_id=self.run_id,
            root_run_id=self.run_id,
            request_source=self._endpoint,
            step_name=step_name,
            provider_id=provider.id,
            model=model,
            input_tokens=usage.prompt_tokens,
            output_tokens=usage.completion_tokens,
            cached_tokens=usage.cached_tokens or 0,
            reasoning_tokens=usage.reasoning_tokens or 0,
            cost=cost,
            currency=self._money.currency,
            note=note,
        )
        return [lambda connection: add_entry(connection, entry)]

    def _stored(self, message: NewMessage) -> Write:
        return lambda connection: add_message(connection, self.conversation_id, self.run_id, message)

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
        """Appends with the mark up to where the message store has come."""
        self.writer.write(lines, [*writes, self._progressed(len(lines), completes_step=completes_step)])

    def _progressed(self, added: int, *, completes_step: bool) -> Callable[[Connection], None]:
        # While a message is growing its lines are ahead of the store, so the mark stays before them.
        values: dict[str, Any] = {"usage": self.usage.dump()}
        if completes_step:
            # Only a finished step is progress: a run that kills its process in the next one must be given up (6.9).
            values["takeovers_since_step"] = 0
        if not self.open_messages:
            values["stored_lines"] = self.writer.queued_length + added
        values["last_activity"] = self.clock.epoch()
        return change_run(self.run_id, self.writer.generation, **values)
