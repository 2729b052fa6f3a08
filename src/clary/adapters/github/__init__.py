"""Releases of a repository on GitHub, over its REST API and through the outbound guard."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Final, cast

import aiohttp

from clary.features.releases.ports import SourceAsset, SourceError, SourceRelease
from clary.kit import json_text
from clary.kit.safe_http import BodyTooLargeError, OutboundBlockedError, OutboundGuard, OutboundRedirectError, read_body

API: Final = "https://api.github.com"
MAX_RELEASE_BYTES: Final = 8 * 1024 * 1024
READS_AT_ONCE: Final = 6
_VERSION: Final = {"X-GitHub-Api-Version": "2022-11-28", "User-Agent": "Clary"}

Json = dict[str, Any]


class GitHubReleases:
    """Fills the port `ReleaseSource`. The token goes to the API alone, never where a redirect leads."""

    def __init__(self, guard: OutboundGuard, repository: str, *, token: str | None, api: str = API) -> None:
        self._guard = guard
        self._repository = repository
        self._api = api
        self._headers = _VERSION | ({"Authorization": f"Bearer {token}"} if token else {})
        self._has_token = bool(token)

    async def newest(self) -> SourceRelease:
        """See the port.

        Raises:
            SourceError
        """
        url = f"{self._api}/repos/{self._repository}/releases/latest"
        async with self._guard.session() as session:
            body = await self._read(session, url, "application/vnd.github+json", MAX_RELEASE_BYTES)
        try:
            return self._release(cast("Json", json_text.loads(body)))
        except (ValueError, KeyError, TypeError, AttributeError):
            raise SourceError from None

    async def read_texts(self, assets: Sequence[SourceAsset], *, max_bytes: int) -> Sequence[str]:
        """See the port.

        Raises:
            SourceError
        """
        turns = asyncio.Semaphore(READS_AT_ONCE)

        async def read(asset: SourceAsset) -> str:
            async with turns:
                return (await self._read(session, asset.read_url, "application/octet-stream", max_bytes)).decode()

        async with self._guard.session() as session:
            try:
                async with asyncio.TaskGroup() as group:
                    tasks = [group.create_task(read(asset)) for asset in assets]
            except* (SourceError, UnicodeDecodeError):
                raise SourceError from None
        return [task.result() for task in tasks]

    async def _read(self, session: aiohttp.ClientSession, url: str, accept: str, max_bytes: int) -> bytes:
        headers = {**self._headers, "Accept": accept}
        if not url.startswith(f"{self._api}/"):
            headers.pop("Authorization", None)
        try:
            async with self._guard.fetch(session, url, headers=headers, https_only=True) as response:
                if response.status != 200:
                    raise SourceError
                return await read_body(response, max_bytes)
        except (OutboundBlockedError, OutboundRedirectError, BodyTooLargeError, aiohttp.ClientError, OSError):
            raise SourceError from None

    def _release(self, found: Json) -> SourceRelease:
        if found.get("draft") or found.get("prerelease"):
            raise ValueError("no release")
        return SourceRelease(
            tag=str(found["tag_name"]),
            notes=str(found.get("body") or ""),
            published_at=_moment(found["published_at"]),
            assets=[self._asset(cast("Json", each)) for each in cast("list[Any]", found.get("assets") or [])],
        )

    def _asset(self, found: Json) -> SourceAsset:
        """Only with a token the API itself is asked for the content: without one it counts each request."""
        shown = str(found["browser_download_url"])
        return SourceAsset(str(found["name"]), shown, str(found["url"]) if self._has_token else shown)


def _moment(text: Any) -> datetime:
    moment = datetime.fromisoformat(str(text))
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
