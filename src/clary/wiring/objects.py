"""Wiring of stored files, and of releases, which name some of them."""

import asyncio
import tempfile
from pathlib import Path
from typing import Any

from clary.adapters.downloads.files import GuardedFileDownloads
from clary.adapters.github import GitHubReleases
from clary.adapters.object_store import BucketAccess, BucketStore, FolderStore
from clary.db.database import Database, UnavailableError
from clary.features.audit.service import AuditLog
from clary.features.files.leaving import FileLeaving
from clary.features.files.ports import ObjectMissingError, ObjectStore
from clary.features.files.service import (
    FileKeeping,
    FileLimits,
    FileLinks,
    FileReading,
    FileService,
    OwnAddress,
    ScratchFolder,
    StoreUnavailableError,
)
from clary.features.releases.service import ReleaseImport, ReleaseService
from clary.kit.clock import Clock
from clary.kit.crypto import SecretBox
from clary.kit.ids import new_hex
from clary.kit.safe_http import OutboundGuard
from clary.settings import Settings
from clary.settings.values import plain


class ObjectServices:
    """What comes in, how it is served, what goes; and the releases."""

    def __init__(
        self,
        settings: Settings,
        *,
        database: Database,
        clock: Clock,
        guard: OutboundGuard,
        secret_box: SecretBox,
        audit: AuditLog,
    ) -> None:
        self.store = object_store(settings)
        self._scratch = ScratchFolder(settings.objects / "incoming")
        limits = FileLimits(settings.upload_max_mb, settings.release_max_mb, settings.files_quota_mb)
        links = FileLinks(
            OwnAddress(settings.public_url or "", settings.api_prefix),
            secret_box,
            is_signing=settings.object_links == "signed",
        )
        self._keeping = FileKeeping(
            database=database,
            store=self.store,
            audit=audit,
            clock=clock,
            limits=limits,
            new_id=lambda: new_hex(32),
        )
        self.files = FileService(
            database=database,
            keeping=self._keeping,
            links=links,
            scratch=self._scratch,
            downloads=GuardedFileDownloads(guard),
            limits=limits,
        )
        self.reading = FileReading(
            database=database, store=self.store, audit=audit, links=links, redirects=settings.s3_redirect
        )
        self.leaving = FileLeaving(database=database, keeping=self._keeping)
        self.releases = ReleaseService(
            database=database,
            bundles=self.files,
            imports=_release_import(settings, guard),
            audit=audit,
            clock=clock,
            updater_prefix=settings.updater_url_prefix,
        )

    def publish(self, state: Any) -> None:
        """Puts the services where routes find them."""
        state.stored_files = self.files
        state.file_reading = self.reading
        state.releases = self.releases

    async def is_answering(self) -> bool:
        """Whether the store can be reached; for readiness."""
        try:
            await self.store.check()
        except StoreUnavailableError as error:
            raise UnavailableError from error
        return True

    async def sweep(self) -> None:
        """Removes what lost its meaning."""
        await asyncio.to_thread(self._scratch.sweep)
        await self._keeping.sweep()


def object_store(settings: Settings) -> ObjectStore:
    """The store that the settings name."""
    if settings.object_store == "file":
        return FolderStore(settings.objects)
    return BucketStore(bucket_access(settings))


def bucket_access(settings: Settings) -> BucketAccess:
    """The bucket that the settings name."""
    return BucketAccess(
        bucket=settings.s3_bucket or "",
        access_key=plain(settings.s3_access_key) or "",
        secret_key=plain(settings.s3_secret_key) or "",
        endpoint=settings.s3_endpoint,
        region=settings.s3_region,
        path_style=settings.s3_path_style,
        prefix=settings.s3_prefix,
    )


async def try_store(store: ObjectStore) -> None:
    """Stores, reads and removes a content; for people who examine an installation.

    Raises:
        StoreUnavailableError
    """
    name, content = f"check/{new_hex(32)}", b"clary"
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "content"
        await asyncio.to_thread(source.write_bytes, content)
        await store.check()
        await store.put(name, source, content_type="text/plain", disposition="attachment")
    try:
        found = b"".join([piece async for piece in store.read(name, 0, len(content))])
    except ObjectMissingError as error:
        raise StoreUnavailableError from error
    finally:
        await store.remove(name)
    if found != content:
        raise StoreUnavailableError


def _release_import(settings: Settings, guard: OutboundGuard) -> ReleaseImport | None:
    """The import from the repository that the settings name."""
    if settings.releases_github_repo is None:
        return None
    token = plain(settings.releases_github_token)
    source = GitHubReleases(guard, settings.releases_github_repo, token=token)
    return ReleaseImport(source, tag_prefix=settings.releases_tag_prefix)
