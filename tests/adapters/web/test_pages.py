"""Pages are fetched only from where they may be (product.md A30)."""

import pytest
from aiohttp import web
from anyio import fail_after

from clary.adapters.web import WebPages
from clary.features.toolbox.ports import FetchedPage, PageError
from clary.kit.safe_http import OutboundGuard

pytestmark = pytest.mark.anyio


async def told(pages: WebPages, url: str) -> FetchedPage | str:
    """What came, or why nothing."""
    with fail_after(20):
        try:
            return await pages.fetch(url)
        except PageError as error:
            return error.message.en


async def test_a_page_comes_with_its_type_over_redirects(site) -> None:
    pages = WebPages(OutboundGuard(["127.0.0.1"]))
    site.answers["/end"] = web.Response(
        body="中".encode("gb18030"), headers={"Content-Type": "Text/HTML; charset=GB18030"}
    )
    site.answers["/start"] = web.Response(status=302, headers={"Location": "/end"})
    site.answers["/untyped"] = web.Response(status=500)
    assert await told(pages, f"{site.url}/start") == FetchedPage(
        f"{site.url}/end", 200, "text/html", "gb18030", "中".encode("gb18030")
    )
    failed = await told(pages, f"{site.url}/untyped")
    assert isinstance(failed, FetchedPage)
    assert failed.http_status == 500


@pytest.mark.parametrize(
    "url",
    [
        "http://169.254.169.254/latest/meta-data",
        "http://[::]/",
        "http://[fd00:ec2::254]/",
        "http://[::ffff:127.0.0.1]/",
        "http://2130706433/",
        "http://0x7f000001/",
        "http://0177.0.0.1/",
        "http://127.1/",
        "http://１２７.0.0.1/",
        "http://localhost./",
        "http://user@127.0.0.1/",
        "http://example.com\\@127.0.0.1/",
        "http://127.0.0.1/\r\nX: y",
        "file:///etc/passwd",
        "gopher://127.0.0.1/",
        "",
    ],
)
async def test_no_spelling_of_a_private_address_is_fetched(url: str) -> None:
    assert str(await told(WebPages(OutboundGuard()), url)).startswith("Address not allowed")


async def test_a_redirect_inside_an_endless_chain_and_a_body_without_end_are_cut(site) -> None:
    pages = WebPages(OutboundGuard(["127.0.0.1"]), max_megabytes=1, seconds=5)
    site.answers["/inside"] = web.Response(status=302, headers={"Location": "http://169.254.169.254/"})
    site.answers["/loop"] = web.Response(status=302, headers={"Location": "/loop"})
    assert str(await told(pages, f"{site.url}/inside")).startswith("Address not allowed")
    assert await told(pages, f"{site.url}/loop") == "Too many or invalid redirects"
    assert len(site.seen) == 1 + 6
    assert await told(pages, f"{site.url}/endless") == "The content is too large, limit 1 MB"


async def test_nobody_there_says_nothing_of_what_was_found(site) -> None:
    pages = WebPages(OutboundGuard(["127.0.0.1"]), seconds=5)
    assert await told(pages, "http://127.0.0.1:1/") == "The address could not be reached"
    with pytest.raises(PageError):
        await pages.fetch("http://example.com/", https_only=True)
