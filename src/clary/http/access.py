"""What a route says about itself: who may come in, and how it answers. The permission matrix reads this too."""

from typing import Any, Literal, NamedTuple, Protocol

from fastapi import Request

Scope = Literal["read", "chat", "write", "mcp", "admin"]
Answers = Literal["envelope", "stream", "file", "protocol", "detailed"]

MIB = 1024 * 1024
JSON_BYTES = MIB
CHAT_BYTES = 16 * MIB
FORM_BYTES = 64 * 1024
UPLOAD_BYTES = 1024 * 1024 * MIB
"""For routes that count each file themselves while they read."""
RELEASE_BYTES = 1024 * UPLOAD_BYTES
"""The same, where an operator may allow files of any size."""

KEY = "x-clary-access"


class Access(NamedTuple):
    """Terms of one route.

    `scope` None: public. `interactive`: only cookie, login access token or proxied identity. `sets_cookie`: a public
    POST that rule 1 of platform.md 2.5 guards. `takes_forms`: a route of the OAuth2 protocol, whose forms have their
    own rule against foreign pages. `any_token`: every token opens it, whatever its scopes. `answers` decides how
    refusals look (platform.md 1.1); `detailed`: true statuses and a sentence in `detail` (stream-runtime.md 10.5).
    `takes_multipart`: its body is a form with files, and nothing else, or with
    `takes_json` also JSON, which the route then reads itself, and with `takes_fields` also a url-encoded form, which
    the cookie alone never opens. `asks_who` False: a public route that treats everybody
    alike and has to answer while the database is down, so that no credential is looked up.
    """

    scope: Scope | None
    interactive: bool = False
    sets_cookie: bool = False
    answers: Answers = "envelope"
    max_bytes: int = JSON_BYTES
    takes_forms: bool = False
    any_token: bool = False
    takes_multipart: bool = False
    takes_json: bool = False
    takes_fields: bool = False
    asks_who: bool = True


def public(
    *, sets_cookie: bool = False, answers: Answers = "envelope", takes_forms: bool = False, asks_who: bool = True
) -> dict[str, Any]:
    """`openapi_extra` of a route that anonymous callers may use (platform.md 2.2)."""
    size = FORM_BYTES if takes_forms else JSON_BYTES
    access = Access(
        None, sets_cookie=sets_cookie, answers=answers, max_bytes=size, takes_forms=takes_forms, asks_who=asks_who
    )
    return {KEY: access._asdict()}


def needs(
    scope: Scope,
    *,
    interactive: bool = False,
    answers: Answers = "envelope",
    max_bytes: int = JSON_BYTES,
    any_token: bool = False,
    takes_multipart: bool = False,
    takes_json: bool = False,
    takes_fields: bool = False,
) -> dict[str, Any]:
    """`openapi_extra` of a route that needs a login with this scope; `admin` also needs the role."""
    access = Access(
        scope,
        interactive=interactive,
        answers=answers,
        max_bytes=max_bytes,
        any_token=any_token,
        takes_multipart=takes_multipart,
        takes_json=takes_json,
        takes_fields=takes_fields,
    )
    return {KEY: access._asdict()}


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
