"""Who is at the other end (platform.md 2.7)."""

import pytest
from starlette.types import Scope

from clary.http.middleware import host_name
from clary.http.peers import AddressList, AddressListError, Peer, find_peer, socket_peer

PROXIES = AddressList(["127.0.0.1", "::1", "10.0.0.0/8"])


def scope_of(peer: str | None, *headers: tuple[str, str], scheme: str = "http") -> Scope:
    raw = [(name.lower().encode(), value.encode()) for name, value in (("Host", "own:8000"), *headers)]
    return {"type": "http", "client": (peer, 1) if peer else None, "scheme": scheme, "headers": raw}


@pytest.mark.parametrize(
    ("entries", "address", "inside"),
    [
        ([], "127.0.0.1", False),
        ([""], "unix", False),
        (["unix"], "unix", True),
        (["10.0.0.0/8"], "10.1.2.3", True),
        (["10.0.0.0/8"], "11.1.2.3", False),
        (["10.0.0.1/8"], "10.9.9.9", True),
        (["10.0.0.1"], "::ffff:10.0.0.1", True),
        (["::ffff:10.0.0.1"], "10.0.0.1", True),
        (["::ffff:10.0.0.0/104"], "10.7.7.7", True),
        (["2001:db8::/32"], "2001:db8::1", True),
        (["::/0"], "10.0.0.1", False),
        (["0.0.0.0/0"], "::1", False),
        (["10.0.0.0/8"], "no address", False),
        (["10.0.0.0/8"], "", False),
    ],
)
def test_a_list_knows_its_addresses(entries: list[str], address: str, inside: bool) -> None:
    assert (address in AddressList(entries)) is inside


@pytest.mark.parametrize("entry", ["nonsense", "10.0.0.0/33", "10.0.0", "localhost", "10.0.0.1:80", "UNIX"])
def test_an_entry_that_is_no_address_is_refused(entry: str) -> None:
    with pytest.raises(AddressListError):
        AddressList(["127.0.0.1", entry])


def test_headers_of_a_stranger_do_nothing() -> None:
    headers = [("X-Forwarded-For", "127.0.0.1"), ("X-Forwarded-Proto", "https"), ("X-Forwarded-Host", "evil")]
    assert find_peer(scope_of("203.0.113.7", *headers), PROXIES) == Peer("203.0.113.7", "http", "own:8000", False)


@pytest.mark.parametrize(
    ("lines", "address"),
    [
        (["203.0.113.7"], "203.0.113.7"),
        (["6.6.6.6, 203.0.113.7"], "203.0.113.7"),
        (["6.6.6.6, 203.0.113.7, 10.0.0.2"], "203.0.113.7"),
        # A proxy that writes a line of its own below what the client sent.
        (["6.6.6.6", "203.0.113.7"], "203.0.113.7"),
        (["6.6.6.6", "203.0.113.7, 10.0.0.2", "10.0.0.3"], "203.0.113.7"),
        (["10.0.0.2, 10.0.0.3"], "127.0.0.1"),
        (["203.0.113.7, nonsense"], "127.0.0.1"),
        (["203.0.113.7,, ,"], "203.0.113.7"),
        ([""], "127.0.0.1"),
        (["2001:db8::5"], "2001:db8::5"),
    ],
)
def test_the_client_is_the_first_from_the_right_that_is_no_proxy(lines: list[str], address: str) -> None:
    headers = [("X-Forwarded-For", line) for line in lines]
    assert find_peer(scope_of("127.0.0.1", *headers), PROXIES).address == address


def test_scheme_and_host_are_the_first_ones_a_proxy_names() -> None:
    headers = [("X-Forwarded-Proto", "HTTPS, http"), ("X-Forwarded-Host", "clary.example.org, inner")]
    assert find_peer(scope_of("::1", *headers), PROXIES).origin == "https://clary.example.org"
    odd = [("X-Forwarded-Proto", "javascript"), ("X-Forwarded-Host", "")]
    assert find_peer(scope_of("::1", *odd), PROXIES).origin == "http://own:8000"
    assert find_peer(scope_of("::1", ("Forwarded", "for=9.9.9.9;host=evil;proto=https")), PROXIES) == Peer(
        "::1", "http", "own:8000", False
    )


def test_a_unix_socket_is_a_word_of_its_own() -> None:
    scope = scope_of(None, ("X-Forwarded-For", "203.0.113.7"))
    assert socket_peer(scope) == "unix"
    assert find_peer(scope, PROXIES).address == "unix"
    assert find_peer(scope, AddressList(["unix"])).address == "203.0.113.7"


@pytest.mark.parametrize(
    ("header", "name"),
    [
        ("Own.Example:8000", "own.example"),
        ("own.example", "own.example"),
        ("[2001:DB8::1]:80", "2001:db8::1"),
        ("[::1", "::1"),
        ("::1", "::1"),
        ("", ""),
    ],
)
def test_a_host_is_compared_without_its_port(header: str, name: str) -> None:
    assert host_name(header) == name
