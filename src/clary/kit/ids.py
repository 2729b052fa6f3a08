"""Random identifiers."""

import base64
import secrets
import uuid


def new_uuid() -> str:
    """A random uuid4 with dashes."""
    return str(uuid.uuid4())


def new_hex(digits: int) -> str:
    """Random lower-case hex digits."""
    return secrets.token_hex((digits + 1) // 2)[:digits]


def new_base32(characters: int) -> str:
    """Random lower-case letters and digits 2 to 7, five bits each."""
    return base64.b32encode(secrets.token_bytes(characters)).decode("ascii")[:characters].lower()


def new_token(prefix: str = "") -> str:
    """A prefix and 43 base64url characters of 256 random bits."""
    return prefix + secrets.token_urlsafe(32)
