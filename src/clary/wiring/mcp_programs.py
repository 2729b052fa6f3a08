"""Runs the administrator's MCP programs in the sandbox (product.md 8.7)."""

import asyncio
import shutil
import tempfile
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from clary.adapters.sandbox import BubblewrapSandbox
from clary.features.mcp_servers.ports import McpFailedError, StdioPipes, StdioProgram
from clary.runtime.tools import Sandbox, SandboxCommand, ToolFailedError


class SandboxedPrograms:
    """Fills `StdioHost`. Each program has an empty folder of its own, which goes with it."""

    def __init__(self, sandbox: Callable[[], Sandbox]) -> None:
        self._sandbox = sandbox

    @asynccontextmanager
    async def open(self, program: StdioProgram) -> AsyncGenerator[StdioPipes]:
        """See the port."""
        sandbox = self._sandbox()
        if not isinstance(sandbox, BubblewrapSandbox):
            raise McpFailedError("unreachable")
        folder = Path(await asyncio.to_thread(tempfile.mkdtemp, prefix="clary-mcp-"))
        try:
            command = SandboxCommand((program.command, *program.args), folder, environment=program.env)
            try:
                async with sandbox.converse(command) as pipes:
                    yield pipes
            except ToolFailedError:
                raise McpFailedError("unreachable") from None
        finally:
            await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)
