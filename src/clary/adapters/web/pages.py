"""Fetches one page."""

import asyncio
from typing import Final

import aiohttp

from clary.features.toolbox.ports import FetchedPage, PageError
from clary.kit.safe_http import BodyTooLargeError, OutboundBlockedError, OutboundGuard, OutboundRedirectError, read_body
from clary.kit.text import Text

_HEADERS: Final = {
    "User-Agent": "Mozilla/5.0 (compatible; Clary)",
    "Accept": "text/html,application/xhtml+xml,application/pdf;q=0.9,text/plain;q=0.9,*/*;q=0.5",
    "Accept-Language": "zh-CN,zh;q=0.9,en;q=0.8",
}
_BLOCKED: Final = Text(
    "目标地址不被允许，内网地址需由管理员加入出站白名单",
    "Address not allowed; an administrator must add private addresses to the outbound allow-list",
)
_REDIRECTS: Final = Text("重定向次数过多或无效", "Too many or invalid redirects")
_TOO_LARGE: Final = Text("内容过大，上限 {n} MB", "The content is too large, limit {n} MB")
_TIMEOUT: Final = Text("请求超时", "The request timed out")
_FAILED: Final = Text("无法访问该地址", "The address could not be reached")


class WebPages:
    """Fills the port `Pages`. A session for each call: nothing is left open, and no page learns of another."""

    def __init__(self, guard: OutboundGuard, *, max_megabytes: int = 10, seconds: float = 20.0) -> None:
        self._guard = guard
        self._max_megabytes = max_megabytes
        self._seconds = seconds

    async def fetch(self, url: str, *, https_only: bool = False, max_bytes: int | None = None) -> FetchedPage:
        """See the port; in all, redirects included, within the seconds.

        Raises:
            PageError
        """
        most = min(max_bytes or self._max_megabytes * 1024 * 1024, self._max_megabytes * 1024 * 1024)
        try:
            async with asyncio.timeout(self._seconds):
                return await self._fetched(url, https_only=https_only, max_bytes=most)
        except OutboundBlockedError:
            raise PageError(_BLOCKED) from None
        except OutboundRedirectError:
            raise PageError(_REDIRECTS) from None
        except BodyTooLargeError:
            raise PageError(_TOO_LARGE.fill(n=most // (1024 * 1024))) from None
        except TimeoutError:
            raise PageError(_TIMEOUT) from None
        except (aiohttp.ClientError, OSError, ValueError):
            # Its words may say what stands at an address.
            raise PageError(_FAILED) from None

    async def _fetched(self, url: str, *, https_only: bool, max_bytes: int) -> FetchedPage:
        timeout = aiohttp.ClientTimeout(total=self._seconds, connect=10)
        async with (
            self._guard.session(timeout=timeout) as session,
            self._guard.fetch(session, url, headers=_HEADERS, https_only=https_only) as response,
        ):
            body = await read_body(response, max_bytes)
            return FetchedPage(
                final_url=str(response.url),
                http_status=response.status,
                content_type=response.content_type.lower() if "Content-Type" in response.headers else "",
                charset=response.charset and response.charset.lower(),
                body=body,
            )
