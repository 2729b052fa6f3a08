"""The sandbox of Linux hosts that have bubblewrap."""

import asyncio
import logging
import os
import time
from collections.abc import AsyncGenerator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

from clary.adapters.sandbox.command_line import HostPrograms
from clary.adapters.sandbox.control_groups import ControlGroups
from clary.adapters.sandbox.conversing import Conversation, conversing
from clary.adapters.sandbox.launching import HostPlan, RunningProgram, launch
from clary.adapters.sandbox.limits import SandboxLimits
from clary.adapters.sandbox.output import CapturedStream
from clary.adapters.sandbox.seccomp import seccomp_program
from clary.runtime.tools import OutputSink, SandboxCommand, SandboxResult, ToolFailedError

_log = logging.getLogger(__name__)
_UNPROBED: Final = "the sandbox has not been tried yet"
_UNPRIVILEGED_UID: Final = 60_900
"""Belongs to nobody on common distributions, so nothing else of the host runs under it."""
_LAST_OUTPUT_SECONDS: Final = 1.0
_BUFFER_BYTES: Final = 256 * 1024
_PROBE_SECONDS: Final = 10.0
_PROBE: Final = "true && echo works > /workspace/probe && ! echo no > /usr/probe 2>/dev/null"


class BubblewrapSandbox:
    """Runs each program in namespaces of its own (see the room's plaque).

    Not usable before `probe`. As root, programs get an unprivileged account, and the workspace is given to it.
    """

    def __init__(self, limits: SandboxLimits, *, unprivileged_uid: int = _UNPRIVILEGED_UID) -> None:
        self._limits = limits
        self._uid = unprivileged_uid
        self._reason: str | None = _UNPROBED
        self._plan: HostPlan | None = None
        # Threads of its own: bubblewrap dies with the thread that started it, and these stay.
        self._starters = ThreadPoolExecutor(max_workers=4, thread_name_prefix="clary-sandbox")

    @property
    def unavailable_reason(self) -> str | None:
        """See `Sandbox.unavailable_reason`."""
        return self._reason

    @property
    def memory_bound(self) -> str | None:
        """What bounds the memory: `run` (a control group) or `process`; None before `probe`."""
        if self._plan is None:
            return None
        return "run" if self._plan.groups is not None else "process"

    async def probe(self) -> None:
        """See `Sandbox.probe`. Tries the ways to start a run, the most isolated first."""
        programs = HostPrograms.find()
        if isinstance(programs, str):
            self._reason = f"the program {programs} is not installed"
            return
        groups = await asyncio.to_thread(ControlGroups.find)
        plan = HostPlan(programs, self._limits, seccomp_program(), groups, None, own_mounts=False)
        plans = [plan]
        if os.geteuid() == 0:
            dropped = replace(plan, drop_to_uid=self._uid)
            plans = [replace(dropped, own_mounts=True), dropped]
        for candidate in plans:
            self._reason = await self._failure_of(candidate)
            if self._reason is None:
                self._plan = candidate
                return

    async def run(self, command: SandboxCommand, on_output: OutputSink | None = None) -> SandboxResult:
        """See `Sandbox.run`.

        Raises:
            ToolFailedError: the sandbox is unavailable, or the program could not be started.
        """
        if self._plan is None:
            raise ToolFailedError(self._reason or _UNPROBED)
        return await self._run(self._plan, command, on_output)

    @asynccontextmanager
    async def converse(self, command: SandboxCommand) -> AsyncGenerator[Conversation]:
        """Runs a program that is spoken with; it ends with the block. `timeout_seconds` has no meaning here.

        Raises:
            ToolFailedError: the sandbox is unavailable, or the program could not be started.
        """
        if self._plan is None:
            raise ToolFailedError(self._reason or _UNPROBED)
        start = partial(launch, self._plan, command, hears=True)
        starting = asyncio.get_running_loop().run_in_executor(self._starters, start)
        try:
            await _outlast(starting)
            async with conversing(_started(starting).process) as conversation:
                yield conversation
        finally:
            if starting.exception() is None:
                await _outlast(asyncio.create_task(self._end(starting.result())))

    async def _failure_of(self, plan: HostPlan) -> str | None:
        with TemporaryDirectory(prefix="clary-probe-") as folder:
            command = SandboxCommand(("/bin/sh", "-c", _PROBE), Path(folder), timeout_seconds=_PROBE_SECONDS)
            try:
                result = await self._run(plan, command, None)
            except ToolFailedError as error:
                return error.message
            if result.return_code == 0 and await asyncio.to_thread(Path(folder, "probe").is_file):
                return None
            return f"a trial run ended with {result.return_code}"

    async def _run(self, plan: HostPlan, command: SandboxCommand, on_output: OutputSink | None) -> SandboxResult:
        # A task of its own: cancelling the caller, even again and again, must not cut short what cleans up.
        life = asyncio.create_task(self._life(plan, command, on_output))
        try:
            return await asyncio.shield(life)
        except asyncio.CancelledError:
            life.cancel()
            await _outlast(life)
            raise

    async def _life(self, plan: HostPlan, command: SandboxCommand, on_output: OutputSink | None) -> SandboxResult:
        starting = asyncio.get_running_loop().run_in_executor(self._starters, launch, plan, command)
        try:
            await _outlast(starting)
            return await _watched(_started(starting), command, on_output)
        finally:
            if starting.exception() is None:
                await _outlast(asyncio.create_task(self._end(starting.result())))

    async def _end(self, running: RunningProgram) -> None:
        running.kill()
        await running.gone()
        await asyncio.get_running_loop().run_in_executor(self._starters, running.release)


