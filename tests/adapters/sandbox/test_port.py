"""What both implementations of the port promise, and how a run reports itself."""

import asyncio
import os
import sys
import time
from pathlib import Path

import pytest
from anyio import fail_after

from clary.adapters.sandbox import BubblewrapSandbox, NoSandbox, SandboxLimits, make_sandbox
from clary.runtime.tools import SandboxCommand, ToolFailedError

pytestmark = pytest.mark.anyio


async def test_a_sandbox_either_runs_programs_or_says_why_not(
    either: BubblewrapSandbox | NoSandbox, workspace: Path
) -> None:
    await either.probe()
    command = SandboxCommand(("/bin/echo", "hello"), workspace)
    if either.unavailable_reason is None:
        with fail_after(20):
            result = await either.run(command)
        assert (result.return_code, result.stdout, result.stderr) == (0, "hello\n", "")
        assert (result.timed_out, result.truncated) == (False, False)
    else:
        with pytest.raises(ToolFailedError, match=either.unavailable_reason):
            await either.run(command)


async def test_an_untried_sandbox_runs_nothing(workspace: Path) -> None:
    sandbox = BubblewrapSandbox(SandboxLimits())
    assert sandbox.unavailable_reason is not None
    with pytest.raises(ToolFailedError):
        await sandbox.run(SandboxCommand(("/bin/true",), workspace))


async def test_the_mode_chooses_the_sandbox() -> None:
    assert isinstance(await make_sandbox("off"), NoSandbox)
    assert isinstance(await make_sandbox("on"), BubblewrapSandbox)


async def test_streams_and_exit_code_are_reported_apart(shell) -> None:
    result = await shell("echo out; echo err >&2; exit 7")
    assert (result.stdout, result.stderr, result.return_code) == ("out\n", "err\n", 7)


async def test_a_signal_is_a_negative_code(shell) -> None:
    assert (await shell("kill -9 $$")).return_code == -9


async def test_output_arrives_while_the_program_runs(shell) -> None:
    heard: list[tuple[str, str]] = []
    first = asyncio.Event()

    async def listen(stream: str, text: str) -> None:
        heard.append((stream, text))
        first.set()

    with fail_after(20):
        running = asyncio.create_task(shell("echo one; read -t 10 < <(sleep 0.5); echo two >&2", on_output=listen))
        await first.wait()
        assert heard == [("stdout", "one\n")]
        assert not running.done()
        await running
    assert heard == [("stdout", "one\n"), ("stderr", "two\n")]


async def test_characters_split_between_reads_stay_whole(shell) -> None:
    heard: list[str] = []

    async def listen(stream: str, text: str) -> None:
        heard.append(text)

    result = await shell(r"printf '\xe4\xb8'; sleep 0.1; printf '\xad\n\xff'", on_output=listen)
    assert result.stdout == "中\n\ufffd"
    assert "".join(heard) == result.stdout


async def test_a_failing_listener_ends_the_run_and_is_heard(shell) -> None:
    async def listen(stream: str, text: str) -> None:
        raise ConnectionError("gone")

    started = time.monotonic()
    with pytest.raises(ConnectionError), fail_after(10):
        await shell("echo one; sleep 60", on_output=listen)
    assert time.monotonic() - started < 5


async def test_files_and_variables_go_both_ways(shell, workspace: Path) -> None:
    (workspace / "in.txt").write_text("from the server")
    (workspace / "deep").mkdir()
    script = "cat in.txt; echo $NAME > deep/out.txt; rm in.txt; ls -d /sage-workspace/deep; pwd"
    result = await shell(script, environment=(("NAME", "a b"),))
    assert (result.stdout, result.stderr) == ("from the server/sage-workspace/deep\n/workspace\n", "")
    assert (workspace / "deep" / "out.txt").read_text() == "a b\n"
    (workspace / "deep" / "out.txt").write_text("changed by the server")
    assert (await shell("cat deep/out.txt && echo more >> deep/out.txt")).return_code == 0


