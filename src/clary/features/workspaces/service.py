"""Where a workspace lies."""

import asyncio
import hashlib
import shutil
from pathlib import Path

from clary.kit.ids import new_hex

BUILT_IN_AGENT = "default_agent"


class WorkspaceService:
    """Folders below one root."""

    def __init__(self, root: Path) -> None:
        self._root = root

    async def ensure(self, user_id: str, agent_id: str | None, session_id: str) -> Path:
        """The folder of a person's agent, or of a conversation with the built-in agent; made when missing."""
        folder = self._folder(user_id, agent_id, session_id)
        await asyncio.to_thread(_make, folder)
        return folder

    async def find_agent_workspace(self, user_id: str, agent_id: str) -> Path | None:
        """The folder a person has with a saved agent; None when there is none."""
        if agent_id == BUILT_IN_AGENT:
            return None
        folder = self._folder(user_id, agent_id, "")
        return folder if await asyncio.to_thread(folder.is_dir) else None

    async def delete_session_workspace(self, user_id: str, session_id: str) -> None:
        """Removes the folder of a conversation with the built-in agent; harmless when there is none."""
        await asyncio.to_thread(_remove, self._folder(user_id, None, session_id))

    async def delete_agent_workspace(self, user_id: str, agent_id: str) -> None:
        """Removes the folder a person has with a saved agent; harmless when there is none."""
        if agent_id != BUILT_IN_AGENT:
            await asyncio.to_thread(_remove, self._folder(user_id, agent_id, ""))

    def _folder(self, user_id: str, agent_id: str | None, session_id: str) -> Path:
        if agent_id and agent_id != BUILT_IN_AGENT:
            place = f"agent\n{user_id}\n{agent_id}"
        else:
            place = f"session\n{user_id}\n{session_id}"
        name = hashlib.sha256(place.encode()).hexdigest()[:40]
        return self._root / name[:2] / name


def _make(folder: Path) -> None:
    folder.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    folder.mkdir(mode=0o700, exist_ok=True)


def _remove(folder: Path) -> None:
    """Takes the folder out of sight first: what a program made undeletable must not come back under the same id."""
    gone = folder.with_name(f".gone-{new_hex(16)}")
    try:
        folder.rename(gone)
    except FileNotFoundError:
        return
    shutil.rmtree(gone, ignore_errors=True)
