"""One execution of a run: drives the loop, records its events, and sees to its end, whatever the end is."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import aclosing
from dataclasses import dataclass
from typing import Literal

import structlog

from clary.db.database import UnavailableError
from clary.features.chat.ending import write_end
from clary.features.chat.recording import RunRecorder
from clary.features.chat.run_span import run_span, tell_end
from clary.features.runs.service import EndReason, StopReason
from clary.runtime.events import LoopEnded, RunFailedError
from clary.runtime.failure_texts import KIND_TEXTS
from clary.runtime.loop import AgentLoop
from clary.runtime.model import FailureKind
from clary.streams.ports import LogFencedError, LogUnavailableError

log = structlog.get_logger()

MAX_LINES = 200_000
MAX_LOG_BYTES = 64 * 1024 * 1024
MAX_OUTCOME = 200_000

_REASON_OF: dict[FailureKind, EndReason] = {"limit": "limit", "internal_error": "internal_error"}
"""End reasons of failures that are not the model's."""


@dataclass(slots=True)
class Stop:
    """Why a run was told to stop; None while nobody did."""

    reason: StopReason | None = None
    ending: bool = False
    """The end is being written: a stop that comes now is too late, and must not cut it."""
    abandoned: bool = False
    """The process gives the run back without an end: shutdown, a lost lease, or a wait for a person."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a child came to; `result` is a text for the parent's model."""

    status: Literal["success", "failed"]
    result: str

    def as_row(self) -> dict[str, str]:
        """For the run row."""
        return {"status": self.status, "result": self.result[:MAX_OUTCOME]}


MakeLoop = Callable[[], Awaitable[AgentLoop]]
"""Makes the loop where a stop is heard already: servers may have to be waited for."""


class RunExecution:
    """A root run. `run` never raises for what happens inside a run; cancelling the task stops it."""

    def __init__(self, make_loop: MakeLoop, recorder: RunRecorder, stop: Stop, max_seconds: float) -> None:
        self._make_loop = make_loop
        self._recorder = recorder
        self._stop = stop
        self._max_seconds = max_seconds

    async def run(self) -> None:
        """To the end of the run, or until it is given back."""
        with run_span(self._recorder):
            await self._run()

    async def _run(self) -> None:
        try:
            ended = await self._drive()
        except asyncio.CancelledError:
            if self._stop.abandoned or self._stop.reason is None:
                raise
            # The stop has been heard; what follows must not be cut by it.
            heard_cancellation()
            await self._end(self._stop.reason)
            return
        except RunFailedError as failure:
            reason = _REASON_OF.get(failure.kind, "model_error")
            await self._end(reason, kind=failure.kind, retryable=failure.retryable)
            return
        except (LogFencedError, LogUnavailableError) as error:
            log.warning("run_lost_its_log", run_id=self._recorder.run_id, error=type(error).__name__)
            return
        await self._end(ended.reason)

    async def end_stopped(self) -> None:
        """Writes the end of a run that was stopped before it began."""
        await self._end(self._stop.reason or "interrupt_request")

    async def _drive(self) -> LoopEnded:
        try:
            async with asyncio.timeout(self._max_seconds):
                return await work(self._make_loop, self._recorder)
        except TimeoutError:
            raise RunFailedError("limit") from None

    async def _end(self, reason: EndReason, *, kind: FailureKind | None = None, retryable: bool = False) -> None:
        """Open results, failure notice, usage, `stream_end` and the terminal status: all in one transaction."""
        self._stop.ending = True
        tell_end(reason, kind)
        try:
            write_end(self._recorder, reason, kind=kind, retryable=retryable)
            await self._recorder.writer.flush()
        except (LogFencedError, LogUnavailableError) as error:
            log.warning("run_end_not_written", run_id=self._recorder.run_id, error=type(error).__name__)


