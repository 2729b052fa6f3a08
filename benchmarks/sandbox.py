"""The sandbox: what a command costs beside its own work, against starting the same program outside.

Usage: `make bench`, or `python benchmarks/sandbox.py --times 50`. The aim is a start below 50 ms.
"""

import argparse
import asyncio
import statistics
import subprocess
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

from clary.adapters.sandbox import BubblewrapSandbox, SandboxLimits
from clary.runtime.tools import SandboxCommand

AIM_MS = 50.0
TRUE = ("/bin/true",)
PYTHON = ("/usr/bin/env", "python3", "-I", "-c", "pass")


async def timed(times: int, call: Callable[[], Awaitable[object]]) -> list[float]:
    """Milliseconds of each call, one after the other, after one that warms up."""
    await call()
    taken: list[float] = []
    for _ in range(times):
        began = time.perf_counter()
        await call()
        taken.append((time.perf_counter() - began) * 1000)
    return sorted(taken)


def row(name: str, taken: list[float]) -> str:
    """One line of the table."""
    return f"| {name} | {statistics.median(taken):.1f} | {taken[int(len(taken) * 0.95)]:.1f} |"


async def run(times: int, parallel: int) -> None:
    """Prints the table."""
    sandbox = BubblewrapSandbox(SandboxLimits())
    await sandbox.probe()
    if sandbox.unavailable_reason is not None:
        raise SystemExit(f"no sandbox here: {sandbox.unavailable_reason}")
    with tempfile.TemporaryDirectory() as folder:
        workspace = Path(folder) / "workspace"
        workspace.mkdir()

        async def inside(argv: tuple[str, ...]) -> None:
            result = await sandbox.run(SandboxCommand(argv, workspace))
            if result.return_code != 0:
                raise SystemExit(f"{argv[0]} ended with {result.return_code}: {result.stderr}")

        async def outside() -> None:
            await asyncio.to_thread(subprocess.run, TRUE, check=True)

        async def together() -> None:
            await asyncio.gather(*(inside(TRUE) for _ in range(parallel)))

        print("| command | p50 ms | p95 ms |\n|---|---:|---:|")
        print(row("`true` outside", await timed(times, outside)))
        started = await timed(times, lambda: inside(TRUE))
        print(row("`true` in the sandbox", started))
        print(row("`python3 -c pass` in the sandbox", await timed(times, lambda: inside(PYTHON))))
        print(row(f"{parallel} × `true` at once, all of them", await timed(max(times // parallel, 1), together)))
    print(f"\naim: a start below {AIM_MS:.0f} ms; {'met' if statistics.median(started) < AIM_MS else 'not met'}")


def main() -> None:
    """Reads the arguments and measures."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--times", type=int, default=50)
    arguments.add_argument("--parallel", type=int, default=8)
    given = arguments.parse_args()
    asyncio.run(run(given.times, given.parallel))


if __name__ == "__main__":
    main()
