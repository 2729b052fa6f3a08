"""Reads the credentials of a request and puts the caller where the gate finds it."""

from fastapi import Request

from clary.features.accounts.credentials import Credentials
from clary.features.accounts.policy import COOKIE_SECONDS
from clary.features.permissions.service import Identity

SESSION_COOKIE = "clary_session"
DEVICE_COOKIE = "clary_device"


class RequestAuthenticator:
    """Implements http's `Authenticator`."""

    def __init__(self, credentials: Credentials) -> None:
        self._credentials = credentials

    async def identify(self, request: Request) -> Identity | None:
        """See the port."""
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        bearer = token.strip() if scheme.lower() == "bearer" else None
        cookie = request.cookies.get(SESSION_COOKIE)
        found = await self._credentials.find(bearer=bearer, cookie=cookie, address=request.state.peer.address)
        request.state.identity_fault = found.fault
        if found.renew_cookie and cookie:
            request.state.cookies_to_set = [(SESSION_COOKIE, cookie, COOKIE_SECONDS)]
        return found.identity
