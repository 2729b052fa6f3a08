"""Pure decisions about API keys (platform.md 7.1)."""

import re
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Literal

from clary.http.peers import AddressList, AddressListError
from clary.kit.text import TextError

PREFIX = "clk_"
SECRET = re.compile(r"clk_[A-Za-z0-9_-]{43}")
SHOWN_CHARACTERS = 8
MAX_KEYS = 50
Scope = Literal["read", "chat", "write", "mcp", "admin"]
DEFAULT_SCOPES: tuple[Scope, ...] = ("read", "chat", "write")


def is_from(addresses: Iterable[str], address: str) -> bool:
    """Whether a client address is one of these; no list: any."""
    wanted = list(addresses)
    return not wanted or address in AddressList(wanted)


def require_address(entry: str) -> str:
    """A single address or CIDR block.

    Raises:
        ValueError: it is neither.
    """
    try:
        if entry.strip() != "unix":
            AddressList([entry])
    except AddressListError:
        raise TextError("应为 IP 地址或 CIDR 网段", "must be addresses or CIDR blocks") from None
    return entry.strip()


def last_moment(max_days: int, now: datetime) -> datetime | None:
    """The latest allowed end of a key; None: there is none."""
    return now + timedelta(days=max_days) if max_days else None


def to_minute(moment: datetime) -> datetime:
    """The minute of a moment."""
    return moment.replace(second=0, microsecond=0)
