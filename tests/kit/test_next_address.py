"""Where a browser may go after signing in (platform.md 5.2; 16.2 A15)."""

import pytest

from clary.kit.next_address import local_address

OWN = "https://own.example"
EVIL = [
    None,
    "",
    "//evil.example",
    "///evil.example",
    "/\\evil.example",
    "/a\\b",
    "\\/evil.example",
    "/%2f%2fevil.example",
    "/%2fevil.example",
    "/%5cevil.example",
    "https://own.example@evil.example/",
    "https://own.example.evil.example/",
    "https://evil.example/",
    "http://own.example/",
    "/x%0d%0aSet-Cookie:a=b",
    "/x\r\nSet-Cookie:a=b",
    "/x\x00",
    "javascript:alert(1)",
    "relative",
    "/" + "x" * 5000,
]


@pytest.mark.parametrize("web_base", ["", "/web"])
@pytest.mark.parametrize("evil", EVIL)
def test_whatever_is_not_plainly_ours_leads_home(evil: str | None, web_base: str) -> None:
    assert local_address(evil, own_origin=OWN, web_base=web_base) == f"{web_base}/"


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("/a/b?x=1&y=%20#part", "/web/a/b?x=1&y=%20#part"),
        ("/web", "/web"),
        ("/web/a", "/web/a"),
        ("/website", "/web/website"),
        ("/api/stream?x=https://elsewhere.example/", "/api/stream?x=https://elsewhere.example/"),
        (
            "/oauth2/authorize?a=b&redirect_uri=https%3A%2F%2Fa",
            "/oauth2/authorize?a=b&redirect_uri=https%3A%2F%2Fa",
        ),
        ("/jaeger/search", "/jaeger/search"),
        ("https://own.example/web/a?b#c", "/web/a?b#c"),
        ("/" + "x" * 2047, "/web/" + "x" * 2047),
    ],
)
def test_own_addresses_arrive_whole(given: str, expected: str) -> None:
    assert local_address(given, own_origin=OWN, web_base="/web") == expected
