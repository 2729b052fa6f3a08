"""Addresses that a stranger chose: every spelling of a private one is refused, before and at the connect."""

import ipaddress
import socket
from collections.abc import AsyncIterator

import aiohttp
import pytest
from aiohttp import web
from aiohttp.abc import AbstractResolver
from anyio import fail_after

from clary.kit.safe_http import (
    BodyTooLargeError,
    OutboundBlockedError,
    OutboundGuard,
    OutboundRedirectError,
    canonical_host,
    is_public,
    parse_allow,
    read_body,
)

pytestmark = pytest.mark.anyio

LOOPBACK = [
    "127.0.0.2",
    "127.2",
    "127.0.2",
    "2130706434",
    "0x7f000002",
    "0x7F.0x0.0x0.0x2",
    "0177.0.0.2",
    "0177.0.0.02",
    "127.0.0.2.",
    "017700000002",
    "[::ffff:127.0.0.2]",
    "[::ffff:7f00:2]",
    "[0:0:0:0:0:ffff:127.0.0.2]",
    "[64:ff9b::127.0.0.2]",
    "[64:ff9b::7f00:2]",
    "[2002:7f00:2::]",
    "[::127.0.0.2]",
    "１２７.0.0.2",
    "127。0。0。2",
    "①②⑦.0.0.2",
]
METADATA = [
    "169.254.169.254",
    "2852039166",
    "0xa9fea9fe",
    "0xA9.254.0251.0376",
    "169.254.43518",
    "[::ffff:169.254.169.254]",
    "[64:ff9b::a9fe:a9fe]",
    "[2002:a9fe:a9fe::1]",
    "１６９.２５４.１６９.２５４",
]
PRIVATE = [
    "0.0.0.0",
    "0",
    "10.0.0.1",
    "172.16.0.1",
    "192.168.1.1",
    "100.64.0.1",
    "192.0.0.1",
    "192.0.2.1",
    "198.18.0.1",
    "203.0.113.1",
    "224.0.0.1",
    "240.0.0.1",
    "255.255.255.255",
    "[::]",
    "[::1]",
    "[fe80::1]",
    "[fe80::1%25eth0]",
    "[fc00::1]",
    "[fd12::1]",
    "[fec0::1]",
    "[ff02::1]",
    "[2001::1]",
    "[2001:db8::1]",
    "[100::1]",
    "localhost",
    "LOCALHOST",
    "a.localhost",
    "localhost.",
]


@pytest.mark.parametrize("host", [*LOOPBACK, *METADATA, *PRIVATE])
@pytest.mark.parametrize("form", ["http://{}/", "https://{}:8443/x?y=1"])
def test_every_spelling_of_a_private_address_is_refused(host, form):
    guard = OutboundGuard()
    with pytest.raises(OutboundBlockedError) as caught:
        guard.check_url(form.format(host))
    assert (str(caught.value), guard.blocked_total) == ("address not allowed", 1)


@pytest.mark.parametrize(
    "url",
    [
        "ftp://example.com/",
        "file:///etc/passwd",
        "gopher://example.com/",
        "//example.com/",
        "example.com",
        "",
        "http://",
        "http:///x",
        "http://user@example.com/",
        "http://user:word@example.com/",
        "http://:word@example.com/",
        "http://example.com@127.0.0.2/",
        "http://127.0.0.2@example.com/",
        "http://example.com\\@127.0.0.2/",
        "http://example.com:0/",
        "http://example.com:99999/",
        "http://example.com:x/",
        "http://exa mple.com/",
        "http://example.com/\r\nX: y",
        "http://example.com\t/",
        "http://256.256.256.256/",
        "http://1.2.3.4.5/",
        "http://0x/",
        "http://08.1.1.1/",
        "http://[::1/",
        "http://-a.example/",
        "http://" + "a" * 300 + "/",
    ],
)
def test_what_is_no_plain_web_address_is_refused(url):
    with pytest.raises(OutboundBlockedError):
        OutboundGuard().check_url(url)


@pytest.mark.parametrize(
    ("url", "canonical"),
    [
        ("https://example.com/a?b=c", "https://example.com/a?b=c"),
        ("http://EXAMPLE.com/", "http://example.com/"),
        ("http://8.8.8.8/", "http://8.8.8.8/"),
        ("http://134744072/", "http://8.8.8.8/"),
        ("http://[2606:4700::1111]/", "http://[2606:4700::1111]/"),
        ("http://bücher.example/", "http://xn--bcher-kva.example/"),
    ],
)
def test_public_addresses_pass_in_canonical_form(url, canonical):
    assert str(OutboundGuard().check_url(url)) == canonical


