"""Random identifiers."""

import secrets
import uuid


def new_uuid() -> str:
    """A random uuid4 with dashes."""
    return str(uuid.uuid4())


def new_hex(digits: int) -> str:
    """Random lower-case hex digits."""
    return secrets.token_hex((digits + 1) // 2)[:digits]


def new_token(prefix: str = "") -> str:
    """A prefix and 43 base64url characters of 256 random bits."""
    return prefix + secrets.token_urlsafe(32)
