"""Runs the calls of one response: checked, bounded in time, capped in size, in parallel where that is safe."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from clary.kit import json_text, measures, safe_paths, traces
from clary.kit.clock import Clock
from clary.kit.text import Text
from clary.runtime.events import ToolProgressed, ToolStepBegan, ToolStepDone
from clary.runtime.messages import ToolCall, ToolSpec
from clary.runtime.progress import ProgressCoalescer
from clary.runtime.tools import ProgressStream, Tool, ToolContext, ToolFailedError
from clary.runtime.toolset import (
    cap_result,
    check_arguments,
    error_content,
    is_object_text,
    parse_arguments,
    whole_result_path,
    wire_content,
    words,
)

MAX_PARALLEL = 8
MAX_ARGUMENT_BYTES = 1024 * 1024

Language = Literal["zh", "en", "pt"]
ToolEvent = ToolStepBegan | ToolProgressed | ToolStepDone
ContextMaker = Callable[[str, Callable[[ProgressStream, str], Awaitable[None]]], ToolContext]
SaveWhole = Callable[[str, str], Awaitable[None]]

_NOT_FOUND = Text("工具不存在: {name}", "No such tool: {name}")
_TOO_LONG = Text("参数超过 1 MiB", "The arguments are longer than 1 MiB")
_TIMEOUT = Text("工具执行超时", "The tool took too long")
_UNKNOWN = Text(
    "服务在该工具执行期间重启，结果未知；请先检查实际状态，再决定是否重试",
    "The server restarted while this tool was running, so its outcome is unknown; check the actual state before "
    "trying again",
)
_NOT_NOW = Text("工具 {name} 在当前阶段不可用", "The tool {name} may not be used in the present phase of the run")
_INTERRUPTED = Text("工具执行已被用户中断", "The tool was interrupted by the user")


@dataclass(frozen=True, slots=True)
class PendingCall:
    """A call without a result. `state` says whether it may have begun before a crash."""

    call: ToolCall
    state: Literal["new", "maybe_begun"] = "new"


Events = asyncio.Queue[tuple[ToolEvent, asyncio.Event] | BaseException]
"""What happened, and the bell to ring once it is durable; or the fault that ends the run."""


class ApprovalGate(Protocol):
    """Asks a person before a call that the policy does not let through alone (stream-runtime.md 9.13)."""

    async def clear(self, call: ToolCall, spec: ToolSpec, arguments: dict[str, Any]) -> None:
        """Returns when the call may run. Asked of every call: also one that only reads may go out to the network.

        Raises:
            ToolFailedError: `APPROVAL_DENIED`, `APPROVAL_EXPIRED`, or `PERMISSION_DENIED` by policy.
        """
        ...


class ToolRunner:
    """The tools of one run."""

    def __init__(
        self,
        tools: Mapping[str, Tool],
        *,
        make_context: ContextMaker,
        save_whole: SaveWhole,
        new_id: Callable[[], str],
        clock: Clock,
        max_result_tokens: int,
        language: Language,
        with_progress: bool,
        approvals: ApprovalGate | None = None,
    ) -> None:
        self._kept: set[str] = set()
        self._approvals = approvals
        self._tools = tools
        self._make_context = make_context
        self._save_whole = save_whole
        self._new_id = new_id
        self._clock = clock
        self._max_result_tokens = max_result_tokens
        self._language: Language = language
        self._with_progress = with_progress

    def announced_arguments(self, raw: str) -> str:
        """The arguments as everybody sees them (stream-runtime.md 4.5 rule 5): as written where they are an object."""
        if _is_too_long(raw):
            return json_text.dumps_text({"_raw": raw[:2000]})
        if is_object_text(raw):
            return raw
        parsed = parse_arguments(raw)
        return json_text.dumps_text({"_raw": raw[:2000]} if parsed is None else parsed)

    async def keep(self, call_id: str, text: str) -> None:
        """Keeps a result that the model is going to see shortened; one that was cut before is kept already."""
        if call_id not in self._kept and whole_result_path(call_id) not in text:
            await self._save_whole(call_id, text)
        self._kept.add(call_id)

    async def run(
        self, pending: Sequence[PendingCall], allowed: Callable[[str], bool] = lambda _: True
    ) -> AsyncGenerator[ToolEvent]:
        """Events of all calls, one `ToolStepDone` each. Closing the generator ends every running tool first.

        Tools that are not `allowed` in the present phase do not run, whatever the model was offered: it may call one
        that it only read of.
        """
        queue: Events = asyncio.Queue()
        slots = asyncio.Semaphore(MAX_PARALLEL)
        tasks: list[asyncio.Task[None]] = []
        files = [self._files_of(item.call) for item in pending]
        for position, item in enumerate(pending):
            before = [
                tasks[other]
                for other in range(position)
                if files[other] & files[position] or self._keep_order(pending[other].call, item.call)
            ]
            tasks.append(asyncio.create_task(self._one(item, before, slots, queue, allowed)))
        for task in tasks:
            task.add_done_callback(lambda done: _pass_on_fault(done, queue))
        left = len(tasks)
        try:
            while left:
                item = await queue.get()
                if isinstance(item, BaseException):
                    raise item
                event, handled = item
                yield event
                handled.set()
                left -= isinstance(event, ToolStepDone)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    def _keep_order(self, earlier: ToolCall, later: ToolCall) -> bool:
        """Whether both are calls that never overlap with others of their kind."""
        first, second = self._tools.get(earlier.name), self._tools.get(later.name)
        return first is not None and second is not None and not (first.spec.parallel_safe or second.spec.parallel_safe)

    def _files_of(self, call: ToolCall) -> frozenset[str]:
        """The workspace files that a call touches, each spelled in one way."""
        tool = self._tools.get(call.name)
        if tool is None or _is_too_long(call.arguments):
            return frozenset()
        spec = tool.spec
        if not spec.path_arguments and spec.files_in is None:
            return frozenset()
        arguments = parse_arguments(call.arguments) or {}
        named = [str(arguments[name]) for name in spec.path_arguments if arguments.get(name)]
        named += spec.files_in(arguments) if spec.files_in is not None else ()
        return frozenset(found for each in named if (found := _spelled(each)))

    async def _one(
        self,
        item: PendingCall,
        before: Sequence["asyncio.Task[None]"],
        slots: asyncio.Semaphore,
        queue: "Events",
        allowed: Callable[[str], bool],
    ) -> None:
        async def tell(event: ToolEvent) -> None:
            handled = asyncio.Event()
            queue.put_nowait((event, handled))
            await handled.wait()

        if before:
            await asyncio.wait(before)
        async with slots:
            with _span_of(item.call) as span:
                outcome = "interrupted"
                try:
                    result: dict[str, Any] | str = await self._attempt(item, tell, allowed)
                    is_error, outcome = False, "ok"
                except ToolFailedError as error:
                    result, is_error, outcome = error_content(error, item.call.name), True, "error"
                    span.fail(error.error_type)
                finally:
                    measures.count("clary_tool_calls_total", tool=item.call.name, outcome=outcome)
                span.content("gen_ai.tool.call.result", lambda: json_text.dumps_text(result))
            await tell(await self._done(item.call, result, is_error=is_error))

    async def _attempt(
        self, item: PendingCall, tell: Callable[[ToolEvent], Awaitable[None]], allowed: Callable[[str], bool]
    ) -> dict[str, Any] | str:
        call = item.call
        tool = self._tools.get(call.name)
        if tool is None:
            raise ToolFailedError(words(_NOT_FOUND.fill(name=call.name[:64]), self._language), "TOOL_NOT_FOUND")
        effect = tool.spec.effect
        if item.state == "maybe_begun" and effect != "read":
            if self._with_progress:
                # What the process that died has shown of it is not known here (4.7).
                await tell(ToolProgressed(call.id, "info", "", closed=True))
            raise ToolFailedError(words(_UNKNOWN, self._language), "OUTCOME_UNKNOWN")
        if not allowed(call.name):
            raise ToolFailedError(words(_NOT_NOW.fill(name=call.name[:64]), self._language), "PERMISSION_DENIED")
        if _is_too_long(call.arguments):
            needed, text = tool.spec.required, words(_TOO_LONG, self._language)
            raise ToolFailedError(text, "INVALID_ARGUMENTS", required_params=needed, provided_params=[])
        arguments = check_arguments(tool.spec, call.arguments, self._language)
        if self._approvals is not None:
            await self._approvals.clear(call, tool.spec, arguments)
        await tell(ToolStepBegan(call, effect))
        return await self._bounded(tool, call, arguments, tell)

    async def _bounded(
        self, tool: Tool, call: ToolCall, arguments: dict[str, Any], tell: Callable[[ToolEvent], Awaitable[None]]
    ) -> dict[str, Any] | str:
        progress = _Progress(call.id, self._clock, self._language, tell) if self._with_progress else None

        async def output(stream: ProgressStream, text: str) -> None:
            if progress is not None:
                progress.add(stream, text)

        began = self._clock.monotonic()
        try:
            async with asyncio.timeout(tool.spec.timeout_seconds):
                return await tool.run(arguments, self._make_context(call.id, output))
        except TimeoutError:
            raise ToolFailedError(words(_TIMEOUT, self._language), "TIMEOUT") from None
        except ToolFailedError as error:
            if error.error_type == "INVALID_ARGUMENTS":
                # A tool that judges its arguments itself knows what is wrong, not what every such answer holds.
                needed = {"required_params": tool.spec.required, "provided_params": list(arguments)}
                error.extra = {**needed, **error.extra}
            raise
        finally:
            measures.observe("clary_tool_seconds", self._clock.monotonic() - began, tool=call.name)
            if progress is not None:
                await progress.close()

    async def _done(self, call: ToolCall, result: dict[str, Any] | str, *, is_error: bool) -> ToolStepDone:
        saved_path = whole_result_path(call.id)
        # A stranger's result has up to ten mebibytes, and cutting it down walks through it many times.
        capped = await asyncio.to_thread(cap_result, result, self._max_result_tokens, saved_path, self._language)
        if capped.whole is not None:
            await self._save_whole(call.id, capped.whole)
        text = capped.result if isinstance(capped.result, str) else json_text.dumps_text(capped.result)
        return ToolStepDone(call, self._new_id(), wire_content(text), text, is_error)


@contextmanager
def _span_of(call: ToolCall) -> Generator[traces.Span]:
    with traces.span(
        f"execute_tool {call.name[:64]}",
        gen_ai__operation__name="execute_tool",
        gen_ai__tool__name=call.name,
        gen_ai__tool__call__id=call.id,
    ) as span:
        span.content("gen_ai.tool.call.arguments", lambda: call.arguments)
        yield span


def _pass_on_fault(task: "asyncio.Task[None]", queue: Events) -> None:
    """A fault in a tool is ours, not the model's: it ends the run."""
    error = None if task.cancelled() else task.exception()
    if error is not None:
        queue.put_nowait(error)