async def test_the_working_folder_is_chosen(shell, workspace: Path) -> None:
    (workspace / "sub").mkdir()
    assert (await shell("pwd", workdir="/workspace/sub")).stdout == "/workspace/sub\n"


@pytest.mark.parametrize("options", [{"workdir": "/workspace/none"}, {"environment": (("A=B", "1"),)}])
async def test_what_cannot_start_fails_without_naming_the_host(shell, workspace: Path, options) -> None:
    with pytest.raises(ToolFailedError) as failure:
        await shell("true", **options)
    assert str(workspace.parent) not in failure.value.message


async def test_runs_do_not_wait_for_each_other(shell) -> None:
    with fail_after(30):
        results = await asyncio.gather(*(shell("sleep 0.3; echo $$") for _ in range(12)))
    assert [result.return_code for result in results] == [0] * 12


async def test_the_loop_goes_on_during_a_run(shell) -> None:
    gaps: list[float] = []

    async def tick() -> None:
        while True:
            before = time.monotonic()
            await asyncio.sleep(0.01)
            gaps.append(time.monotonic() - before)

    ticking = asyncio.create_task(tick())
    with fail_after(30):
        await shell("yes | head -c 200000000")
    ticking.cancel()
    # Generous, because the machine is shared: a blocked loop would show one gap of the whole run.
    assert sorted(gaps)[len(gaps) // 2] < 0.1
    assert len(gaps) > 5


async def test_a_dead_server_takes_its_runs_along(workspace: Path) -> None:
    """The program is started by a second server process, which is then killed without any warning."""
    await make_sandbox("on")
    script = (
        "import asyncio, sys, pathlib\n"
        "from clary.adapters.sandbox import make_sandbox\n"
        "from clary.runtime.tools import SandboxCommand\n"
        "async def main():\n"
        "    sandbox = await make_sandbox('on')\n"
        "    script = 'while true; do date +%s%N > beat; sleep 0.05; done'\n"
        "    await sandbox.run(SandboxCommand(('/bin/bash', '-c', script), pathlib.Path(sys.argv[1])))\n"
        "asyncio.run(main())\n"
    )
    server = await asyncio.create_subprocess_exec(sys.executable, "-c", script, str(workspace))
    with fail_after(30):
        while not (workspace / "beat").exists():
            await asyncio.sleep(0.02)
        os.kill(server.pid, 9)
        await server.wait()
        await asyncio.sleep(0.3)
        last = (workspace / "beat").read_text()
        await asyncio.sleep(0.3)
    assert (workspace / "beat").read_text() == last


async def test_a_server_that_inherits_orphans_keeps_no_zombie(workspace: Path) -> None:
    """As in a container, where the server is the first process and dead children of others become its own."""
    script = (
        "import asyncio, ctypes, os, pathlib, sys\n"
        "from clary.adapters.sandbox import make_sandbox\n"
        "from clary.runtime.tools import SandboxCommand\n"
        "assert ctypes.CDLL(None).prctl(36, 1, 0, 0, 0) == 0\n"
        "async def main():\n"
        "    sandbox = await make_sandbox('on')\n"
        "    for script, seconds in (('true', 9), ('sleep 9', 0.1), ('setsid sleep 9 &', 9)):\n"
        "        argv = ('/bin/sh', '-c', script)\n"
        "        command = SandboxCommand(argv, pathlib.Path(sys.argv[1]), timeout_seconds=seconds)\n"
        "        await sandbox.run(command)\n"
        "    try:\n"
        "        print(os.waitpid(-1, os.WNOHANG))\n"
        "    except ChildProcessError:\n"
        "        print('none')\n"
        "asyncio.run(main())\n"
    )
    with fail_after(30):
        server = await asyncio.create_subprocess_exec(sys.executable, "-c", script, str(workspace), stdout=-1)
        output, _ = await server.communicate()
    assert output == b"none\n"
