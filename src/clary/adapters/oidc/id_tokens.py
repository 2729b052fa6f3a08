"""Judges id_tokens (OpenID Connect Core 3.1.3.7): signature by the provider's keys, then every claim that binds it."""

import base64
import hashlib
import hmac
import json
import warnings
from collections.abc import Sequence
from datetime import datetime
from typing import Any, cast

from joserfc import jws
from joserfc.errors import JoseError, SecurityWarning
from joserfc.jwk import ECKey, OKPKey, RSAKey, import_key

ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA")
"""Never `none`, and never one whose key the client knows, too."""

TOLERANCE_SECONDS = 60
MAX_TOKEN = 1024 * 1024
_KEY_TYPE = {"RS": "RSA", "PS": "RSA", "ES": "EC", "Ed": "OKP"}
_REGISTRY = jws.JWSRegistry(algorithms=ALGORITHMS, strict_check_header=False)
_REGISTRY.max_payload_length = MAX_TOKEN  # Some providers name thousands of groups.
PublicKey = RSAKey | ECKey | OKPKey


class RefusedTokenError(Exception):
    """An id_token that proves nothing."""


def header_of(token: str) -> dict[str, Any]:
    """The header of a token, not judged yet.

    Raises:
        RefusedTokenError: it is no token, or its algorithm is not one of ours.
    """
    if len(token) > MAX_TOKEN or token.count(".") != 2:
        raise RefusedTokenError
    part = token.partition(".")[0]
    try:
        header = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    except (ValueError, RecursionError):
        raise RefusedTokenError from None
    if not isinstance(header, dict):
        raise RefusedTokenError
    found = cast("dict[str, Any]", header)
    if found.get("alg") not in ALGORITHMS:
        raise RefusedTokenError
    return found


def usable_keys(keys: Sequence[Any], header: dict[str, Any]) -> list[PublicKey]:
    """The keys of a set that may have signed a token with this header: the named one, or all of its type."""
    wanted = _KEY_TYPE[str(header["alg"])[:2]]
    found: list[PublicKey] = []
    for each in keys:
        if not isinstance(each, dict):
            continue
        jwk = cast("dict[str, Any]", each)
        is_named = "kid" not in header or jwk.get("kid") == header["kid"]
        if jwk.get("kty") != wanted or jwk.get("use", "sig") != "sig" or not is_named:
            continue
        try:
            key = import_key(jwk)
        except (JoseError, ValueError, TypeError, KeyError):
            # A key that cannot be read signs nothing; the others of the set still may.
            continue
        if isinstance(key, (RSAKey, ECKey, OKPKey)):
            found.append(key)
    return found


def signed_claims(token: str, keys: Sequence[PublicKey]) -> dict[str, Any]:
    """The claims of a token that one of the keys signed.

    Raises:
        RefusedTokenError
    """
    for key in keys:
        try:
            claims = json.loads(_verified(token, key))
        except (JoseError, ValueError, TypeError, RecursionError):
            continue
        if isinstance(claims, dict):
            return cast("dict[str, Any]", claims)
    raise RefusedTokenError


def _verified(token: str, key: PublicKey) -> bytes:
    with warnings.catch_warnings():
        # The library advises against the name EdDSA, which providers still use.
        warnings.simplefilter("ignore", SecurityWarning)
        return jws.deserialize_compact(token, key, registry=_REGISTRY).payload


def require_claims(
    claims: dict[str, Any],
    *,
    issuer: str,
    client_id: str,
    nonce: str,
    algorithm: str,
    access_token: str,
    now: datetime,
) -> None:
    """Whether a token is meant for us, for this flow, and for now.

    Raises:
        RefusedTokenError
    """
    audience: Any = claims.get("aud")
    audiences = cast("list[Any]", audience) if isinstance(audience, list) else [audience]
    party = claims.get("azp")
    is_ours = client_id in audiences and (party == client_id if len(audiences) > 1 else party in (None, client_id))
    seconds = now.timestamp()
    is_timely = (
        _is_time(claims.get("exp"))
        and _is_time(claims.get("iat"))
        and seconds < claims["exp"] + TOLERANCE_SECONDS
        and claims["iat"] <= seconds + TOLERANCE_SECONDS
        and ("nbf" not in claims or (_is_time(claims["nbf"]) and claims["nbf"] <= seconds + TOLERANCE_SECONDS))
    )
    subject = claims.get("sub")
    has_subject = isinstance(subject, str) and bool(subject)
    is_bound = _same(claims.get("nonce"), nonce) and (
        "at_hash" not in claims or _same(claims["at_hash"], token_hash(access_token, algorithm))
    )
    if not (claims.get("iss") == issuer and is_ours and is_timely and has_subject and is_bound):
        raise RefusedTokenError


def token_hash(access_token: str, algorithm: str) -> str:
    """`at_hash`: the left half of the access token's hash."""
    # Ed25519, the curve of EdDSA that providers use, hashes with SHA-512.
    name = "sha512" if algorithm == "EdDSA" else f"sha{algorithm[2:]}"
    digest = hashlib.new(name, access_token.encode()).digest()
    return base64.urlsafe_b64encode(digest[: len(digest) // 2]).rstrip(b"=").decode()


def _is_time(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _same(value: Any, expected: str) -> bool:
    return isinstance(value, str) and hmac.compare_digest(value.encode(), expected.encode())
