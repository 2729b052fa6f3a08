"""Programs of a run keep to the room of their workspace (product.md 4.4)."""

import asyncio
from typing import Final

from clary.kit.safe_folders import FolderRoom
from clary.runtime.tools import OutputSink, Sandbox, SandboxCommand, SandboxResult, WorkspaceFullError

LOOK_SECONDS: Final = 2.0


class LimitedSandbox:
    """A sandbox whose programs do not start in a full workspace and are ended when they fill it."""

    def __init__(self, sandbox: Sandbox, room: FolderRoom, *, look_seconds: float = LOOK_SECONDS) -> None:
        self._sandbox = sandbox
        self._room = room
        self._look_seconds = look_seconds

    @property
    def unavailable_reason(self) -> str | None:
        """See `Sandbox.unavailable_reason`."""
        return self._sandbox.unavailable_reason

    async def probe(self) -> None:
        """See `Sandbox.probe`."""
        await self._sandbox.probe()

    async def run(self, command: SandboxCommand, on_output: OutputSink | None = None) -> SandboxResult:
        """See `Sandbox.run`.

        Raises:
            WorkspaceFullError
        """
        await self._require_room(command)
        running = asyncio.ensure_future(self._sandbox.run(command, on_output))
        try:
            while not running.done():
                await asyncio.wait({running}, timeout=self._look_seconds)
                if not running.done():
                    await self._require_room(command)
            return running.result()
        finally:
            if running.cancel():
                await asyncio.wait({running})

    async def _require_room(self, command: SandboxCommand) -> None:
        if await asyncio.to_thread(self._room.is_exceeded, command.workspace):
            raise WorkspaceFullError
