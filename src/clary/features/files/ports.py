"""What files need from the world."""

from collections.abc import AsyncGenerator
from pathlib import Path
from typing import NamedTuple, Protocol


class ObjectMissingError(Exception):
    """The store has nothing of this name."""


class StoreUnavailableError(Exception):
    """The store does not answer, or refuses what it is asked."""


class ObjectStore(Protocol):
    """Keeps whole contents by name. Names are made here: letters, digits and slashes, never a person's choice."""

    async def put(self, name: str, source: Path, *, content_type: str, disposition: str) -> None:
        """Stores a file in one step; nobody ever sees a part of it. The source may be gone afterwards.

        Type and disposition are what an address of `link` answers with.

        Raises:
            StoreUnavailableError
        """
        ...

    def read(self, name: str, start: int, end: int) -> AsyncGenerator[bytes]:
        """The bytes from `start` up to, not including, `end`, in pieces; to be closed.

        Raises:
            ObjectMissingError, StoreUnavailableError: at the first piece, or later if it happens then.
        """
        ...

    async def remove(self, name: str) -> None:
        """Removes a content; nothing happens when there is none.

        Raises:
            StoreUnavailableError
        """
        ...

    async def link(self, name: str, *, seconds: int) -> str | None:
        """An address at which the store itself gives out a content for a while; None: it does not do that."""
        ...

    async def check(self) -> None:
        """Returns when the store answers.

        Raises:
            StoreUnavailableError
        """
        ...


class DownloadError(Exception):
    """Nothing usable came. Deliberately does not say why."""


class DownloadBlockedError(Exception):
    """The server may not go to this address."""


class DownloadTooLargeError(Exception):
    """More came than is taken."""


class Downloaded(NamedTuple):
    """What came: the name that the server or else the address gives it, as sent, and its size."""

    name: str
    size: int


class FileDownloads(Protocol):
    """Fetches what a person named, within the rules for such addresses."""

    async def fetch(self, url: str, target: Path, *, max_bytes: int) -> Downloaded:
        """Writes what lies at an http or https address to a new file.

        Raises:
            DownloadError, DownloadBlockedError, DownloadTooLargeError
        """
        ...
