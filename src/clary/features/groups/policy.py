"""Pure decisions about groups (platform.md 7.2)."""

import unicodedata
from collections.abc import Iterable
from typing import Literal

from clary.features.permissions.service import Identity
from clary.kit.text import TextError, has_control_characters

MemberRole = Literal["member", "manager"]

MANUAL = "manual"
MAX_NAME = 64
MAX_DESCRIPTION = 500
MAX_MEMBERS_SHOWN = 5000
MAX_OPTIONS = 1000
MAX_MAPPED = 1000
"""The most groups one outside source may name for a person; what comes after is not looked at (abuse case A16)."""


def clean_name(name: str) -> str:
    """NFC, trimmed.

    Raises:
        ValueError: not 1..64 characters, or control characters in it.
    """
    name = unicodedata.normalize("NFC", name).strip()
    if not 1 <= len(name) <= MAX_NAME:
        raise TextError("应为 1 到 64 个字符", "must have 1 to 64 characters")
    if has_control_characters(name):
        raise TextError("不能包含控制字符", "must not contain control characters")
    return name


def name_key(name: str) -> str:
    """The name as compared: without case and width."""
    return unicodedata.normalize("NFKC", name).strip().casefold()[:256]


def mapped_names(names: Iterable[str]) -> dict[str, str]:
    """Key → name of what an outside source sent, in its order; what cannot be a group's name is left out."""
    found: dict[str, str] = {}
    for name in names:
        try:
            cleaned = clean_name(name)
        except ValueError:
            continue
        found.setdefault(name_key(cleaned), cleaned)
        if len(found) == MAX_MAPPED:
            break
    return found


def shown_source(sources: Iterable[str]) -> str:
    """The one source that the API names: by hand, if that is one of them."""
    return min(sources, key=lambda source: (source != MANUAL, source))


def may_see(identity: Identity, role: MemberRole | None) -> bool:
    """Members and admins see a group; for everybody else it does not exist."""
    return role is not None or identity.is_admin


def may_manage(identity: Identity, role: MemberRole | None) -> bool:
    """Whether the caller may say who belongs and describe the group."""
    return role == "manager" or identity.is_admin
