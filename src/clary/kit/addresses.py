"""Host names and addresses as a stranger may spell them, and which of them belong to the open internet."""

import ipaddress
import re
from typing import Final

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

_NAME = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?<!-)(\.(?!-)[a-z0-9_-]{1,63}(?<!-))*")
_NUMBER = re.compile(r"0[xX][0-9a-fA-F]*|[0-9]+")
_GLOBAL_UNICAST = ipaddress.IPv6Network("2000::/3")
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
# `is_global` of Python 3.11 calls these public: protocol assignments, 6to4 relays, Teredo, 6to4, documentation.
_NOT_PUBLIC: Final[tuple[Network, ...]] = tuple(
    ipaddress.ip_network(text)
    for text in ("192.0.0.0/24", "192.88.99.0/24", "2001::/23", "2002::/16", "2001:db8::/32", "3fff::/20")
)


def canonical_host(host: str) -> str | None:
    """A host as names and addresses are compared: lower-case IDNA without a final dot, or a canonical address.

    Reads the number forms that resolvers read (`2130706433`, `0x7f.1`, `0177.0.0.1`, `127.1`). None: no valid host.
    """
    text = host.strip("[]") if host.startswith("[") else host
    if ":" in text:
        address = literal_address(text)
        return None if address is None else str(address)
    name = text.removesuffix(".").lower()
    if not name.isascii():
        # yarl has already mapped what IDNA can map; anything left is not a host name.
        return None
    if _NUMBER.fullmatch(name.rpartition(".")[2]):
        number = _number_address(name)
        return None if number is None else str(number)
    return name if len(name) <= 253 and _NAME.fullmatch(name) else None


def is_public(address: Address) -> bool:
    """Whether an address belongs to the open internet; addresses that embed an IPv4 address are judged by that."""
    plain = unmapped(address)
    if isinstance(plain, ipaddress.IPv6Address) and plain not in _GLOBAL_UNICAST:
        return False
    if not plain.is_global or plain.is_multicast or plain.is_reserved:
        return False
    return not any(plain in network for network in _NOT_PUBLIC)


def unmapped(address: Address) -> Address:
    """The IPv4 address that a mapped or translated IPv6 address leads to; others as they are.

    6to4 and Teredo addresses lead over relays that nobody runs any more; they stay as they are and are not public.
    """
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped is not None:
            return address.ipv4_mapped
        if address in _NAT64:
            return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return address


def literal_address(host: str) -> Address | None:
    """The address a text spells in the ordinary way, or None."""
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None


def _number_address(host: str) -> ipaddress.IPv4Address | None:
    """An IPv4 address of one to four numbers in any base, the last one filling the rest, as C resolvers read it."""
    parts = host.split(".")
    if len(parts) > 4 or not all(_NUMBER.fullmatch(part) for part in parts):
        return None
    try:
        numbers = [_number(part) for part in parts]
    except ValueError:
        return None
    *heads, tail = numbers
    if any(number > 255 for number in heads) or tail >= 256 ** (5 - len(numbers)):
        return None
    value = tail
    for place, number in enumerate(heads):
        value += number << (8 * (3 - place))
    return ipaddress.IPv4Address(value)


def _number(part: str) -> int:
    if part[:2] in ("0x", "0X"):
        return int(part[2:] or "0", 16)
    return int(part, 8) if part.startswith("0") and part != "0" else int(part)
