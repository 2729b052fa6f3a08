"""Login access tokens as JWT, HS256, the algorithm fixed by the key (platform.md 4.3)."""

from datetime import UTC, datetime
from typing import Any

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import OctKey

from clary.features.accounts.ports import AccessClaims, ExpiredTokenError, MalformedTokenError
from clary.kit.ids import new_hex

ALGORITHM = "HS256"
ISSUER = "clary"


class JwtAccessTokens:
    """Implements accounts' `AccessTokens`."""

    def __init__(self, key_id: str, secret: str) -> None:
        self._key_id = key_id
        self._key = OctKey.import_key(secret)

    def issue(self, claims: AccessClaims) -> str:
        """See the port."""
        header = {"alg": ALGORITHM, "kid": self._key_id, "typ": "JWT"}
        body: dict[str, Any] = {
            "iss": ISSUER,
            "sub": claims.user_id,
            "sid": claims.session_id,
            "jti": new_hex(32),
            "iat": int(claims.issued_at.timestamp()),
            "exp": int(claims.expires_at.timestamp()),
        }
        return jwt.encode(header, body, self._key, algorithms=[ALGORITHM])

    def read(self, token: str, *, now: datetime) -> AccessClaims:
        """See the port."""
        try:
            found = jwt.decode(token, self._key, algorithms=[ALGORITHM])
        except (JoseError, ValueError, TypeError):
            # TypeError: the library trusts the types of what a stranger wrote into the header.
            raise MalformedTokenError from None
        claims, header = found.claims, found.header
        known = header.get("kid") == self._key_id and claims.get("iss") == ISSUER
        subject, session, issued, expires = (claims.get(name) for name in ("sub", "sid", "iat", "exp"))
        if not known or not isinstance(subject, str) or not isinstance(session, str):
            raise MalformedTokenError
        if not isinstance(issued, int) or not isinstance(expires, int):
            raise MalformedTokenError
        if expires <= now.timestamp():
            raise ExpiredTokenError
        return AccessClaims(subject, session, _moment(issued), _moment(expires))


def _moment(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
