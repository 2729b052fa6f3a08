"""HTTP to providers: guarded, without redirects, bounded in time and size."""

import json
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

import aiohttp

from clary.kit.safe_http import BodyTooLargeError, OutboundBlockedError, OutboundGuard, OutboundRedirectError, read_body

MAX_BYTES = 1024 * 1024


class FetchError(Exception):
    """No usable answer. Says nothing more: what a provider answers is shown to nobody."""


class ProviderHttp:
    """Requests to the hosts of configured providers, and to public ones that those name.

    A session for each call: sign-ins are rare, and nothing is left open between them.
    """

    def __init__(self, *, outbound_allow: Sequence[str], configured: Sequence[str]) -> None:
        hosts = {host for host in (urlsplit(address).hostname for address in configured) if host}
        self._guard = OutboundGuard(
            [*outbound_allow, *(f"[{host}]" if ":" in host else host for host in sorted(hosts))]
        )

    async def read(self, address: str, *, seconds: float, token: str | None = None) -> Any:
        """The JSON at an address, with a Bearer token if one is given.

        Raises:
            FetchError
        """
        headers = {"Accept": "application/json"}
        if token is not None:
            headers["Authorization"] = f"Bearer {token}"
        return await self._send("GET", address, seconds=seconds, headers=headers, form=None)

    async def post(self, address: str, *, seconds: float, headers: Mapping[str, str], form: Mapping[str, str]) -> Any:
        """The JSON that a form is answered with.

        Raises:
            FetchError
        """
        return await self._send("POST", address, seconds=seconds, headers=headers, form=form)

    async def _send(
        self, method: str, address: str, *, seconds: float, headers: Mapping[str, str], form: Mapping[str, str] | None
    ) -> Any:
        timeout = aiohttp.ClientTimeout(total=seconds)
        try:
            target = self._guard.check_url(address)
            async with (
                self._guard.session(timeout=timeout) as session,
                session.request(method, target, headers=headers, data=form, allow_redirects=False) as response,
            ):
                body = await read_body(response, MAX_BYTES)
                if not 200 <= response.status < 300:
                    raise FetchError
                return json.loads(body)
        except (OutboundBlockedError, OutboundRedirectError, BodyTooLargeError):
            raise FetchError from None
        except (aiohttp.ClientError, TimeoutError, OSError):
            raise FetchError from None
        except (ValueError, RecursionError):
            raise FetchError from None