class _Progress:
    """Sends the coalesced output of one call while it runs."""

    def __init__(
        self, call_id: str, clock: Clock, language: Language, tell: Callable[[ToolEvent], Awaitable[None]]
    ) -> None:
        self._call_id = call_id
        self._tell = tell
        self._lines = ProgressCoalescer(clock, language)
        self._work = asyncio.Event()
        self._sender = asyncio.create_task(self._send())

    def add(self, stream: ProgressStream, text: str) -> None:
        """Takes output."""
        self._lines.add(stream, text)
        self._work.set()

    async def _send(self) -> None:
        while True:
            await self._work.wait()
            self._work.clear()
            wait = self._lines.wait_seconds()
            while wait is not None:
                await asyncio.sleep(wait)
                line = self._lines.take()
                if line is not None:
                    await self._tell(ToolProgressed(self._call_id, line.stream, line.text))
                wait = self._lines.wait_seconds()

    async def close(self) -> None:
        """Sends the rest, closing line last; nothing when cancelled."""
        self._sender.cancel()
        await asyncio.gather(self._sender, return_exceptions=True)
        task = asyncio.current_task()
        if task is not None and task.cancelling():
            return
        for line in self._lines.close():
            await self._tell(ToolProgressed(self._call_id, line.stream, line.text, line.closed))


def interrupted_result(call: ToolCall, message_id: str, language: Language) -> ToolStepDone:
    """The result of a call that an interrupt left open (stream-runtime.md 4.5 rule 6)."""
    content = error_content(ToolFailedError(words(_INTERRUPTED, language), "INTERRUPTED"), call.name)
    return ToolStepDone(call, message_id, content, json_text.dumps_text(content), is_error=True)


def _is_too_long(raw: str) -> bool:
    return len(raw.encode("utf-8", "replace")) > MAX_ARGUMENT_BYTES


def _spelled(path: str) -> str:
    """A path as all its spellings are compared; `""` for one that no tool accepts."""
    try:
        # A first part `workspace/` may mean the root or a folder of that name: better one call too many waits.
        return safe_paths.normalise("/" + safe_paths.normalise(path))
    except safe_paths.PathDeniedError:
        return ""
