"""Pure decisions about accounts (platform.md 4.1, 4.2, 4.4)."""

import ipaddress
import unicodedata
from collections.abc import Iterable
from datetime import timedelta
from typing import Literal
from urllib.parse import urlsplit

from clary.features.accounts.errors import (
    EmailInvalidError,
    PasswordIsNameError,
    PasswordTooShortError,
    UsernameInvalidError,
)
from clary.kit.text import has_control_characters

AuthMode = Literal["native", "trusted_proxy", "oauth"]
"""How people come to this server (platform.md 3.1)."""

ACCESS_SECONDS = 3600
COOKIE_SECONDS = 1_209_600
DEVICE_SECONDS = 180 * 86_400
SESSION_IDLE = timedelta(days=14)
SESSION_ABSOLUTE = timedelta(days=90)
REFRESH_LIFE = timedelta(days=30)
COOKIE_RENEWAL = timedelta(hours=1)
KNOWN_ADDRESS_LIFE = timedelta(days=30)

FREE_FAILURES = 5
LONGEST_WAIT_SECONDS = 900
PAIR_WINDOW = timedelta(hours=1)
ADDRESS_FAILURES, ADDRESS_WINDOW, ADDRESS_WAIT = 50, timedelta(minutes=15), timedelta(seconds=60)
ACCOUNT_FAILURES, ACCOUNT_WINDOW, ACCOUNT_WAIT = 100, timedelta(hours=1), timedelta(seconds=10)
REFRESHES_PER_MINUTE = 60

MIN_PASSWORD = 8
HAND = "hand"
"""Where a role came from that a person gave, and no mapping may change."""


def clean_username(username: str) -> str:
    """NFKC, trimmed; letters, digits, `_ . -` of any script, 1..64 characters.

    Raises:
        UsernameInvalidError
    """
    name = unicodedata.normalize("NFKC", username).strip()
    if not 1 <= len(name) <= 64 or not all(char.isalnum() or char in "_.-" for char in name):
        raise UsernameInvalidError
    return name


def name_from_outside(candidates: Iterable[str | None]) -> str | None:
    """The first usable candidate as a user name: what a name may not hold becomes `-` (4.1); None without one."""
    for candidate in candidates:
        text = unicodedata.normalize("NFKC", candidate or "").strip()
        name = "".join(char if char.isalnum() or char in "_.-" else "-" for char in text)[:64]
        if name.strip("-"):
            return name
    return None


def username_key(username: str) -> str:
    """The name as compared: without case and width."""
    return unicodedata.normalize("NFKC", username).strip().casefold()


def clean_email(email: str | None) -> str | None:
    """Trimmed and lower-cased; None when empty.

    Raises:
        EmailInvalidError
    """
    address = (email or "").strip().lower()
    if not address:
        return None
    local, _, domain = address.partition("@")
    is_plain = not any(char.isspace() for char in address) and not has_control_characters(address)
    if not local or not domain or "@" in domain or len(address) > 254 or not is_plain:
        raise EmailInvalidError
    return address


def optional_email(email: str | None) -> str | None:
    """An address from outside: cleaned, None when empty or not one."""
    try:
        return clean_email(email)
    except EmailInvalidError:
        return None


def is_avatar(address: str) -> bool:
    """An https URL, or a path of our own object store; at most 512 characters (4.1)."""
    if len(address) > 512 or has_control_characters(address) or any(char.isspace() for char in address):
        return False
    if address.startswith("/"):
        return address.startswith("/api/oss/object/")
    try:
        parts = urlsplit(address)
    except ValueError:
        return False
    return parts.scheme == "https" and bool(parts.hostname)


def is_code(text: str) -> bool:
    """Whether a text looks like a code: six ASCII digits."""
    return len(text) == 6 and text.isascii() and text.isdigit()


def require_password(password: str, *, username: str, email: str | None) -> None:
    """8..256 characters, not the name, not only blanks.

    Raises:
        PasswordTooShortError, PasswordIsNameError
    """
    if len(password) < MIN_PASSWORD or not password.strip():
        raise PasswordTooShortError
    folded = password.casefold()
    if folded in (username.casefold(), (email or "").casefold()):
        raise PasswordIsNameError


def wait_after(failures: int) -> timedelta:
    """How long the next attempt of an (account, address) pair waits: five are free, then 2, 4, 8 … ≤ 900 s."""
    if failures < FREE_FAILURES:
        return timedelta(0)
    return timedelta(seconds=min(2 ** (failures - FREE_FAILURES + 1), LONGEST_WAIT_SECONDS))


def throttle_address(address: str) -> str:
    """The address as counted: IPv6 by its /64."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address
    if isinstance(parsed, ipaddress.IPv6Address):
        if parsed.ipv4_mapped is not None:
            return str(parsed.ipv4_mapped)
        return str(ipaddress.ip_network((parsed, 64), strict=False))
    return address
