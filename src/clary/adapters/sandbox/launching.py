"""Starts one run and holds what ends it. Everything here but `RunningProgram.ended` and `gone` blocks."""

import asyncio
import contextlib
import fcntl
import json
import os
import select
import signal
import subprocess
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import IO, Final, cast

from clary.adapters.sandbox.command_line import (
    GENERATED_FILES,
    HostPrograms,
    bwrap_options,
    limit_options,
)
from clary.adapters.sandbox.control_groups import ControlGroup, ControlGroups
from clary.adapters.sandbox.limits import SandboxLimits
from clary.adapters.sandbox.ownership import give_to
from clary.runtime.tools import SandboxCommand

_START_SECONDS: Final = 10.0
_PIPE_BYTES: Final = 1024 * 1024
_MOUNT_POINT: Final = "/mnt"
# Arguments: the doors of control groups, `--`, a folder to show at the mount point or nothing, the command.
_ENTRY: Final = f"""
echo 1000 >/proc/self/oom_score_adj
while [ "$1" != -- ]; do echo $$ >"$1" || exit 1; shift; done
shift
if [ -n "$1" ]; then mount -n --bind -- "$1" {_MOUNT_POINT} || exit 1; fi
shift
exec "$@"
"""


@dataclass(frozen=True, slots=True)
class HostPlan:
    """How this host starts runs.

    `drop_to_uid`: the account programs get when the server is root, since the kernel counts no processes of root;
    None for an ordinary server. `own_mounts`: the workspace is shown at a public place in a private mount table, as
    that account may not reach it under the server's data directory.
    """

    programs: HostPrograms
    limits: SandboxLimits
    filter_program: bytes | None
    groups: ControlGroups | None
    drop_to_uid: int | None
    own_mounts: bool


@dataclass(slots=True)
class RunningProgram:
    """A started run: bubblewrap outside, and the first process of its own process table inside."""

    process: subprocess.Popen[bytes]
    status: IO[bytes]
    outer: int
    """pidfd of bubblewrap."""
    inner: int | None
    """pidfd of the first process inside: with its end every process of the run is gone. None: never came to be."""
    inner_status: bytes
    group: ControlGroup | None

    def kill(self) -> None:
        """Ends every process of the run; idempotent."""
        for descriptor in (self.inner, self.outer):
            if descriptor is not None:
                with contextlib.suppress(ProcessLookupError):
                    signal.pidfd_send_signal(descriptor, signal.SIGKILL)

    async def ended(self) -> None:
        """Waits for the program's end."""
        await _readable(self.outer)

    async def gone(self) -> None:
        """Waits until no process of the run is left; after `kill`, or after `ended`."""
        await _readable(self.outer)
        if self.inner is not None:
            await _readable(self.inner)

    def exit_code(self) -> int | None:
        """The program's exit code after its end, negative for a signal; None if it was never started."""
        text = self.inner_status + self.status.read()
        for line in text.splitlines():
            with contextlib.suppress(ValueError):
                code = cast("dict[str, int]", json.loads(line)).get("exit-code")
                if code is not None:
                    return _signals_negative(code)
        # Without a report bubblewrap failed, or was killed itself where the run's memory ended.
        outcome = _signals_negative(self.process.wait())
        return outcome if outcome < 0 and self.inner is not None else None

    def release(self) -> None:
        """Reaps and closes everything, after `gone`."""
        self.process.wait()
        if self.inner is not None:
            # Ours only where this server is the host's first process and inherits orphans.
            with contextlib.suppress(ChildProcessError):
                os.waitid(os.P_PIDFD, self.inner, os.WEXITED | os.WNOHANG)
            os.close(self.inner)
        os.close(self.outer)
        for stream in (self.status, self.process.stdin, self.process.stdout, self.process.stderr):
            if stream is not None:
                stream.close()
        if self.group is not None:
            self.group.remove()


def _signals_negative(code: int) -> int:
    # bubblewrap reports signals as a shell does.
    return 128 - code if 128 < code <= 192 else code


def launch(plan: HostPlan, command: SandboxCommand, *, hears: bool = False) -> RunningProgram:
    """Starts a program and returns when its process table exists, or bubblewrap has given up.

    One that `hears` has an input that is not empty.

    Must run in a thread that lives as long as the program: the kernel ends bubblewrap with its parent thread.

    Raises:
        OSError, ValueError: nothing was started.
    """
    if plan.drop_to_uid is not None:
        give_to(command.workspace, plan.drop_to_uid)
    group = plan.groups.make(plan.limits) if plan.groups is not None else None
    try:
        return _started(plan, command, group, hears=hears)
    except BaseException:
        if group is not None:
            group.remove()
        raise


