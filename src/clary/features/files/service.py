"""Use cases on files: the door of the slice (platform.md 10)."""

import asyncio
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, NamedTuple

from clary.db.database import Database
from clary.db.session import Session
from clary.features.files.errors import (
    DownloadFailedError,
    FileMissingError,
    FileTooLargeError,
    PathInvalidError,
    RemoteEmptyError,
)
from clary.features.files.keeping import FileKeeping, FileLimits
from clary.features.files.links import FileLinks, OwnAddress, is_bundle
from clary.features.files.policy import Wish, is_shown, place_of, read_path
from clary.features.files.ports import (
    DownloadBlockedError,
    DownloadError,
    DownloadTooLargeError,
    FileDownloads,
    StoreUnavailableError,
)
from clary.features.files.reading import FileReading, OpenFile, may, target_of
from clary.features.files.receiving import MIB, Received, ScratchFolder, examine, save
from clary.features.files.repository import FileRepository
from clary.features.files.tables import FileRow
from clary.features.permissions.service import Identity, Target
from clary.http.multipart import FormPart, FormReader
from clary.http.paging import Page
from clary.http.problems import OutboundRefusedError, RoleMissingError, ValidationFailedError
from clary.kit.clock import wire_time
from clary.kit.ids import new_base32
from clary.kit.text import Text

__all__ = [
    "FileKeeping",
    "FileLimits",
    "FileLinks",
    "FileReading",
    "FileService",
    "OpenFile",
    "OwnAddress",
    "ScratchFolder",
    "StoreUnavailableError",
    "is_shown",
]

IMPORT_MAX_MB: Final = 25
KEY_CHARACTERS: Final = 26
_MISSING: Final = Text("缺少必填字段", "field required")
_ONE: Final = Text("只能上传一个文件", "one file at a time")

Json = dict[str, Any]


@dataclass(slots=True)
class _Form:
    received: Received | None = None
    filename: str = ""
    path: str | None = None


class StoredFile(NamedTuple):
    """An object as its owner is told of it."""

    key: str
    url: str
    filename: str
    size: int
    content_type: str
    sha256: str
    created_at: datetime

    def as_wire(self, *fields: str) -> Json:
        """Some fields as answers hold them."""
        whole = self._asdict() | {"created_at": wire_time(self.created_at)}
        return {field: whole[field] for field in fields}


