"""Each search service in its own words (product.md 9)."""

import json
from typing import Any

import pytest
from aiohttp import web

from clary.adapters.web import SearchSettings, search_services
from clary.adapters.web.searching import Brave, HttpSearch, SearXng, SerpApi, Tavily
from clary.features.toolbox.ports import ImageHit, SearchError, WebHit

pytestmark = pytest.mark.anyio


def says(site, path: str, answer: Any) -> None:
    """The JSON at a path."""
    site.answers[path] = web.json_response(answer)


async def test_searxng_is_asked_for_json(site) -> None:
    service = SearXng(f"{site.url}/")
    found = {"title": "T", "url": "https://a.example", "content": "c", "publishedDate": "2026"}
    says(site, "/search", {"results": [found, {"title": None}, "odd"]})
    assert await service.search_pages("a b&c", count=2, time_range="day") == [
        WebHit("T", "https://a.example", "c", "searxng", "2026"),
        WebHit("", "", "", "searxng"),
    ]
    assert dict(site.seen[0].query) == {"q": "a b&c", "format": "json", "categories": "general", "time_range": "day"}
    says(site, "/search", {"results": [{"title": "I", "img_src": "https://a.example/i", "thumbnail_src": "t"}, {}]})
    assert await service.search_images("q", count=5, time_range="") == [
        ImageHit("I", "https://a.example/i", "t", "searxng")
    ]
    assert site.seen[1].query["categories"] == "images"


async def test_brave_gets_its_key_in_a_header(site) -> None:
    service = Brave(site.url, (), "key-b")
    says(site, "/web/search", {"web": {"results": [{"title": "T", "url": "u", "description": "d", "page_age": "p"}]}})
    assert await service.search_pages("q", count=50, time_range="month") == [WebHit("T", "u", "d", "brave", "p")]
    assert dict(site.seen[0].query) == {"q": "q", "count": "20", "freshness": "pm"}
    assert site.seen[0].headers["X-Subscription-Token"] == "key-b"
    says(site, "/images/search", {"results": [{"title": "I", "properties": {"url": "u"}, "thumbnail": {"src": "t"}}]})
    assert await service.search_images("q", count=1, time_range="") == [ImageHit("I", "u", "t", "brave")]


async def test_tavily_is_asked_by_post(site) -> None:
    service = Tavily(f"{site.url}/search", (), "key-t")
    says(site, "/search", {"results": [{"title": "T", "url": "u", "content": "c"}], "images": [{"url": "i"}]})
    assert await service.search_pages("q", count=3, time_range="year") == [WebHit("T", "u", "c", "tavily")]
    assert json.loads(site.bodies[0]) == {"query": "q", "max_results": 3, "time_range": "year"}
    assert site.seen[0].headers["Authorization"] == "Bearer key-t"
    assert await service.search_images("q", count=3, time_range="") == [ImageHit("", "i", "", "tavily")]


async def test_serpapi_may_be_any_service_of_its_form(site) -> None:
    service = SerpApi(f"{site.url}/search.json", (), "key-s")
    says(site, "/search.json", {"organic_results": [{"title": "T", "link": "u", "snippet": "s", "date": "d"}]})
    assert await service.search_pages("q", count=3, time_range="week") == [WebHit("T", "u", "s", "serpapi", "d")]
    sent = {"engine": "google", "q": "q", "num": "3", "api_key": "key-s", "tbs": "qdr:w"}
    assert dict(site.seen[0].query) == sent
    says(site, "/search.json", {"images_results": [{"title": "I", "original": "u", "thumbnail": "t"}]})
    assert await service.search_images("q", count=3, time_range="") == [ImageHit("I", "u", "t", "serpapi")]


@pytest.mark.parametrize(
    "answer",
    [
        web.Response(status=500),
        web.Response(status=302, headers={"Location": "https://example.com/"}),
        web.Response(text="<html>"),
        web.Response(text="[1]"),
        web.Response(text="[" * 100_000),
        web.Response(body=b" " * (5 * 1024 * 1024)),
    ],
)
async def test_a_useless_answer_is_a_failure_without_words(site, answer: web.Response) -> None:
    site.answers["/search"] = answer
    with pytest.raises(SearchError) as failure:
        await SearXng(site.url).search_pages("q", count=1, time_range="")
    assert str(failure.value) == ""


def test_configured_services_come_in_the_order_that_was_set() -> None:
    keys: dict[str, Any] = {"searxng_url": "http://10.0.0.1", "brave_key": "b", "tavily_key": "t", "serpapi_key": "s"}
    names = [service.name for service in search_services(SearchSettings(order=("serpapi", "brave"), **keys))]
    assert names == ["serpapi", "brave"]
    assert [service.name for service in search_services(SearchSettings(**keys))] == [
        "searxng",
        "brave",
        "tavily",
        "serpapi",
    ]
    assert search_services(SearchSettings()) == ()


async def test_only_the_own_address_is_let_through(site) -> None:
    service: HttpSearch = SearXng("http://127.0.0.1:1")
    service._address = site.url
    with pytest.raises(SearchError):
        await service.search_pages("q", count=1, time_range="")
    assert site.seen == []
