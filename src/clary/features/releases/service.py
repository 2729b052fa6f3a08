"""Use cases on releases: the door of the slice (platform.md 11)."""

from collections.abc import Sequence
from typing import Any, Literal
from urllib.parse import urlsplit

from clary.db.database import Database
from clary.db.session import Session
from clary.features.audit.service import Act, Actor, AuditLog, AuditObject
from clary.features.permissions.service import Identity
from clary.features.releases.errors import (
    NoReleaseError,
    ReleaseExistsError,
    ReleaseInvalidError,
    ReleaseNotFoundError,
    SourceUnsetError,
)
from clary.features.releases.importing import ReleaseImport
from clary.features.releases.policy import Version, read_version
from clary.features.releases.ports import BundleAddresses
from clary.features.releases.repository import ReleaseRepository
from clary.features.releases.tables import ReleaseRow
from clary.http.problems import ValidationFailedError
from clary.kit.clock import Clock, wire_time
from clary.kit.text import Text

__all__ = ["ReleaseImport", "ReleaseService"]

Channel = Literal["stable", "beta"]
Json = dict[str, Any]
_ADDRESSES = ("installer_url", "updater_url")
_BAD_ADDRESS = Text(
    "必须是 https 地址或已上传的发布文件地址", "must be https, or the address of an uploaded release file"
)


class ReleaseService:
    """Releases by version. `imports` None: no repository is configured."""

    def __init__(
        self,
        *,
        database: Database,
        bundles: BundleAddresses,
        imports: ReleaseImport | None,
        audit: AuditLog,
        clock: Clock,
        updater_prefix: str,
    ) -> None:
        self._database = database
        self._bundles = bundles
        self._imports = imports
        self._audit = audit
        self._clock = clock
        self._updater_prefix = updater_prefix

    def import_from(self, imports: ReleaseImport | None) -> None:
        """Chooses another source."""
        self._imports = imports

    async def list_releases(self, db: Session) -> list[Json]:
        """All releases, highest version first."""
        return [_shown(row) for _, row in await _ranked(db)]

    async def find_latest(self, db: Session, *, channel: Channel) -> Json | None:
        """The highest version of a channel; None when there is none."""
        found = await _latest(db, channel)
        return None if found is None else _shown(found[1])

    async def find_update(self, db: Session, *, current: str | None, channel: Channel) -> Json | None:
        """What an updater is to install, as it wants to be told; None when it has that already, or more.

        A current version that is none counts as older than everything.

        Raises:
            NoReleaseError
        """
        found = await _latest(db, channel)
        if found is None:
            raise NoReleaseError
        version, row = found
        installed = read_version(current or "")
        if installed is not None and installed >= version:
            return None
        return {
            "version": row.version,
            "notes": row.release_notes,
            "pub_date": wire_time(row.pub_date),
            "platforms": {
                each["platform"]: {
                    "url": self._updater_prefix + each["updater_url"],
                    "signature": each["updater_signature"],
                }
                for each in row.artifacts
                if each["updater_url"] and each["updater_signature"]
            },
        }

    async def create(
        self, db: Session, *, identity: Identity, version: str, notes: str, artifacts: list[Json], peer_origin: str
    ) -> Json:
        """Adds a release.

        Raises:
            ReleaseInvalidError, ReleaseExistsError, ValidationFailedError
        """
        read = read_version(version)
        if read is None:
            raise ReleaseInvalidError
        await self._require_addresses(db, artifacts, peer_origin)
        row = ReleaseRow(
            version=read.text,
            release_notes=notes,
            pub_date=self._clock.now(),
            artifacts=artifacts,
            source="manual",
        )
        if not await ReleaseRepository(db).add(row):
            raise ReleaseExistsError
        await self._record(db, "created", row, identity)
        return _shown(row)

    async def import_newest(self, *, identity: Identity) -> Json:
        """Takes in the newest release of the configured repository; one of the same version is replaced.

        Raises:
            SourceUnsetError, SourceFailedError, ReleaseInvalidError
        """
        if self._imports is None:
            raise SourceUnsetError
        version, row = await self._imports.newest()
        async with self._database.write() as db:
            releases = ReleaseRepository(db)
            present = await releases.find(version.text)
            if present is not None:
                await releases.remove(present)
                await db.flush()
            if not await releases.add(row):
                raise ReleaseExistsError
            await self._record(db, "created", row, identity)
        return _shown(row)

    async def delete(self, db: Session, *, identity: Identity, version: str) -> None:
        """Removes a release.

        Raises:
            ReleaseNotFoundError
        """
        releases, read = ReleaseRepository(db), read_version(version)
        row = await releases.find(read.text) if read is not None else None
        if row is None:
            raise ReleaseNotFoundError
        await releases.remove(row)
        await self._record(db, "deleted", row, identity)

    async def _require_addresses(self, db: Session, artifacts: Sequence[Json], peer_origin: str) -> None:
        for number, artifact in enumerate(artifacts):
            for field in _ADDRESSES:
                address = artifact[field]
                if address is None or _is_https(address):
                    continue
                if not await self._bundles.is_bundle_address(db, address, peer_origin=peer_origin):
                    raise _bad_address(number, field)

    async def _record(
        self, db: Session, action: Literal["created", "deleted"], row: ReleaseRow, identity: Identity
    ) -> None:
        target, detail = AuditObject("release", row.version), {"source": row.source}
        await self._audit.record(db, Act(f"release.{action}", Actor.of(identity), target, detail=detail))


async def _ranked(db: Session) -> list[tuple[Version, ReleaseRow]]:
    """All releases, highest first; those that differ only in how they were built, by their text."""
    found = [(read_version(row.version), row) for row in await ReleaseRepository(db).list_all()]
    known = [(version, row) for version, row in found if version is not None]
    return sorted(known, key=lambda each: (each[0], each[1].version), reverse=True)


async def _latest(db: Session, channel: Channel) -> tuple[Version, ReleaseRow] | None:
    ranked = await _ranked(db)
    return next((each for each in ranked if channel == "beta" or not each[0].is_prerelease), None)


def _shown(row: ReleaseRow) -> Json:
    return {
        "version": row.version,
        "release_notes": row.release_notes,
        "pub_date": wire_time(row.pub_date),
        "artifacts": row.artifacts,
        "source": row.source,
    }


def _is_https(address: str) -> bool:
    if any(char <= " " or char in '\\"<>' or char == "\x7f" for char in address):
        return False
    try:
        parts = urlsplit(address)
        return parts.scheme == "https" and bool(parts.hostname) and parts.username is None and parts.port != 0
    except ValueError:
        return False


def _bad_address(number: int, field: str) -> ValidationFailedError:
    reason = _BAD_ADDRESS.render()
    entry = {"type": "value_error", "loc": ["body", "artifacts", number, field], "msg": reason}
    return ValidationFailedError(f"artifacts.{number}.{field}: {reason}", [entry])