def _started(starting: "asyncio.Future[RunningProgram]") -> RunningProgram:
    try:
        return starting.result()
    except (OSError, ValueError) as error:
        # Its words may name host paths, so they go to the log alone.
        _log.warning("sandbox start failed: %s", error)
        raise ToolFailedError("the sandbox could not start the program") from error


async def _watched(running: RunningProgram, command: SandboxCommand, on_output: OutputSink | None) -> SandboxResult:
    """Follows a program to its end, its time limit, or a failing listener."""
    started = time.monotonic()
    out = CapturedStream("stdout", command.max_output_bytes, on_output)
    err = CapturedStream("stderr", command.max_output_bytes, on_output)
    ended = asyncio.create_task(running.ended())
    readers = [await _reader(running.process.stdout), await _reader(running.process.stderr)]
    drains = [
        asyncio.create_task(stream.drain(reader)) for stream, (reader, _) in zip((out, err), readers, strict=True)
    ]
    try:
        await asyncio.wait({ended, *drains}, timeout=command.timeout_seconds, return_when=asyncio.FIRST_EXCEPTION)
        timed_out = not ended.done()
        running.kill()
        await asyncio.wait(drains, timeout=_LAST_OUTPUT_SECONDS)
        for drain in drains:
            if drain.done():
                drain.result()
    finally:
        await _outlast(asyncio.create_task(_let_go(drains, ended, [transport for _, transport in readers])))
    seconds = time.monotonic() - started
    code = None if timed_out else running.exit_code()
    if code is None and not timed_out:
        # Its words name host paths, so they go to the log alone.
        _log.warning("bubblewrap failed: %s", err.text.strip()[:1000])
        raise ToolFailedError("the sandbox could not start the program")
    return SandboxResult(code, out.text, err.text, timed_out, out.truncated or err.truncated, seconds)


async def _reader(pipe: Any) -> tuple[asyncio.StreamReader, asyncio.BaseTransport]:
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader(limit=_BUFFER_BYTES)
    transport, _ = await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), pipe)
    return reader, transport


async def _let_go(
    drains: list[asyncio.Task[None]], ended: asyncio.Task[None], transports: list[asyncio.BaseTransport]
) -> None:
    for task in (*drains, ended):
        task.cancel()
    await asyncio.wait({*drains, ended})
    for transport in transports:
        transport.close()
    # Transports close their pipes one turn of the loop later.
    await asyncio.sleep(0)


async def _outlast(future: "asyncio.Future[Any]") -> None:
    """Waits for a future to be done, whatever happens to this task; a cancellation is raised afterwards.

    The future's own outcome is left to the caller.
    """
    cancelled: asyncio.CancelledError | None = None
    while not future.done():
        try:
            await asyncio.wait({future})
        except asyncio.CancelledError as error:
            cancelled = error
    if not future.cancelled():
        future.exception()
    if cancelled is not None:
        raise cancelled