class FileService:
    """What people do with their files. `peer_origin`: how the request at hand came, for addresses in the answer."""

    def __init__(
        self,
        *,
        database: Database,
        keeping: FileKeeping,
        links: FileLinks,
        scratch: ScratchFolder,
        downloads: FileDownloads,
        limits: FileLimits,
    ) -> None:
        self._database = database
        self._keeping = keeping
        self._links = links
        self._scratch = scratch
        self._downloads = downloads
        self._limits = limits

    async def upload(self, *, identity: Identity, form: FormReader, peer_origin: str) -> StoredFile:
        """Takes the file of a form in; with `path` it gets that key and replaces what was there.

        Raises:
            FileTooLargeError, QuotaExceededError, PathInvalidError, RoleMissingError, ValidationFailedError,
            UnavailableError
        """
        async with self._scratch.new_file() as path:
            sent = _Form()
            async for part in form.parts():
                await self._take(part, sent, identity, path)
            if sent.received is None:
                raise _invalid("file", _MISSING)
            wish = self._wish(sent.path, identity)
            self._require_size(sent.received, wish)
            return await self._keep(sent.received, wish, sent.filename, identity, peer_origin)

    async def import_url(self, *, identity: Identity, url: str, peer_origin: str) -> StoredFile:
        """Takes in what lies at an address.

        Raises:
            OutboundRefusedError, DownloadFailedError, RemoteEmptyError, FileTooLargeError, QuotaExceededError,
            UnavailableError
        """
        async with self._scratch.new_file() as path:
            try:
                found = await self._downloads.fetch(url, path, max_bytes=IMPORT_MAX_MB * MIB)
            except DownloadBlockedError:
                raise OutboundRefusedError from None
            except DownloadTooLargeError:
                raise FileTooLargeError(IMPORT_MAX_MB) from None
            except DownloadError:
                raise DownloadFailedError from None
            if found.size == 0:
                raise RemoteEmptyError
            received = await asyncio.to_thread(examine, path)
            return await self._keep(received, None, found.name, identity, peer_origin)

    async def delete(self, *, identity: Identity, key: str) -> None:
        """Removes an object of one's own; an admin anybody's.

        Raises:
            FileMissingError, UnavailableError
        """
        async with self._database.write() as db:
            row = await FileRepository(db).find(key)
            if row is None or not may(identity, "delete", row):
                raise FileMissingError
            blob = await self._keeping.take_away(db, row, identity=identity)
        await self._keeping.remove_contents([blob])

    async def list_page(
        self, db: Session, *, identity: Identity, owner_id: str | None, page: Page, text: str | None, peer_origin: str
    ) -> Json:
        """A person's objects, newest first; somebody else's only for an admin.

        Raises:
            RoleMissingError
        """
        whose = owner_id or identity.user_id
        if whose != identity.user_id and not identity.is_admin:
            raise RoleMissingError
        files = FileRepository(db)
        rows, total = await files.page(whose, text=text, offset=page.offset, limit=page.size)
        fields = ("key", "url", "filename", "size", "content_type", "created_at")
        return {
            "items": [self._shown(row, peer_origin).as_wire(*fields) for row in rows],
            "total": total,
            "used_bytes": await files.used_bytes(whose),
            "quota_bytes": self._limits.quota_mb * MIB,
        }

    async def sum_bytes(self, db: Session) -> int:
        """How much everything takes that is stored."""
        return await FileRepository(db).sum_bytes()

    async def find_target(self, db: Session, *, object_id: str) -> Target | None:
        """What the rule has to know of an object, by its key."""
        row = await FileRepository(db).find(object_id)
        return None if row is None else target_of(row)

    async def is_bundle_address(self, db: Session, address: str, *, peer_origin: str) -> bool:
        """Whether a whole address names a release file that is here; a path alone leads an updater nowhere."""
        named = None if address.startswith("/") else self._links.named_by(address, peer_origin=peer_origin)
        return named is not None and is_bundle(named.key) and await FileRepository(db).find(named.key) is not None

    async def _take(self, part: FormPart, sent: _Form, identity: Identity, target: Any) -> None:
        if part.name == "path" and part.filename is None:
            sent.path = await part.text()
            self._wish(sent.path, identity)
        elif part.name == "file" and part.filename is not None:
            if sent.received is not None:
                raise _invalid("file", _ONE)
            sent.filename = part.filename
            sent.received = await save(part.chunks(), target, limit_mb=self._most(sent.path, identity))

    def _wish(self, path: str | None, identity: Identity) -> Wish | None:
        """Says no as soon as the path is known, which may be before the file."""
        if path is None:
            return None
        wish = read_path(path, user_id=identity.user_id)
        if wish is None:
            raise PathInvalidError
        if not identity.has_scope("write") or (wish.is_bundle and not identity.is_admin):
            raise RoleMissingError
        return wish

    def _most(self, path: str | None, identity: Identity) -> int:
        """How much may come. A path may follow the file: until then an admin may be sending a release."""
        if identity.is_admin and (path is None or path.startswith("bundle/")):
            return max(self._limits.bundle_mb, self._limits.upload_mb)
        return self._limits.upload_mb

    def _require_size(self, received: Received, wish: Wish | None) -> None:
        limit_mb = self._limits.bundle_mb if wish is not None and wish.is_bundle else self._limits.upload_mb
        if received.size > limit_mb * MIB:
            raise FileTooLargeError(limit_mb)

    async def _keep(
        self, received: Received, wish: Wish | None, filename: str, identity: Identity, peer_origin: str
    ) -> StoredFile:
        place = place_of(wish, filename=filename, user_id=identity.user_id, random=new_base32(KEY_CHARACTERS))
        return self._shown(await self._keeping.keep(received, place, identity=identity), peer_origin)

    def _shown(self, row: FileRow, peer_origin: str) -> StoredFile:
        url = self._links.address(row.key, peer_origin=peer_origin)
        return StoredFile(row.key, url, row.filename, row.size, row.content_type, row.sha256, row.created_at)


def _invalid(field: str, reason: Text) -> ValidationFailedError:
    entry = {"type": "value_error", "loc": ["body", field], "msg": reason.render()}
    return ValidationFailedError(f"{field}: {reason.render()}", [entry])
