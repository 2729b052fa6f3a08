"""One execution of a run: drives the loop, records its events, and writes the end, whatever the end is."""

import asyncio
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any

import structlog

from clary.db.session import Connection
from clary.features.chat.recording import RunRecorder
from clary.features.chat.texts import RUN_FAILED
from clary.features.conversations.service import NewMessage, add_message, touch
from clary.features.runs.service import EndReason, StopReason, change_run, status_of
from clary.kit.ids import new_uuid
from clary.kit.text import Text
from clary.runtime.events import LoopEnded, RunFailedError
from clary.runtime.failure_texts import KIND_TEXTS
from clary.runtime.loop import AgentLoop
from clary.runtime.model import FailureKind
from clary.runtime.prompt import prompt_language
from clary.runtime.tool_runner import interrupted_result
from clary.streams.ports import LogFencedError, LogUnavailableError, Write

log = structlog.get_logger()

MAX_LINES = 200_000
MAX_LOG_BYTES = 64 * 1024 * 1024


@dataclass(slots=True)
class Stop:
    """Why a run was told to stop; None while nobody did."""

    reason: StopReason | None = None
    ending: bool = False
    """The end is being written: a stop that comes now is too late, and must not cut it."""
    abandoned: bool = False
    """The process gives the run back without an end: shutdown, or a lost lease."""


class RunExecution:
    """See the module. `run` never raises for what happens inside a run; cancelling the task stops it."""

    def __init__(self, loop: AgentLoop, recorder: RunRecorder, stop: Stop, max_seconds: float) -> None:
        self._loop = loop
        self._recorder = recorder
        self._stop = stop
        self._max_seconds = max_seconds

    async def run(self) -> None:
        """To the end of the run, or until it is given back."""
        try:
            reason = await self._drive()
        except asyncio.CancelledError:
            if self._stop.abandoned or self._stop.reason is None:
                raise
            # The stop has been heard; what follows must not be cut by it.
            task = asyncio.current_task()
            if task is not None:
                task.uncancel()
            await self._end(self._stop.reason)
            return
        except RunFailedError as failure:
            reason_of_failure: EndReason = "limit" if failure.kind == "limit" else "model_error"
            await self._end(reason_of_failure, kind=failure.kind, retryable=failure.retryable)
            return
        except (LogFencedError, LogUnavailableError) as error:
            log.warning("run_lost_its_log", run_id=self._recorder.run_id, error=type(error).__name__)
            return
        except Exception as error:
            # The supervisor's last resort: the person gets an end, the log gets the fault.
            log.error("run_fault", run_id=self._recorder.run_id, exc_info=error)
            await self._end("internal_error", kind="internal_error")
            return
        await self._end(reason)

    async def end_stopped(self) -> None:
        """Writes the end of a run that was stopped before it began."""
        await self._end(self._stop.reason or "interrupt_request")

    async def _drive(self) -> EndReason:
        limit = asyncio.timeout(self._max_seconds)
        try:
            async with limit:
                return await self._follow()
        except TimeoutError:
            if limit.expired():
                raise RunFailedError("limit") from None
            raise

    async def _follow(self) -> EndReason:
        recorder = self._recorder
        async with aclosing(self._loop.run()) as events:
            async for event in events:
                if isinstance(event, LoopEnded):
                    return event.reason
                await recorder.record(event)
                if recorder.writer.queued_length > MAX_LINES or recorder.writer.size_bytes > MAX_LOG_BYTES:
                    raise RunFailedError("limit")
        raise RunFailedError("internal_error")

    async def _end(self, reason: EndReason, *, kind: FailureKind | None = None, retryable: bool = False) -> None:
        """Open results, failure notice, usage, `stream_end` and the terminal status: all in one transaction."""
        self._stop.ending = True
        try:
            write_end(self._recorder, reason, kind=kind, retryable=retryable)
            await self._recorder.writer.flush()
        except (LogFencedError, LogUnavailableError) as error:
            log.warning("run_end_not_written", run_id=self._recorder.run_id, error=type(error).__name__)


def write_end(
    recorder: RunRecorder, reason: EndReason, *, kind: FailureKind | None = None, retryable: bool = False
) -> None:
    """Queues the end of a run in the fixed order of stream-runtime.md 4.6."""
    recorder.release_held()
    config, lines = recorder.config, recorder.lines
    interrupted = reason in ("interrupt_request", "client_disconnect", "replaced")
    out: list[bytes] = []
    flags = {"interrupted": True} if interrupted or kind else {}
    writes: list[Write] = recorder.stored_texts(None, **flags) + recorder.stored_drafts(**flags)
    for call in list(recorder.open_calls.values()):
        result = interrupted_result(call, new_uuid(), prompt_language(config.locale))
        out.append(lines.result(result))
        writes += recorder.result_writes(result)
    error_info = failure_info(recorder, kind, retryable=retryable) if kind is not None else None
    if error_info is not None:
        notice = _failure_message(recorder, error_info)
        out.append(lines.failure(notice.message_id, str(notice.content), error_info))
        writes.append(_stored(recorder, notice))
        if kind is not None and not recorder.usage.steps:
            recorder.usage.add("direct_execution", config.provider.model, None, note=kind)
    usage = recorder.usage.wire(recorder.currency)
    out.append(lines.usage(new_uuid(), usage))
    before = recorder.writer.queued_length + len(out)
    out.append(lines.end(lines_before=before, status=status_of(reason), run_id=recorder.run_id, reason=reason))
    writes.append(_closing(recorder, reason, usage, error_info, line_count=before + 1))
    recorder.writer.write(out, writes, end=True)


def failure_info(recorder: RunRecorder, kind: FailureKind, *, retryable: bool) -> dict[str, Any]:
    """`error_info`: a fixed slug and one short sentence; never upstream text."""
    return {"kind": kind, "message": KIND_TEXTS[kind].render(recorder.config.locale), "retryable": retryable}


def _failure_message(recorder: RunRecorder, error_info: dict[str, Any]) -> NewMessage:
    text: Text = RUN_FAILED.fill(reason=error_info["message"])
    return NewMessage(
        new_uuid(),
        "assistant",
        "final_answer",
        text.render(recorder.config.locale),
        recorder.lines.stamp(),
        agent_name=recorder.config.agent_name,
        error_info=error_info,
    )


def _stored(recorder: RunRecorder, message: NewMessage) -> Write:
    return lambda connection: add_message(connection, recorder.conversation_id, recorder.run_id, message)


def _closing(
    recorder: RunRecorder,
    reason: EndReason,
    usage: dict[str, Any],
    error_info: dict[str, Any] | None,
    *,
    line_count: int,
) -> Write:
    """The terminal status; secrets of the input go with it."""
    now = recorder.clock.now()
    end_run = change_run(
        recorder.run_id,
        recorder.writer.generation,
        status=status_of(reason),
        end_reason=reason,
        ended_at=now,
        usage=usage["total_info"],
        cost=str(recorder.usage.cost) if recorder.usage.priced else None,
        currency=recorder.currency if recorder.usage.priced else None,
        error_info=error_info,
        line_count=line_count,
        stored_lines=line_count,
        input_sealed=None,
        lease_owner=None,
        lease_expires_at=None,
        waiting=None,
    )

    def close(connection: Connection) -> None:
        end_run(connection)
        touch(connection, recorder.conversation_id, now)

    return close
