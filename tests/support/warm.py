"""`clary` in processes of its own that need not import anything: forks of one that has.

To import the server takes longer than most of what tests let it do. A test of the start itself uses a real command.
"""

import asyncio
import multiprocessing
import os
import signal
import sys
from collections.abc import Mapping, Sequence
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from typing import Final

_FORKS: Final = multiprocessing.get_context("forkserver")
# Only what is installed: the process that is forked does not see the folder of the tests.
_FORKS.set_forkserver_preload(["clary.asgi", "clary.cli.kb", "clary.wiring.services", "uvicorn", "uvloop"])


class WarmProcess:
    """A `clary` command in its own process; `stdin` None: nothing to read."""

    def __init__(
        self,
        arguments: Sequence[str],
        *,
        environment: Mapping[str, str],
        folder: Path,
        stdin: Path | None,
        stdout: Path,
        stderr: Path,
    ) -> None:
        self._process: ForkServerProcess = _FORKS.Process(
            target=_run, args=(list(arguments), dict(environment), folder, stdin, stdout, stderr)
        )
        self._process.start()

    @property
    def returncode(self) -> int | None:
        """The exit status, negative for a signal; None while it runs."""
        return self._process.exitcode

    @property
    def pid(self) -> int:
        """Its number."""
        assert self._process.pid is not None
        return self._process.pid

    def kill(self) -> None:
        """kill -9."""
        self._process.kill()

    def send_signal(self, number: signal.Signals) -> None:
        """Any other signal."""
        if self._process.exitcode is None and self._process.pid is not None:
            os.kill(self._process.pid, number)

    def wait_for(self, seconds: float) -> int:
        """Waits for the end.

        Raises:
            TimeoutError: it was killed.
        """
        self._process.join(seconds)
        if self._process.exitcode is None:
            self._process.kill()
            self._process.join()
            raise TimeoutError
        return self._process.exitcode

    async def wait(self) -> int:
        """Waits for the end, however long."""
        await asyncio.to_thread(self._process.join)
        assert self._process.exitcode is not None
        return self._process.exitcode


def _run(
    arguments: list[str],
    environment: dict[str, str],
    folder: Path,
    stdin: Path | None,
    stdout: Path,
    stderr: Path,
) -> None:
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(folder)
    os.setsid()
    for number, path, flags in (
        (0, stdin or Path(os.devnull), os.O_RDONLY),
        (1, stdout, os.O_WRONLY | os.O_CREAT | os.O_APPEND),
        (2, stderr, os.O_WRONLY | os.O_CREAT | os.O_APPEND),
    ):
        file = os.open(path, flags, 0o600)
        os.dup2(file, number)
        os.close(file)
    sys.stdin, sys.stdout, sys.stderr = (open(number, "r" if number == 0 else "w") for number in range(3))  # noqa: SIM115
    sys.argv = ["clary", *arguments]
    from clary.cli import main

    try:
        main()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
