"""Pure decisions: where a workspace lies, what may be written, how a file may be shown."""

import hashlib
from dataclasses import dataclass
from typing import Final

BUILT_IN_AGENT: Final = "default_agent"
OWN_FOLDER: Final = ".clary"
"""What the server keeps in a workspace: results of tools, and what is half done. Read-only for clients."""
SCRATCH: Final = f"{OWN_FOLDER}/incoming"
MIB: Final = 1024 * 1024

_SANDBOXED: Final = frozenset({"text/html", "image/svg+xml", "text/xml", "application/pdf"})
"""Types that can carry scripts: shown only where none of them runs (product.md 4.3, 13 A17)."""


@dataclass(frozen=True, slots=True)
class WorkspaceLimits:
    """What the operator allows (product.md 4.4)."""

    quota_mb: int = 2048
    max_entries: int = 50_000
    upload_mb: int = 100


def is_built_in(agent_id: str | None) -> bool:
    """Whether the workspace belongs to the conversation."""
    return not agent_id or agent_id == BUILT_IN_AGENT


def folder_name(user_id: str, agent_id: str | None, session_id: str) -> str:
    """The name of a workspace's folder: 40 hex digits."""
    if is_built_in(agent_id):
        place = f"session\n{user_id}\n{session_id}"
    else:
        place = f"agent\n{user_id}\n{agent_id}"
    return hashlib.sha256(place.encode()).hexdigest()[:40]


def may_change(relative: str) -> bool:
    """Whether clients may write or delete at a path: neither the root itself nor the server's own folder."""
    return relative.partition("/")[0] not in ("", OWN_FOLDER)


def may_show(content_type: str) -> bool:
    """Whether a browser may show a file instead of saving it."""
    kind = content_type.partition("/")[0]
    return kind in ("text", "image", "audio", "video") or content_type == "application/pdf"


def needs_sandbox(content_type: str) -> bool:
    """Whether what is shown could bring scripts along."""
    return content_type in _SANDBOXED


def with_charset(content_type: str) -> str:
    """The type as a header tells it."""
    return f"{content_type}; charset=utf-8" if content_type.startswith("text/") else content_type