def _started(plan: HostPlan, command: SandboxCommand, group: ControlGroup | None, *, hears: bool) -> RunningProgram:
    read_end, write_end = os.pipe2(os.O_CLOEXEC)
    status = os.fdopen(read_end, "rb")
    try:
        with _memory_files() as keep:
            argv = _argv(plan, command, group, write_end, keep)
            process = subprocess.Popen(
                argv,
                stdin=subprocess.PIPE if hears else subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                bufsize=0,
                cwd="/",
                # bubblewrap's own environment can be read inside at /proc/1/environ.
                env={},
                pass_fds=(write_end, *keep.descriptors),
                start_new_session=True,
            )
    except BaseException:
        status.close()
        raise
    finally:
        os.close(write_end)
    for pipe in (process.stdout, process.stderr):
        # Larger pipes drain a flood with fewer turns of the loop; an account may have used up its share of them.
        with contextlib.suppress(OSError):
            fcntl.fcntl(cast("IO[bytes]", pipe), fcntl.F_SETPIPE_SZ, _PIPE_BYTES)
    outer = os.pidfd_open(process.pid)
    first = _first_status(read_end)
    return RunningProgram(process, status, outer, _inner(first), first, group)


def _argv(
    plan: HostPlan, command: SandboxCommand, group: ControlGroup | None, status: int, keep: "_MemoryFiles"
) -> list[str]:
    files = {path: keep.add(content) for path, content in GENERATED_FILES.items()}
    options = bwrap_options(
        workspace=_MOUNT_POINT if plan.own_mounts else str(command.workspace),
        workdir=command.workdir,
        environment=tuple(command.environment),
        files=files,
        tmp_mb=plan.limits.tmp_mb,
    )
    options += ["--json-status-fd", str(status)]
    if plan.filter_program is not None:
        options += ["--seccomp", str(keep.add(plan.filter_program))]
    # By descriptor, as the command line can be read inside at /proc/1/cmdline and would show the host's paths.
    arguments = keep.add(b"".join(os.fsencode(option) + b"\0" for option in options))
    programs = plan.programs
    argv = [programs.unshare, "--mount", "--"] if plan.own_mounts else []
    argv += [programs.sh, "-c", _ENTRY, "sh", *(group.doors if group else ()), "--"]
    argv.append(str(command.workspace) if plan.own_mounts else "")
    if plan.drop_to_uid is not None:
        account = str(plan.drop_to_uid)
        argv += [programs.setpriv, f"--reuid={account}", f"--regid={account}", "--clear-groups", "--"]
    argv += [programs.bwrap, "--args", str(arguments), "--"]
    argv += [programs.prlimit, *limit_options(plan.limits, memory_is_grouped=group is not None), "--"]
    return [*argv, *command.argv]


class _MemoryFiles:
    """Files without a name, handed to the child by number."""

    def __init__(self) -> None:
        self.descriptors: list[int] = []

    def add(self, content: bytes) -> int:
        """The descriptor of a new file, at its beginning."""
        descriptor = os.memfd_create("data")
        self.descriptors.append(descriptor)
        with os.fdopen(os.dup(descriptor), "wb") as file:
            file.write(content)
        os.lseek(descriptor, 0, os.SEEK_SET)
        return descriptor


@contextmanager
def _memory_files() -> Generator[_MemoryFiles]:
    files = _MemoryFiles()
    try:
        yield files
    finally:
        for descriptor in files.descriptors:
            os.close(descriptor)


def _first_status(descriptor: int) -> bytes:
    """The first status line, which names the process inside; less if bubblewrap gave up before."""
    text = b""
    waiting = select.poll()
    waiting.register(descriptor, select.POLLIN | select.POLLHUP)
    while b"\n" not in text and waiting.poll(_START_SECONDS * 1000):
        piece = os.read(descriptor, 4096)
        if not piece:
            break
        text += piece
    return text


def _inner(status: bytes) -> int | None:
    line, newline, _ = status.partition(b"\n")
    if not newline:
        return None
    with contextlib.suppress(ProcessLookupError):
        return os.pidfd_open(cast("dict[str, int]", json.loads(line))["child-pid"])
    return None


async def _readable(descriptor: int) -> None:
    loop = asyncio.get_running_loop()
    ready = loop.create_future()

    def settle() -> None:
        if not ready.done():
            ready.set_result(None)

    # A reader of its own: several may wait for one descriptor, but a loop knows one callback per number.
    own = os.dup(descriptor)
    loop.add_reader(own, settle)
    try:
        await ready
    finally:
        loop.remove_reader(own)
        os.close(own)
