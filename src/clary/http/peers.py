"""Who is at the other end, and what our own address is (platform.md 2.7)."""

import ipaddress
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from starlette.datastructures import Headers
from starlette.types import Scope

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


class AddressListError(ValueError):
    """An entry is neither an address nor a CIDR block."""


class AddressList:
    """Single addresses or CIDR blocks; IPv4-mapped IPv6 equals IPv4; an empty list trusts nobody."""

    def __init__(self, entries: Iterable[str]) -> None:
        self._unix = False
        self._networks: list[Network] = []
        for entry in (each.strip() for each in entries):
            if entry == "unix":
                self._unix = True
            elif entry:
                self._networks.append(_network(entry))

    def __contains__(self, address: str) -> bool:
        if address == "unix":
            return self._unix
        try:
            parsed = _unmapped(ipaddress.ip_address(address))
        except ValueError:
            return False
        return any(parsed.version == network.version and parsed in network for network in self._networks)


def _network(entry: str) -> Network:
    try:
        network = ipaddress.ip_network(entry, strict=False)
    except ValueError:
        raise AddressListError(entry) from None
    if isinstance(network, ipaddress.IPv6Network) and network.prefixlen >= 96:
        mapped = network.network_address.ipv4_mapped
        if mapped is not None:
            return ipaddress.IPv4Network((mapped, network.prefixlen - 96))
    return network


def _unmapped(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        return address.ipv4_mapped
    return address


def is_address(text: str) -> bool:
    """Whether a text is an IP address."""
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


@dataclass(frozen=True, slots=True)
class Peer:
    """One request's origin. `address` is the client's, for throttling and audit; never for identity."""

    address: str
    scheme: str
    host: str
    forwarded: bool

    @property
    def origin(self) -> str:
        """Scheme and host as the browser sees them, when no public URL is set."""
        return f"{self.scheme}://{self.host}"


def socket_peer(scope: Scope) -> str:
    """The TCP peer; `unix` for a Unix socket."""
    client = scope.get("client")
    return client[0] if client and client[0] else "unix"


def find_peer(scope: Scope, trusted_forwarders: AddressList) -> Peer:
    """Reads X-Forwarded-* only when the socket peer is trusted to send them."""
    headers = Headers(scope=scope)
    peer, scheme, host = socket_peer(scope), scope.get("scheme", "http"), headers.get("host", "")
    if peer not in trusted_forwarders:
        return Peer(peer, scheme, host, forwarded=False)
    # A proxy may add a line of its own below the one that the client sent.
    chain = ",".join(headers.getlist("x-forwarded-for"))
    address = _first_untrusted(chain, trusted_forwarders) or peer
    forwarded_scheme = _first(headers, "x-forwarded-proto").lower()
    return Peer(
        address,
        forwarded_scheme if forwarded_scheme in ("http", "https") else scheme,
        _first(headers, "x-forwarded-host") or host,
        forwarded="x-forwarded-for" in headers,
    )


def _first_untrusted(chain: str, trusted: AddressList) -> str | None:
    """The first address from the right that is not one of our proxies."""
    for entry in (each.strip() for each in reversed(chain.split(","))):
        if not entry:
            continue
        try:
            ipaddress.ip_address(entry)
        except ValueError:
            return None
        if entry not in trusted:
            return entry
    return None


def _first(headers: Mapping[str, str], name: str) -> str:
    return headers.get(name, "").split(",")[0].strip()
