"""Pure decisions of the authorization server (platform.md 6)."""

import re
from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import Any, Literal
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from clary.features.oauth2.ports import ProtocolError
from clary.kit.text import TextError

SCOPES = ("openid", "profile", "email", "groups", "offline_access", "read", "chat", "write", "mcp", "admin")
DEFAULT_SCOPE = ("openid", "profile", "email")
GRANT_TYPES = ("authorization_code", "refresh_token")
AUTH_METHODS = ("client_secret_basic", "client_secret_post", "none")
AuthMethod = Literal["client_secret_basic", "client_secret_post", "none"]

CODE_LIFE = timedelta(seconds=300)
REQUEST_LIFE = timedelta(seconds=600)
MARKER_LIFE = timedelta(seconds=600)
REFRESH_LIFE = timedelta(days=30)
FAMILY_LIFE = timedelta(days=90)
MAX_CODE_FAILURES = 5
MAX_ECHO = 1024
TOKENS_PER_MINUTE = 60
ACCESS_PREFIX, REFRESH_PREFIX = "cla_", "clr_"
SHORTEST_SECRET = 16

CLIENT_ID = re.compile(r"[A-Za-z0-9._-]{2,128}")
MAX_REDIRECTS, MAX_REDIRECT_LENGTH = 20, 2048
LOOPBACK_HOSTS = ("127.0.0.1", "::1", "localhost")


def require_redirect(address: str, *, is_public: bool) -> str:
    """An address codes may be sent to (6.1).

    Raises:
        ValueError: why not.
    """
    if not 0 < len(address) <= MAX_REDIRECT_LENGTH or not address.isascii() or not address.isprintable():
        raise TextError("应为不超过 2048 个字符的地址", "must be an address of at most 2048 characters")
    try:
        parts = urlsplit(address)
        host, _ = parts.hostname, parts.port
    except ValueError:
        raise TextError("应为地址", "must be an address") from None
    if "#" in address or "*" in address or "\\" in address or " " in address or "@" in parts.netloc:
        raise TextError("不能包含片段、用户信息或通配符", "must have no fragment, no user information and no wildcard")
    if any(part in (".", "..") for part in re.split(r"/|%2[fF]", parts.path)):
        raise TextError("不能包含 . 或 .. 路径段", "must have no dot segments")
    if parts.scheme == "https" and host:
        return address
    if parts.scheme == "http" and host in LOOPBACK_HOSTS:
        return address
    if is_public and "." in parts.scheme and parts.scheme not in ("http", "https"):
        return address
    raise TextError(
        "应为 https、指向本机的 http，或公开客户端带点的私有协议",
        "must be https, or http to this machine, or a private scheme with a dot for a public client",
    )


def is_confined(address: str) -> bool:
    """Whether a redirect address is on the person's own machine, where others may listen (6.3, step 4)."""
    parts = urlsplit(address)
    return parts.scheme != "https"


def read_scope(text: str | None) -> tuple[str, ...]:
    """Known scopes of a list, in order.

    Raises:
        ValueError: an unknown one.
    """
    wanted = tuple(dict.fromkeys((text or "").split()))
    if not set(wanted) <= set(SCOPES):
        raise TextError(f"只能包含 {' '.join(SCOPES)}", f"must be of {' '.join(SCOPES)}")
    return wanted


def with_parameters(address: str, parameters: Mapping[str, str | None]) -> str:
    """A redirect address with more parameters; its own query stays."""
    parts = urlsplit(address)
    own = parse_qsl(parts.query, keep_blank_values=True)
    more = [(name, value) for name, value in parameters.items() if value is not None]
    return urlunsplit(parts._replace(query=urlencode([*own, *more])))


def repeated(pairs: Iterable[tuple[str, str]]) -> str | None:
    """The first parameter that came more than once."""
    seen: set[str] = set()
    for name, _ in pairs:
        if name in seen:
            return name
        seen.add(name)
    return None


def once(pairs: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Parameters that came once each.

    Raises:
        ProtocolError: a repeated one.
    """
    listed = list(pairs)
    if repeated(listed) is not None:
        raise ProtocolError("invalid_request", "a parameter was sent more than once")
    return dict(listed)


def metadata(issuer: str, *, registers: bool, allows_plain: bool) -> dict[str, Any]:
    """The server's description of itself (6.2, RFC 8414)."""
    methods = list(AUTH_METHODS)
    shown: dict[str, Any] = {
        "issuer": issuer,
        "authorization_endpoint": f"{issuer}/authorize",
        "token_endpoint": f"{issuer}/token",
        "userinfo_endpoint": f"{issuer}/userinfo",
        "jwks_uri": f"{issuer}/jwks",
        "revocation_endpoint": f"{issuer}/revoke",
        "introspection_endpoint": f"{issuer}/introspect",
        "scopes_supported": list(SCOPES),
        "response_types_supported": ["code"],
        "response_modes_supported": ["query"],
        "grant_types_supported": list(GRANT_TYPES),
        "token_endpoint_auth_methods_supported": methods,
        "revocation_endpoint_auth_methods_supported": methods,
        "introspection_endpoint_auth_methods_supported": methods[:2],
        "code_challenge_methods_supported": ["S256", "plain"] if allows_plain else ["S256"],
        "authorization_response_iss_parameter_supported": True,
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["RS256"],
        "prompt_values_supported": ["none", "login", "consent"],
        "claims_supported": [
            *("sub", "iss", "aud", "azp", "exp", "iat", "auth_time", "nonce", "at_hash"),
            *("preferred_username", "name", "nickname", "role", "picture", "avatar_url", "updated_at"),
            *("email", "email_verified", "groups"),
        ],
        "ui_locales_supported": ["zh-CN", "en-US"],
        "claims_parameter_supported": False,
        "request_parameter_supported": False,
        "request_uri_parameter_supported": False,
    }
    if registers:
        shown["registration_endpoint"] = f"{issuer}/register"
    return shown
