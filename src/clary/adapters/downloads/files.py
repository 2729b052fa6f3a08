"""Files of people from addresses they named (platform.md 10.2 "import")."""

import asyncio
from pathlib import Path
from typing import Final
from urllib.parse import unquote

import aiohttp

from clary.features.files.ports import DownloadBlockedError, Downloaded, DownloadError, DownloadTooLargeError
from clary.kit.safe_http import OutboundBlockedError, OutboundGuard, OutboundRedirectError

SECONDS: Final = 45.0
_HEADERS: Final = {"User-Agent": "Clary", "Accept": "*/*"}
_PIECE: Final = 256 * 1024


class GuardedFileDownloads:
    """Fills the port `FileDownloads`. A session for each call: nothing is left open."""

    def __init__(self, guard: OutboundGuard, *, seconds: float = SECONDS) -> None:
        self._guard = guard
        self._seconds = seconds

    async def fetch(self, url: str, target: Path, *, max_bytes: int) -> Downloaded:
        """See the port; in all, redirects included, within the seconds.

        Raises:
            DownloadError, DownloadBlockedError, DownloadTooLargeError
        """
        try:
            async with asyncio.timeout(self._seconds):
                return await self._fetch(url, target, max_bytes)
        except OutboundBlockedError:
            raise DownloadBlockedError from None
        except (OutboundRedirectError, TimeoutError, aiohttp.ClientError, ValueError):
            raise DownloadError from None

    async def _fetch(self, url: str, target: Path, max_bytes: int) -> Downloaded:
        timeout = aiohttp.ClientTimeout(total=self._seconds, connect=10)
        async with (
            self._guard.session(timeout=timeout) as session,
            self._guard.fetch(session, url, headers=_HEADERS) as response,
        ):
            if response.status != 200:
                raise DownloadError
            return Downloaded(_name_of(response), await _save(response, target, max_bytes))


async def _save(response: aiohttp.ClientResponse, target: Path, max_bytes: int) -> int:
    size = 0
    with await asyncio.to_thread(target.open, "xb") as out:
        async for piece in response.content.iter_chunked(_PIECE):
            size += len(piece)
            if size > max_bytes:
                response.close()
                raise DownloadTooLargeError
            await asyncio.to_thread(out.write, piece)
    return size


def _name_of(response: aiohttp.ClientResponse) -> str:
    """From `Content-Disposition`, else the end of the address that answered."""
    sent = response.content_disposition.filename if response.content_disposition is not None else None
    return sent or unquote(response.url.raw_path.rpartition("/")[2])
