"""id_tokens as RS256 JWT (OpenID Connect Core 2)."""

import base64
import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

from joserfc import jwt
from joserfc.jwk import RSAKey

ALGORITHM = "RS256"
BITS = 2048


class RsaIdTokens:
    """Implements `IdTokens`. The first key signs; all are published."""

    def __init__(self, keys: Sequence[tuple[str, str]]) -> None:
        """`keys`: (id, PEM of the private key), the newest first."""
        self._keys = [(key_id, RSAKey.import_key(pem)) for key_id, pem in keys]

    @property
    def jwks(self) -> dict[str, Any]:
        """See the port."""
        return {
            "keys": [
                {**key.as_dict(private=False), "kid": key_id, "use": "sig", "alg": ALGORITHM}
                for key_id, key in self._keys
            ]
        }

    def sign(self, claims: Mapping[str, Any], *, access_token: str) -> str:
        """See the port."""
        key_id, key = self._keys[0]
        half = hashlib.sha256(access_token.encode()).digest()[:16]
        at_hash = base64.urlsafe_b64encode(half).rstrip(b"=").decode()
        header = {"alg": ALGORITHM, "kid": key_id, "typ": "JWT"}
        return jwt.encode(header, {**claims, "at_hash": at_hash}, key, algorithms=[ALGORITHM])


def new_private_key() -> str:
    """A fresh private key as PEM; takes a while, so not on the event loop."""
    return RSAKey.generate_key(BITS).as_pem(private=True).decode()