ALLOW = [
    ("127.0.0.2", "http://127.0.0.2:81/", True),
    ("127.0.0.2", "http://2130706434/", True),
    ("127.0.0.2", "http://[::ffff:127.0.0.2]/", True),
    ("127.0.0.2", "http://127.0.0.3/", False),
    ("127.0.0.2:80", "http://127.0.0.2/", True),
    ("127.0.0.2:80", "http://127.0.0.2:81/", False),
    ("127.0.0.0/8:81", "http://127.9.9.9:81/", True),
    ("10.0.0.0/8", "http://10.200.0.1/", True),
    ("10.0.0.0/8", "http://11.0.0.1/", True),
    ("10.0.0.0/8", "http://172.16.0.1/", False),
    ("[::1]:8080", "http://[::1]:8080/", True),
    ("[::1]:8080", "http://[::1]/", False),
    ("fd00::/8", "http://[fd12::1]/", True),
    ("::ffff:127.0.0.2", "http://127.0.0.2/", True),
    ("localhost", "http://localhost:5/", True),
    ("localhost", "http://127.0.0.1:5/", False),
    ("LocalHost:5", "http://localhost.:5/", True),
    ("127.0.0.1", "http://localhost/", True),
]


@pytest.mark.parametrize(("entry", "url", "allowed"), ALLOW)
def test_the_allow_list_goes_by_name_network_and_port(entry, url, allowed):
    guard = OutboundGuard([entry])
    try:
        guard.check_url(url)
    except OutboundBlockedError:
        assert not allowed
    else:
        assert allowed


@pytest.mark.parametrize("entry", ["", "a b", "http://x", "127.0.0.1:0", "127.0.0.1:99999", "10.0.0.0/99", "x:y"])
def test_an_unreadable_entry_is_refused_and_the_old_list_stays(entry):
    guard = OutboundGuard(["127.0.0.2"])
    with pytest.raises(ValueError):
        guard.replace_allow([entry])
    guard.check_url("http://127.0.0.2/")
    assert len(parse_allow(["a.example", "10.0.0.1:5"])) == 2


def test_an_entry_with_an_open_bracket_is_refused():
    with pytest.raises(ValueError):
        parse_allow(["[::1"])


def test_https_only_leaves_plain_http_to_the_list():
    guard = OutboundGuard(["inside.example", "10.0.0.1"])
    for url in ("https://example.com/", "http://inside.example/", "http://10.0.0.1/"):
        guard.check_url(url, https_only=True)
    with pytest.raises(OutboundBlockedError):
        guard.check_url("http://example.com/", https_only=True)


def test_hosts_and_addresses_by_themselves():
    assert canonical_host("0x7f.1") == "127.0.0.1"
    assert canonical_host("Exa-mple.COM.") == "exa-mple.com"
    assert canonical_host("a..b") is None
    assert is_public(ipaddress.ip_address("64:ff9b::8.8.8.8"))
    assert not is_public(ipaddress.ip_address("2002:808:808::1"))


class FixedResolver(AbstractResolver):
    """Answers a name with the next of its lists of addresses; the last one repeats."""

    def __init__(self, *answers: list[str]) -> None:
        self.answers = list(answers)
        self.asked = 0

    async def resolve(self, host, port=0, family=socket.AF_INET):
        self.asked += 1
        found = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        return [
            {"hostname": host, "host": each, "port": port, "family": socket.AF_INET, "proto": 0, "flags": 0}
            for each in found
        ]

    async def close(self) -> None:
        pass


@pytest.fixture
async def site() -> AsyncIterator[int]:
    """A web server on loopback; its port. Its doors lead on by redirects."""
    seen: list[dict[str, str]] = []

    async def page(request: web.Request) -> web.Response:
        seen.append(dict(request.headers))
        if target := request.query.get("to"):
            return web.Response(status=302, headers={"Location": target})
        if request.path == "/loop":
            return web.Response(status=302, headers={"Location": "/loop"})
        if request.path == "/headers":
            return web.Response(text=str(request.headers.get("Authorization")))
        return web.Response(text="inside" * 100)

    app = web.Application()
    app.router.add_route("*", "/{tail:.*}", page)
    runner = web.AppRunner(app)
    await runner.setup()
    await (listening := web.TCPSite(runner, "127.0.0.1", 0)).start()
    assert listening._server is not None
    yield listening._server.sockets[0].getsockname()[1]
    await runner.cleanup()


async def test_a_name_that_leads_inside_is_refused_at_the_connect(site):
    guard = OutboundGuard()
    async with guard.session(resolver=FixedResolver(["127.0.0.1"])) as session:
        with fail_after(5), pytest.raises(OutboundBlockedError) as caught:
            await session.get(f"http://rebind.example:{site}/")
    assert (caught.value.__cause__, caught.value.__context__, guard.blocked_total) == (None, None, 1)


