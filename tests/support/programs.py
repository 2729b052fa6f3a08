"""Programs that a test starts and waits for."""

import asyncio
import os
from pathlib import Path


async def finished(*command: str, cwd: Path, seconds: float = 150, **environment: str) -> tuple[int, str]:
    """(exit status, what it said) of a program, which may take so long."""
    process = await asyncio.create_subprocess_exec(
        *command,
        cwd=cwd,
        env={**os.environ, **environment},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    async with asyncio.timeout(seconds):
        said, _ = await process.communicate()
    return process.returncode or 0, said.decode("utf-8", "replace")