class ChildExecution:
    """A child run inside its root's execution; cancelling the task stops it, and the end says why."""

    def __init__(self, make_loop: MakeLoop, recorder: RunRecorder, stop: Stop, root_stop: Stop) -> None:
        self.recorder = recorder
        self._make_loop = make_loop
        self._stop = stop
        self._root_stop = root_stop

    async def run(self) -> Outcome:
        """To the end of the child; a child that ends badly only says so in its outcome.

        Raises:
            CancelledError: the root is given back without an end.
            LogFencedError, LogUnavailableError: the root lost its log.
        """
        with run_span(self.recorder):
            return await self._run()

    async def _run(self) -> Outcome:
        try:
            # Stopped while it waited, or before its process died: what comes too late must not begin.
            ended = await work(self._make_loop, self.recorder) if self._stop.reason is None else None
        except asyncio.CancelledError:
            if self._root_stop.abandoned:
                raise
            outcome = self._end_stopped()
            if self._stop.reason is None:
                raise
            heard_cancellation()
            return outcome
        except RunFailedError as failure:
            return self._end_failed(failure.kind, retryable=failure.retryable)
        finally:
            self.recorder.close()
        return self._end(ended.reason, outcome_of(ended)) if ended is not None else self._end_stopped()

    def _end_stopped(self) -> Outcome:
        reason = self._stop.reason or self._root_stop.reason or "interrupt_request"
        return self._end(reason, Outcome("failed", "interrupted"))

    def _end_failed(self, kind: FailureKind, *, retryable: bool = False) -> Outcome:
        text = KIND_TEXTS[kind].render(self.recorder.config.locale)
        return self._end(_REASON_OF.get(kind, "model_error"), Outcome("failed", text), kind, retryable=retryable)

    def _end(
        self, reason: EndReason, outcome: Outcome, kind: FailureKind | None = None, *, retryable: bool = False
    ) -> Outcome:
        tell_end(reason, kind)
        write_end(self.recorder, reason, kind=kind, retryable=retryable, outcome=outcome.as_row())
        return outcome


async def work(make_loop: MakeLoop, recorder: RunRecorder) -> LoopEnded:
    """Follows a run to its end; what nobody foresaw ends it, and neither its process nor the run above it (6.2).

    Raises:
        RunFailedError, LogFencedError, LogUnavailableError
    """
    try:
        return await follow(await make_loop(), recorder)
    except (RunFailedError, LogFencedError, LogUnavailableError):
        raise
    except UnavailableError as error:
        # The database is away, or has no connection left: whoever takes over goes on from the last recorded step.
        raise LogUnavailableError("database") from error
    except Exception as error:
        # The supervisor's last resort: the person gets an end, the log gets the fault.
        log.error("run_fault", run_id=recorder.run_id, exc_info=error)
        raise RunFailedError("internal_error") from error


async def follow(loop: AgentLoop, recorder: RunRecorder) -> LoopEnded:
    """Records every event of a loop, each before the next is asked for.

    Raises:
        RunFailedError: also when the log has grown too large.
    """
    async with aclosing(loop.run()) as events:
        async for event in events:
            if isinstance(event, LoopEnded):
                return event
            await recorder.record(event)
            if recorder.writer.queued_length > MAX_LINES or recorder.writer.size_bytes > MAX_LOG_BYTES:
                raise RunFailedError("limit")
    raise RunFailedError("internal_error")


def outcome_of(ended: LoopEnded) -> Outcome:
    """What a child's end means to its parent: its own report, else its last answer."""
    if ended.report is not None:
        status: Literal["success", "failed"] = "failed" if ended.report.get("status") == "failed" else "success"
        return Outcome(status, str(ended.report.get("result", "")))
    went_well = ended.reason in ("answered", "need_user_input") or bool(ended.text)
    return Outcome("success" if went_well else "failed", ended.text or ended.reason)


def heard_cancellation() -> None:
    """What follows must not be cut by the cancellation that was just heard."""
    task = asyncio.current_task()
    if task is not None:
        task.uncancel()
