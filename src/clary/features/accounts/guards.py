"""Reads the credentials of a request and puts the caller where the gate finds it."""

from dataclasses import dataclass
from datetime import datetime

from fastapi import Request, Response

from clary.features.accounts.credentials import Credentials, Found
from clary.features.accounts.policy import COOKIE_SECONDS, DEVICE_SECONDS
from clary.features.accounts.proxied import ProxiedIdentities, ProxiedPerson
from clary.features.accounts.sign_in import Origin, SignedIn
from clary.features.permissions.service import Identity
from clary.http.cookies import set_cookie
from clary.http.peers import AddressList, socket_peer

SESSION_COOKIE = "clary_session"
USER_ALIAS = "X-Sage-Internal-UserId"
DEVICE_COOKIE = "clary_device"


@dataclass(frozen=True, slots=True)
class ProxyHeaders:
    """Whose headers count, and how they are called; an empty name: such a header is not read."""

    peers: AddressList
    user: str = "X-Clary-User"
    email: str = "X-Clary-Email"
    name: str = "X-Clary-Name"
    groups: str = "X-Clary-Groups"
    role: str = "X-Clary-Role"

    def read(self, request: Request) -> tuple[list[str], ProxiedPerson]:
        """Everything that names a user, and what else is said; nothing from a peer that is not on the list."""
        if socket_peer(request.scope) not in self.peers:
            return [], ProxiedPerson("")
        values = [_text(value) for name in (self.user, USER_ALIAS) for value in request.headers.getlist(name)]
        named = next((value.strip() for value in values if value.strip()), "")

        def first(name: str) -> str | None:
            sent = request.headers.get(name) if name else None
            # Not cut: the rest of a name could be another name.
            return None if sent is None else _text(sent).strip()

        more = (first(self.email) or None, first(self.name) or None, first(self.groups), first(self.role) or None)
        return values, ProxiedPerson(named, *more)


def request_origin(request: Request) -> Origin:
    """Where a sign-in comes from."""
    return Origin(
        request.state.peer.address,
        request.headers.get("user-agent", ""),
        request.cookies.get(SESSION_COOKIE),
        request.cookies.get(DEVICE_COOKIE),
    )


def set_session_cookies(request: Request, response: Response, signed: SignedIn) -> None:
    """Gives a browser the cookies of a sign-in (platform.md 2.3)."""
    set_cookie(request, response, SESSION_COOKIE, signed.session_cookie, COOKIE_SECONDS)
    set_cookie(request, response, DEVICE_COOKIE, signed.device_cookie, DEVICE_SECONDS)


def _text(value: str) -> str:
    """Header bytes are read as Latin-1; names come as UTF-8."""
    try:
        return value.encode("latin-1").decode()
    except UnicodeDecodeError:
        return value


class RequestAuthenticator:
    """Implements http's `Authenticator`. A proxied identity, in the mode that has them, wins over everything else."""

    def __init__(
        self,
        credentials: Credentials,
        *,
        proxied: ProxiedIdentities | None = None,
        headers: ProxyHeaders | None = None,
    ) -> None:
        self._credentials = credentials
        self._proxied = proxied
        self._headers = headers

    async def identify(self, request: Request) -> Identity | None:
        """See the port."""
        proxied = await self._by_proxy(request)
        if proxied is not None:
            request.state.identity_fault = proxied.fault
            return proxied.identity
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        bearer = token.strip() if scheme.lower() == "bearer" else None
        cookie = request.cookies.get(SESSION_COOKIE)
        found = await self._credentials.find(bearer=bearer, cookie=cookie, address=request.state.peer.address)
        request.state.identity_fault = found.fault
        if found.renew_cookie and cookie:
            request.state.cookies_to_set = [(SESSION_COOKIE, cookie, COOKIE_SECONDS)]
        return found.identity

    async def at_browser(self, request: Request) -> tuple[Identity | None, datetime | None]:
        """Who sits at the browser, and since when: by proxy or cookie, never by a token (platform.md 6.3)."""
        proxied = await self._by_proxy(request)
        if proxied is not None:
            return proxied.identity, self._credentials.now()
        found = await self._credentials.find(bearer=None, cookie=request.cookies.get(SESSION_COOKIE))
        if found.identity is None or found.identity.login_session_id is None:
            return None, None
        return found.identity, await self._credentials.find_session_start(found.identity.login_session_id)

    async def _by_proxy(self, request: Request) -> Found | None:
        if self._proxied is None or self._headers is None:
            return None
        return await self._proxied.find(*self._headers.read(request))
