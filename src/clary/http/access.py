"""What a route says about itself: who may come in, and how it answers. The permission matrix reads this too."""

from typing import Any, Literal, NamedTuple, Protocol

from fastapi import Request

Scope = Literal["read", "chat", "write", "mcp", "admin"]
Answers = Literal["envelope", "stream", "file", "protocol"]

MIB = 1024 * 1024
JSON_BYTES = MIB
CHAT_BYTES = 16 * MIB

KEY = "x-clary-access"


class Access(NamedTuple):
    """Terms of one route.

    `scope` None: public. `interactive`: only cookie, login access token or proxied identity. `sets_cookie`: a public
    POST that rule 1 of platform.md 2.5 guards. `answers` decides how refusals look (platform.md 1.1).
    """

    scope: Scope | None
    interactive: bool = False
    sets_cookie: bool = False
    answers: Answers = "envelope"
    max_bytes: int = JSON_BYTES


def public(*, sets_cookie: bool = False, answers: Answers = "envelope") -> dict[str, Any]:
    """`openapi_extra` of a route that anonymous callers may use (platform.md 2.2)."""
    return {KEY: Access(None, sets_cookie=sets_cookie, answers=answers)._asdict()}


def needs(
    scope: Scope, *, interactive: bool = False, answers: Answers = "envelope", max_bytes: int = JSON_BYTES
) -> dict[str, Any]:
    """`openapi_extra` of a route that needs a login with this scope; `admin` also needs the role."""
    return {KEY: Access(scope, interactive=interactive, answers=answers, max_bytes=max_bytes)._asdict()}


def access_of(openapi_extra: dict[str, Any] | None, path: str) -> Access:
    """The terms of a route; a route without any is a fault of ours and stops the start."""
    terms = (openapi_extra or {}).get(KEY)
    if terms is None:
        raise LookupError(f"{path} does not say who may use it: add openapi_extra=needs(…) or public()")
    return Access(**terms)


class Caller(Protocol):
    """What this room needs to know of whoever sent a request."""

    @property
    def by_cookie(self) -> bool:
        """Whether the cookie is the winning credential."""
        ...

    @property
    def is_interactive(self) -> bool:
        """Cookie, login access token or proxied identity; not a key, not an OAuth2 token."""
        ...

    @property
    def is_admin(self) -> bool:
        """Whether the role is admin at this moment."""
        ...

    def has_scope(self, scope: Scope) -> bool:
        """Whether the credential carries a scope."""
        ...


class Authenticator(Protocol):
    """Finds out who sent a request (platform.md 2.1)."""

    async def identify(self, request: Request) -> Caller | None:
        """The caller, or None; sets `request.state.identity_fault` to the text for a bad credential."""
        ...
