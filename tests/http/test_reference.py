"""The API document, for programs and for people (platform.md 2.2, 2.6)."""

import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from clary.http.reference import render_reference
from support.calls import ROUTES
from support.house import House, house_in

pytestmark = pytest.mark.anyio


class Page(HTMLParser):
    """What a page loads, and its tags."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.loads: list[str] = []
        self.tags: set[str] = set()
        self.ids: set[str] = set()
        self.anchors: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        for name, value in attrs:
            assert name != "style"
            assert not name.startswith("on")
            if name == "id":
                self.ids.add(value or "")
            elif name == "href" and tag == "a" and (value or "").startswith("#"):
                self.anchors.add((value or "")[1:])
            elif name in ("src", "href"):
                self.loads.append(value or "")


def documented() -> set[tuple[str, str]]:
    """Every route as a document names it: how a part of a path is read is no matter of callers."""
    return {(method, re.sub(r":\w+\}", "}", path)) for method, path in ROUTES}


async def test_the_document_names_every_route(house: House) -> None:
    async with house.browser() as client:
        paths = (await client.get("/openapi.json")).json()["paths"]
    named = {(method.upper(), path) for path, item in paths.items() for method in item}
    assert sorted(documented() - named) == []


@pytest.mark.parametrize("path", ["/docs", "/redoc"])
async def test_the_reference_is_a_page_of_this_server_alone(house: House, path: str) -> None:
    async with house.browser(Accept="text/html") as client:
        answer = await client.get(path, headers={"X-Locale": "en-US"})
        style = await client.get("/docs.css")
        chinese = (await client.get(path)).text
    page = Page(answer.text)
    assert (answer.status_code, answer.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert "script-src 'self'" in answer.headers["content-security-policy"]
    assert "unsafe" not in answer.headers["content-security-policy"]
    assert not page.tags & {"script", "style", "iframe", "img"}
    assert page.loads == ["/docs.css", "/openapi.json"]
    assert page.anchors <= page.ids
    assert (style.status_code, style.headers["content-type"]) == (200, "text/css; charset=utf-8")
    shown = set(re.findall(r"<b>([A-Z]+)</b> <code>([^<]+)</code>", answer.text))
    assert sorted(documented() - shown) == []
    assert ("API reference" in answer.text, "接口文档" in chinese) == (True, True)


def test_what_a_document_says_cannot_become_part_of_the_page() -> None:
    evil = "<script>alert('1')</script>\""
    operation = {
        "tags": [evil],
        "summary": evil,
        "description": evil,
        "parameters": [{"name": evil, "in": evil, "required": True, "schema": {"title": evil}}],
        "requestBody": {"content": {evil: {"schema": {"$ref": "#/components/schemas/" + evil}}}},
        "responses": {evil: {"content": {}}},
        "x-clary-access": {"scope": evil},
    }
    schemas = {evil: {"title": evil, "items": [{"$ref": evil}]}}
    document = {
        "info": {"title": evil, "version": evil},
        "paths": {"/" + evil: {"get": operation}},
        "components": {"schemas": schemas},
    }
    page = render_reference(document, "en-US")
    assert "script" not in Page(page).tags
    assert "<script" not in page


async def test_documents_can_be_switched_off(tmp_path: Path) -> None:
    async with house_in(tmp_path, api_docs=False) as house, house.browser() as client:
        answers = [await client.get(path) for path in ("/openapi.json", "/docs", "/redoc", "/docs.css")]
    assert [answer.status_code for answer in answers] == [404] * 4
