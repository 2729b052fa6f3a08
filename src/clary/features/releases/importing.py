"""The newest release of a repository elsewhere becomes one of ours (platform.md 11 "import")."""

import asyncio
from collections.abc import Sequence
from typing import Any, Final

from clary.features.releases.errors import ReleaseInvalidError, SourceFailedError
from clary.features.releases.policy import Platform, Version, read_version, sorted_out
from clary.features.releases.ports import ReleaseSource, SourceAsset, SourceError, SourceRelease
from clary.features.releases.tables import ReleaseRow

SECONDS: Final = 10.0
MAX_ARTIFACTS: Final = 20
MAX_ADDRESS: Final = 2048
MAX_SIGNATURE_BYTES: Final = 4096
MAX_NOTES_BYTES: Final = 64 * 1024
MAX_ASSETS: Final = 1000

Json = dict[str, Any]


class ReleaseImport:
    """Reads a source; keeps nothing itself."""

    def __init__(self, source: ReleaseSource, *, tag_prefix: str, seconds: float = SECONDS) -> None:
        self._source = source
        self._seconds = seconds
        self._tag_prefix = tag_prefix

    async def newest(self) -> tuple[Version, ReleaseRow]:
        """The newest release as a row, with the release's own time.

        Raises:
            SourceFailedError, ReleaseInvalidError
        """
        try:
            async with asyncio.timeout(self._seconds):
                release = await self._source.newest()
                version = read_version(release.tag.removeprefix(self._tag_prefix))
                if version is None:
                    raise ReleaseInvalidError
                platforms = self._platforms(release)
                signatures = await self._signatures(platforms)
        except (SourceError, TimeoutError):
            raise SourceFailedError from None
        artifacts = [_artifact(each, signatures.get(each.name)) for each in platforms]
        return version, ReleaseRow(
            version=version.text,
            release_notes=_notes(release.notes),
            pub_date=release.published_at,
            artifacts=[each for each in artifacts if each["installer_url"] or each["updater_url"]],
            source="github",
        )

    def _platforms(self, release: SourceRelease) -> list[Platform]:
        usable = [each for each in release.assets[:MAX_ASSETS] if _is_usable(each)]
        return sorted_out(usable)[:MAX_ARTIFACTS]

    async def _signatures(self, platforms: Sequence[Platform]) -> dict[str, str]:
        """Platform → text of the signature, without those that are empty."""
        signed = [(each.name, each.signature) for each in platforms if each.signature is not None]
        texts = await self._source.read_texts([asset for _, asset in signed], max_bytes=MAX_SIGNATURE_BYTES)
        found = {name: text.strip() for (name, _), text in zip(signed, texts, strict=True)}
        return {name: text for name, text in found.items() if text}


def _is_usable(asset: SourceAsset) -> bool:
    return asset.url.startswith("https://") and len(asset.url) <= MAX_ADDRESS


def _artifact(platform: Platform, signature: str | None) -> Json:
    updater = platform.updater if signature is not None else None
    return {
        "platform": platform.name,
        "installer_url": platform.installer.url if platform.installer is not None else None,
        "updater_url": updater.url if updater is not None else None,
        "updater_signature": signature,
    }


def _notes(notes: str) -> str:
    """The notes, as far as they fit."""
    return notes.replace("\0", "").encode()[:MAX_NOTES_BYTES].decode("utf-8", "ignore")