async def test_a_name_that_flips_from_public_to_private_gains_nothing(site):
    # The public address is one the guard would let through; it is on loopback so that nothing leaves the machine.
    guard = OutboundGuard([f"127.0.0.2:{site}"])
    resolver = FixedResolver(["127.0.0.2"], ["127.0.0.1"])
    async with guard.session(resolver=resolver) as session:
        with fail_after(5):
            guard.check_url(f"http://rebind.example:{site}/")
            with pytest.raises(aiohttp.ClientConnectorError):
                # Nobody listens there, yet the guard let it try.
                await session.get(f"http://rebind.example:{site}/")
            with pytest.raises(OutboundBlockedError):
                await session.get(f"http://rebind.example:{site}/")
    assert resolver.asked == 2


async def test_of_several_addresses_only_the_allowed_are_tried(site):
    guard = OutboundGuard([f"127.0.0.1:{site}"])
    async with guard.session(resolver=FixedResolver(["10.0.0.1", "169.254.169.254", "127.0.0.1"])) as session:
        with fail_after(5):
            async with session.get(f"http://many.example:{site}/") as response:
                assert response.status == 200


async def test_a_name_on_the_list_may_lead_anywhere(site):
    async with OutboundGuard([f"inside.example:{site}"]).session(resolver=FixedResolver(["127.0.0.1"])) as session:
        async with session.get(f"http://inside.example:{site}/") as response:
            assert response.status == 200
        with pytest.raises(OutboundBlockedError):
            await session.get(f"http://other.example:{site}/")


async def test_pooled_connections_are_judged_again(site):
    guard = OutboundGuard([f"127.0.0.1:{site}"])
    async with guard.session(resolver=FixedResolver(["127.0.0.1"])) as session:
        async with session.get(f"http://pooled.example:{site}/") as response:
            await response.read()
        guard.replace_allow([])
        with pytest.raises(OutboundBlockedError):
            await session.get(f"http://pooled.example:{site}/")


async def test_redirects_are_checked_hop_by_hop(site):
    guard = OutboundGuard([f"127.0.0.1:{site}"])
    home = f"http://127.0.0.1:{site}"
    async with guard.session() as session:
        async with guard.fetch(session, f"{home}/a?to=/b") as response:
            assert (str(response.url), response.status) == (f"{home}/b", 200)
        for target in ("http://169.254.169.254/", "http://127.0.0.2/", "file:///etc/passwd", "http://u@127.0.0.1/"):
            with pytest.raises(OutboundBlockedError):
                async with guard.fetch(session, f"{home}/a?to={target}"):
                    pytest.fail("followed")
        with pytest.raises(OutboundRedirectError):
            async with guard.fetch(session, f"{home}/loop"):
                pytest.fail("followed")
        with pytest.raises(OutboundRedirectError):
            await session.get(f"{home}/a?to=/b")
        with pytest.raises(ValueError):
            async with guard.fetch(session, home, method="POST"):
                pytest.fail("sent")


async def test_headers_stay_with_their_origin(site):
    guard = OutboundGuard([f"127.0.0.1:{site}", f"localhost:{site}"])
    secret = {"Authorization": "secret"}
    async with guard.session(resolver=FixedResolver(["127.0.0.1"])) as session:
        home, other = f"http://127.0.0.1:{site}", f"http://localhost:{site}"
        async with guard.fetch(session, f"{home}/a?to=/headers", headers=secret) as response:
            assert await response.text() == "secret"
        async with guard.fetch(session, f"{home}/a?to={other}/headers", headers=secret) as response:
            assert await response.text() == "None"


async def test_bodies_are_read_up_to_a_limit(site):
    guard = OutboundGuard([f"127.0.0.1:{site}"])
    async with guard.session() as session:
        async with guard.fetch(session, f"http://127.0.0.1:{site}/") as response:
            assert len(await read_body(response, 600)) == 600
        with pytest.raises(BodyTooLargeError):
            async with guard.fetch(session, f"http://127.0.0.1:{site}/") as response:
                await read_body(response, 599)


async def test_an_environment_proxy_is_not_used_and_a_given_one_is_refused(site, monkeypatch):
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    guard = OutboundGuard([f"127.0.0.1:{site}"])
    async with guard.session() as session:
        async with session.get(f"http://127.0.0.1:{site}/") as response:
            assert response.status == 200
        with pytest.raises(OutboundBlockedError):
            await session.get(f"http://127.0.0.1:{site}/", proxy="http://127.0.0.1:9")
