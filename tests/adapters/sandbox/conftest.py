"""The real sandbox, its twin, and a workspace that only the server may reach."""

import asyncio
import os
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from pathlib import Path

import pytest

from clary.adapters.sandbox import BubblewrapSandbox, NoSandbox, SandboxLimits
from clary.runtime.tools import OutputSink, SandboxCommand, SandboxResult

Shell = Callable[..., Awaitable[SandboxResult]]


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    """A folder under a parent that is closed to others, as a data directory is."""
    tmp_path.chmod(0o700)
    folder = tmp_path / "workspaces" / "own"
    folder.mkdir(parents=True)
    return folder


async def probed(limits: SandboxLimits) -> BubblewrapSandbox:
    """A working sandbox, or a failed test."""
    if shutil.which("bwrap") is None and os.environ.get("CLARY_TEST_ALLOW_NO_SANDBOX") == "1":
        pytest.skip("bubblewrap is not installed here, and CLARY_TEST_ALLOW_NO_SANDBOX=1")
    sandbox = BubblewrapSandbox(limits)
    await sandbox.probe()
    assert sandbox.unavailable_reason is None
    return sandbox


@pytest.fixture
async def sandbox() -> AsyncIterator[BubblewrapSandbox]:
    """The real one, with small limits; a test may not leave a descriptor or a child behind."""
    made = await probed(SandboxLimits(cpu_seconds=60, memory_mb=256, processes=40, file_mb=16, tmp_mb=16))
    await asyncio.sleep(0)
    before, others = os.listdir("/proc/self/fd"), children()
    yield made
    await asyncio.sleep(0)
    assert len(os.listdir("/proc/self/fd")) <= len(before) + 1
    assert children() <= others


def children() -> set[str]:
    """Ids of the processes that this one began, also of those that ended and that nobody has waited for."""
    found: set[str] = set()
    for path in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            # After the name, which may hold anything: state, then the parent.
            if path.read_text().rpartition(") ")[2].split()[1] == str(os.getpid()):
                found.add(path.parent.name)
    return found


@pytest.fixture(params=["bubblewrap", "none"])
async def either(request: pytest.FixtureRequest) -> BubblewrapSandbox | NoSandbox:
    """Each implementation of the port."""
    if request.param == "none":
        return NoSandbox("switched off")
    return await probed(SandboxLimits())


@pytest.fixture
def shell(sandbox: BubblewrapSandbox, workspace: Path) -> Shell:
    """Runs a script in the sandbox."""

    async def run(
        script: str, *, timeout_seconds: float = 20.0, on_output: OutputSink | None = None, **options: object
    ) -> SandboxResult:
        command = SandboxCommand(("/bin/bash", "-c", script), workspace, timeout_seconds=timeout_seconds, **options)  # type: ignore[arg-type]
        return await sandbox.run(command, on_output)

    return run
