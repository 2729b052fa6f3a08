"""Fetches files from addresses that people named, through the outbound guard, to disk (product.md 1, 7.4).

What went wrong is never told in detail: it may say what stands at an address.
"""

import asyncio
from pathlib import Path
from typing import BinaryIO, Final

import aiohttp

from clary.features.skills.ports import DownloadBlockedError, DownloadError, DownloadTooLargeError
from clary.kit.safe_http import OutboundBlockedError, OutboundGuard, OutboundRedirectError

SECONDS: Final = 30.0
_HEADERS: Final = {"User-Agent": "Clary", "Accept": "application/zip, application/gzip, */*;q=0.5"}
_PIECE: Final = 256 * 1024


class GuardedDownloads:
    """Fills the port `Downloads`. A session for each call: nothing is left open."""

    def __init__(self, guard: OutboundGuard, *, seconds: float = SECONDS) -> None:
        self._guard = guard
        self._seconds = seconds

    async def fetch(self, url: str, target: Path, *, max_bytes: int) -> None:
        """See the port; in all, redirects included, within the seconds.

        Raises:
            DownloadError, DownloadBlockedError, DownloadTooLargeError
        """
        try:
            async with asyncio.timeout(self._seconds):
                await self._fetch(url, target, max_bytes)
        except OutboundBlockedError:
            raise DownloadBlockedError from None
        except (OutboundRedirectError, TimeoutError, aiohttp.ClientError, OSError, ValueError):
            raise DownloadError from None

    async def _fetch(self, url: str, target: Path, max_bytes: int) -> None:
        timeout = aiohttp.ClientTimeout(total=self._seconds, connect=10)
        async with (
            self._guard.session(timeout=timeout) as session,
            self._guard.fetch(session, url, headers=_HEADERS, https_only=True) as response,
        ):
            if response.status != 200:
                raise DownloadError
            with await asyncio.to_thread(target.open, "xb") as out:
                await _save(response, out, max_bytes)


async def _save(response: aiohttp.ClientResponse, out: BinaryIO, max_bytes: int) -> None:
    size = 0
    async for piece in response.content.iter_chunked(_PIECE):
        size += len(piece)
        if size > max_bytes:
            response.close()
            raise DownloadTooLargeError
        await asyncio.to_thread(out.write, piece)
