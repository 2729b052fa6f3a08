"""Images that messages bring along become files of the workspace (stream-runtime.md 4.1, Binary)."""

import asyncio
import base64
import binascii
import hashlib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final, cast

from clary.db.session import Session
from clary.features.conversations.service import ConversationRow, NewMessage
from clary.features.toolbox.ports import Room
from clary.features.toolbox.service import kept_where_room
from clary.features.workspaces.service import WorkspaceService
from clary.kit.image_facts import image_facts

FOLDER: Final = ".clary/images"
_BASE64: Final = ";base64,"


class ImageFiles:
    """Named by what is in them, so that one that is sent twice is kept once."""

    def __init__(self, workspaces: WorkspaceService, room: Room) -> None:
        self._workspaces = workspaces
        self._room = room

    async def keep(
        self, db: Session, conversation: ConversationRow, messages: Sequence[NewMessage]
    ) -> tuple[NewMessage, ...]:
        """The messages with paths in place of `data:` images. What is no image or finds no room stays as it was."""
        return tuple(
            [replace(each, content=await self.keep_content(db, conversation, each.content)) for each in messages]
        )

    async def keep_content(self, db: Session, conversation: ConversationRow, content: Any) -> Any:
        """The same of one message's content."""
        if not _has_inline(content):
            return content
        workspace = await self._workspaces.ensure_in(
            db, conversation.user_id, conversation.agent_id, conversation.session_id
        )
        return await self.keep_at(workspace, content)

    async def keep_at(self, workspace: Path, content: Any) -> Any:
        """The same in a workspace that is known already."""
        if not _has_inline(content):
            return content
        return await asyncio.to_thread(lambda: [self._part(part, workspace) for part in content])

    def _part(self, part: dict[str, Any], workspace: Path) -> dict[str, Any]:
        url = _inline_url(part)
        path = self._written(url, workspace) if url else None
        return part if path is None else {**part, "image_url": {"url": path}}

    def _written(self, url: str, workspace: Path) -> str | None:
        head, _, encoded = url.partition(_BASE64)
        try:
            content = base64.b64decode(encoded, validate=True)
        except (binascii.Error, ValueError):
            return None
        facts = image_facts(content)
        if facts is None or not head:
            return None
        ending = facts.media_type.removeprefix("image/")
        path = f"{FOLDER}/{hashlib.sha256(content).hexdigest()[:32]}.{ending}"
        # Where it finds no room the message itself still holds the image: nothing is lost.
        return kept_where_room(self._room, workspace, path, content)


def _has_inline(content: Any) -> bool:
    return isinstance(content, list) and any(_inline_url(part) for part in cast("list[Any]", content))


def _inline_url(part: Any) -> str:
    url = str(part["image_url"]["url"]) if part.get("type") == "image_url" else ""
    return url if url.startswith("data:image/") else ""
