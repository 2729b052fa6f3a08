"""Tools end where a workspace is full (product.md 4.4)."""

import asyncio
import time
from pathlib import Path
from typing import Final

from clary.features.toolbox.ports import Room
from clary.kit import safe_paths
from clary.kit.text import Text
from clary.runtime.tools import SandboxCommand, SandboxResult, ToolContext, ToolFailedError
from clary.runtime.toolset import Language, words

LOOK_SECONDS: Final = 2.0
"""Between two looks at what a program has written."""
_SHARE: Final = 20
"""A large workspace is looked at less often, so that looking takes a twentieth of the time at most."""
_FULL: Final = Text("存储空间不足，上限 {n} MB", "Storage quota exceeded, limit {n} MB")


def require_room(room: Room, context: ToolContext, relative: str, size: int) -> None:
    """Says whether a file fits in, in place of what is there. Blocks.

    Raises:
        ToolFailedError: it does not.
    """
    if not room.fits(context.workspace, relative, size):
        raise _full(room, context.language)


def kept_where_room(room: Room, workspace: Path, relative: str, content: bytes) -> str | None:
    """Writes what a run goes on without: the path as models name it, or None where it finds no room. Blocks.

    What an agent did to the folder, or a full disk, costs the file and not the run.
    """
    if not room.fits(workspace, relative, len(content)):
        return None
    try:
        safe_paths.write_atomically(workspace, relative, content)
    except (OSError, safe_paths.PathError):
        return None
    return f"/workspace/{relative}"


async def run_within(room: Room, command: SandboxCommand, context: ToolContext, not_started: str) -> SandboxResult:
    """Runs a program, which is ended once its workspace holds more than it may.

    Raises:
        ToolFailedError: the workspace is full, before or after; or the program did not start, in the given words.
    """
    if await asyncio.to_thread(room.is_exceeded, command.workspace):
        raise _full(room, context.language)
    running = asyncio.create_task(context.sandbox.run(command, context.progress))
    watching = asyncio.create_task(_until_full(room, command.workspace))
    try:
        await asyncio.wait({running, watching}, return_when=asyncio.FIRST_COMPLETED)
        if not running.done():
            raise _full(room, context.language)
        return running.result()
    except ToolFailedError:
        if running.done():
            raise ToolFailedError(not_started) from None
        raise
    finally:
        running.cancel()
        watching.cancel()
        await asyncio.gather(running, watching, return_exceptions=True)


async def _until_full(room: Room, workspace: Path) -> None:
    pause = LOOK_SECONDS
    while True:
        await asyncio.sleep(pause)
        begun = time.monotonic()
        if await asyncio.to_thread(room.is_exceeded, workspace):
            return
        pause = max(LOOK_SECONDS, _SHARE * (time.monotonic() - begun))


def _full(room: Room, language: Language) -> ToolFailedError:
    return ToolFailedError(words(_FULL.fill(n=room.limit_mb), language))
