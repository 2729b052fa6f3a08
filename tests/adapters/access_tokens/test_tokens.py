"""Login access tokens: what we sign is read, whatever else somebody writes is malformed (platform.md 4.3, A4)."""

import base64
import itertools
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from joserfc import jwt
from joserfc.jwk import OctKey

from clary.adapters.access_tokens import JwtAccessTokens
from clary.features.accounts.ports import AccessClaims, ExpiredTokenError, MalformedTokenError

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
SECRET, OTHER_SECRET = "s" * 43, "t" * 43
CLAIMS = AccessClaims("user", "session", NOW, NOW + timedelta(hours=1))
GOOD: dict[str, Any] = {
    "iss": "clary",
    "sub": "user",
    "sid": "session",
    "jti": "0",
    "iat": int(NOW.timestamp()),
    "exp": int(NOW.timestamp()) + 3600,
}
HEADER = {"alg": "HS256", "kid": "k"}


def encoded(text: str) -> str:
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def signed(claims: dict[str, Any], header: dict[str, Any] | None = None, secret: str = SECRET) -> str:
    header = header or HEADER
    return jwt.encode(header, claims, OctKey.import_key(secret), algorithms=[header["alg"]])


@pytest.fixture
def tokens() -> JwtAccessTokens:
    return JwtAccessTokens("k", SECRET)


def test_an_issued_token_is_read_until_its_end(tokens: JwtAccessTokens) -> None:
    token = tokens.issue(CLAIMS)
    assert tokens.read(token, now=NOW + timedelta(seconds=3599)) == CLAIMS
    with pytest.raises(ExpiredTokenError):
        tokens.read(token, now=NOW + timedelta(seconds=3600))


@pytest.mark.parametrize(
    "token",
    [
        signed(GOOD, secret=OTHER_SECRET),
        signed(GOOD, {"alg": "HS512", "kid": "k"}),
        signed(GOOD, {"alg": "HS256", "kid": "other"}),
        signed(GOOD, {"alg": "HS256"}),
        signed({**GOOD, "iss": "other"}),
        *(signed({key: value for key, value in GOOD.items() if key != name}) for name in ("exp", "iat", "sub", "sid")),
        signed({**GOOD, "exp": "4000000000"}),
        signed({**GOOD, "sub": 7}),
        f"{encoded(json.dumps({'alg': 'none', 'kid': 'k'}))}.{encoded(json.dumps(GOOD))}.",
    ],
)
def test_a_token_of_another_make_is_malformed(tokens: JwtAccessTokens, token: str) -> None:
    with pytest.raises(MalformedTokenError):
        tokens.read(token, now=NOW)


HEADERS = [
    "[]", "1", "null", '"x"', "{}", '{"alg":1}', '{"alg":null}', '{"alg":[]}', '{"alg":"HS256","crit":1}',
    '{"alg":"HS256","crit":["x"]}', '{"alg":"HS256","crit":null}', '{"alg":"HS256","b64":false,"crit":["b64"]}',
    '{"alg":"HS256","kid":[]}', '{"alg":"RS256"}', "[" * 9000, '{"alg":"HS256","x":' + "9" * 5000 + "}", "\u00ff",
]  # fmt: skip
BODIES = ["{}", "[]", "[" * 9000, "\u00ff"]


def test_no_header_and_no_body_is_a_fault(tokens: JwtAccessTokens) -> None:
    shapes = [
        ".".join((encoded(header), encoded(body), signature))
        for header, body, signature in itertools.product(HEADERS, BODIES, ("", "x", "\u00e9", "===="))
    ]
    for token in [*shapes, "..", "...", "a.b.c", "\u00e9.\u00e9.\u00e9", "\x00.\x00.\x00", "." * 1000]:
        with pytest.raises(MalformedTokenError):
            tokens.read(token, now=NOW)
