"""Addresses from which skills are imported (product.md 7.4)."""

import re
from typing import Final, NamedTuple
from urllib.parse import unquote, urlsplit, urlunsplit

_TREE: Final = re.compile(r"/([A-Za-z0-9._-]+)/([A-Za-z0-9._-]+)/(?:tree|blob)/([^/]+)(?:/(.*))?")


class ArchiveAddress(NamedTuple):
    """What to download, and the folder in it that the address itself names."""

    url: str
    subpath: str | None


def archive_address(url: str) -> ArchiveAddress:
    """An address as it is; a folder shown by GitHub as the archive of its branch."""
    try:
        parts = urlsplit(url)
        host = (parts.hostname or "").lower()
    except ValueError:
        return ArchiveAddress(url, None)
    found = _TREE.fullmatch(parts.path.rstrip("/")) if host in ("github.com", "www.github.com") else None
    if parts.scheme != "https" or found is None:
        return ArchiveAddress(url, None)
    owner, repository, ref, path = found.groups()
    folder = unquote(path or "").removesuffix("SKILL.md").strip("/")
    return ArchiveAddress(f"https://codeload.github.com/{owner}/{repository}/zip/{ref}", folder or None)


def shown_address(url: str) -> str:
    """The address as it is kept: what follows `?` may be a secret."""
    try:
        parts = urlsplit(url)
        return urlunsplit((parts.scheme, parts.netloc, parts.path, "", ""))
    except ValueError:
        return ""
