"""Who gets an object, and its content piece by piece (platform.md 10.3)."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass
from typing import Final

import structlog

from clary.db.database import Database, UnavailableError
from clary.features.audit.service import AuditLog, AuditObject
from clary.features.files.errors import FileMissingError
from clary.features.files.links import FileLinks, is_bundle
from clary.features.files.policy import Kind, csp_of, header_type, is_shown
from clary.features.files.ports import ObjectMissingError, ObjectStore, StoreUnavailableError
from clary.features.files.repository import FileRepository
from clary.features.files.tables import FileRow
from clary.features.permissions.service import Identity, Target, Verb, examine, is_allowed
from clary.http.conditional import Version
from clary.kit.file_names import disposition

log = structlog.get_logger()

LINK_SECONDS: Final = 60
_CACHING: Final[dict[Kind, str]] = {
    # Each upload has a key of its own, so that what a key names never changes.
    "random": "private, max-age=86400, immutable",
    "named": "private, no-cache",
    "bundle": "public, max-age=300",
}


@dataclass(frozen=True, slots=True)
class OpenFile:
    """An object that the caller may have. `link`: where the store gives it out itself."""

    store: ObjectStore
    blob: str
    key: str
    content_type: str
    version: Version
    headers: dict[str, str]
    link: str | None = None

    @property
    def media_type(self) -> str:
        """The type as a header tells it."""
        return header_type(self.content_type)

    async def pieces(self, start: int, end: int) -> AsyncGenerator[bytes]:
        """The bytes from `start` up to, not including, `end`.

        Raises:
            UnavailableError: the store is away.
            FileMissingError: the object was replaced or deleted meanwhile.
        """
        try:
            async with aclosing(self.store.read(self.blob, start, end)) as found:
                async for piece in found:
                    yield piece
        except StoreUnavailableError as error:
            raise UnavailableError from error
        except ObjectMissingError as error:
            log.warning("content_missing", key=self.key)
            raise FileMissingError from error


class FileReading:
    """Lets people and runs have objects."""

    def __init__(
        self, *, database: Database, store: ObjectStore, audit: AuditLog, links: FileLinks, redirects: bool
    ) -> None:
        self._database = database
        self._audit = audit
        self._store = store
        self._links = links
        self._redirects = redirects

    async def open(self, *, identity: Identity | None, key: str, signature: str, saves: bool) -> OpenFile:
        """The object of a key; `saves`: never shown in place. What only an administrator may see is noted.

        Raises:
            FileMissingError: unknown, deleted, or not for this caller.
            UnavailableError
        """
        async with self._database.read() as db:
            row = await FileRepository(db).find(key)
        if row is None:
            raise FileMissingError
        if not (is_bundle(row.key) or self._links.is_signed(row.key, signature)):
            if identity is None or not may(identity, "read", row):
                raise FileMissingError
            await self._audit.record_admin_read(identity, AuditObject("file", row.id, row.owner_id))
        return await self._opened(row, saves)

    async def read_for(self, *, user_id: str, address: str, max_bytes: int) -> bytes | None:
        """What an address of ours holds, for a run of a person; None for an address that is none of ours.

        Raises:
            FileMissingError: not here, not for this person, or larger than `max_bytes`.
            UnavailableError
        """
        named = self._links.named_by(address)
        if named is None:
            return None
        async with self._database.read() as db:
            row = await FileRepository(db).find(named.key)
        is_whole_address = not address.startswith("/")
        if row is None and is_whole_address and not self._links.knows_origin:
            # Perhaps another server of this kind: its address is one of the web.
            return None
        if row is None or row.size > max_bytes or not self._may_have(user_id, row, named.signature):
            raise FileMissingError
        opened = await self._opened(row, saves=True)
        return b"".join([piece async for piece in opened.pieces(0, row.size)])

    def _may_have(self, user_id: str, row: FileRow, signature: str) -> bool:
        is_own = bool(user_id) and row.owner_id == user_id
        return is_own or is_bundle(row.key) or self._links.is_signed(row.key, signature)

    async def _opened(self, row: FileRow, saves: bool) -> OpenFile:
        in_place = is_shown(row.content_type) and not saves
        headers = {
            "Content-Disposition": disposition(row.filename, inline=in_place),
            "Content-Security-Policy": csp_of(row.content_type),
            "Cross-Origin-Resource-Policy": "cross-origin",
            "X-Content-Type-Options": "nosniff",
            "Cache-Control": _CACHING[row.kind],
        }
        version = Version(row.size, row.updated_at.timestamp(), f'"{row.sha256[:32]}"')
        link = await self._link(row, in_place)
        return OpenFile(self._store, row.blob, row.key, row.content_type, version, headers, link)

    async def _link(self, row: FileRow, in_place: bool) -> str | None:
        # The store answers with the disposition it was given; for the other one the content goes through here.
        if not self._redirects or in_place != is_shown(row.content_type):
            return None
        try:
            return await self._store.link(row.blob, seconds=LINK_SECONDS)
        except StoreUnavailableError as error:
            raise UnavailableError from error


def may(identity: Identity, verb: Verb, row: FileRow) -> bool:
    """Owner and admins, within the scopes of their credential."""
    return is_allowed(examine(identity, verb, target_of(row), is_active=True))


def target_of(row: FileRow) -> Target:
    """What the rule has to know of an object. A bundle is the server's: everybody reads it, admins do the rest."""
    is_open = is_bundle(row.key)
    return Target("file", row.key, "" if is_open else row.owner_id or "", is_open=is_open)
