"""fetch_webpages, search_web_page, search_image_from_web, analyze_image with twins of the web (product.md 6.2)."""

import asyncio
import base64
import struct
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from clary.features.toolbox import web_tools
from clary.features.toolbox.ports import (
    DocumentError,
    DocumentText,
    FetchedPage,
    ImageHit,
    NoBounds,
    PageError,
    SearchError,
    TimeRange,
    WebAccess,
    WebHit,
)
from clary.features.toolbox.service import Toolbox
from clary.kit.text import Text
from clary.runtime.tools import ToolFailedError

pytestmark = pytest.mark.anyio

PNG = b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + b"IHDR" + struct.pack(">II", 4, 3) + b"\x08\x02\x00\x00\x00"
HUGE = PNG[:16] + struct.pack(">II", 100_000, 100_000) + PNG[24:]
FOUND = WebHit("A", "https://a.example", "text", "twin", "2026")


@dataclass
class FixedPages:
    """Pages by address; anything else is refused."""

    pages: dict[str, FetchedPage]

    async def fetch(self, url: str, *, https_only: bool = False, max_bytes: int | None = None) -> FetchedPage:
        """See `Pages.fetch`."""
        if url not in self.pages:
            raise PageError(Text("不行", "no"))
        return self.pages[url]


class PlainDocuments:
    """Documents that are their own text."""

    def kind_of(self, *, name: str = "", content_type: str = "") -> str | None:
        """See `Documents.kind_of`."""
        return "html" if content_type == "text/html" else "pdf" if name.endswith(".pdf") else None

    async def read(self, content: bytes, kind: str) -> DocumentText:
        """See `Documents.read`."""
        if content == b"slow":
            await asyncio.Event().wait()
        if content == b"broken":
            raise DocumentError(Text("坏", "broken"))
        return DocumentText("Title", content.decode())

    async def decode(self, content: bytes, charset: str | None) -> str:
        """See `Documents.decode`."""
        return content.decode(charset or "utf-8")


@dataclass
class TwinService:
    """Answers alike, or fails, or waits."""

    pages: Sequence[WebHit] | None = ()
    images: Sequence[ImageHit] | None = None
    waits: bool = False
    name: str = "twin"
    asked: list[tuple[str, int, TimeRange]] = field(default_factory=list)

    async def search_pages(self, query: str, *, count: int, time_range: TimeRange) -> Sequence[WebHit]:
        """See `SearchService.search_pages`."""
        self.asked.append((query, count, time_range))
        if self.waits:
            raise TimeoutError
        if self.pages is None:
            raise SearchError
        return self.pages

    async def search_images(self, query: str, *, count: int, time_range: TimeRange) -> Sequence[ImageHit] | None:
        """See `SearchService.search_images`."""
        return self.images


@dataclass
class CountedRate:
    """Lets two calls of a person through."""

    calls: dict[str, int] = field(default_factory=dict)

    async def count(self, *, kind: str, key: str, limit: int) -> int | None:
        """See `Rate.count`."""
        self.calls[key] = self.calls.get(key, 0) + 1
        return 7 if self.calls[key] > 2 else None


class Eyes:
    """Says what it was shown."""

    async def describe(self, image_url: str, prompt: str) -> str:
        """See `ImageReader.describe`."""
        return f"{image_url[:22]} {prompt}"


def page(body: bytes, kind: str = "text/plain", status: int = 200, charset: str | None = None) -> FetchedPage:
    """What an address answers."""
    return FetchedPage("https://a.example/end", status, kind, charset, body)


async def test_pages_become_text_that_is_kept_whole(bench) -> None:
    pages = {
        "https://a.example/x": page('<meta charset="gb18030"><p>中'.encode("gb18030"), "text/html"),
        "https://a.example/t": page(b"0123456789"),
        "https://a.example/missing": page(b"", status=404),
        "https://a.example/picture": page(b"\x89", "image/png"),
    }
    bench.toolbox = Toolbox(web=WebAccess(documents=PlainDocuments(), pages=FixedPages(pages)))
    answer = await bench.call(
        "fetch_webpages", "en", urls=[*pages, "http://169.254.169.254/latest"], max_length_per_url=6
    )
    first, text, missing, picture, refused = answer["results"]
    assert answer["status"] == "partial"
    assert first["saved_path"].startswith("/workspace/.clary/web/a.example-x-")
    whole = bench.workspace / text["saved_path"].removeprefix("/workspace/")
    assert whole.read_text() == "0123456789"
    assert first | {"saved_path": ""} == {
        "url": "https://a.example/x",
        "final_url": "https://a.example/end",
        "status": "success",
        "http_status": 200,
        "content_type": "text/html",
        "title": "Title",
        "content": "<meta ",
        "truncated": True,
        "saved_path": "",
    }
    assert [(each["http_status"], each["error"]) for each in (missing, picture, refused)] == [
        (404, "The server answered with status 404"),
        (200, "What is there is no text that can be read"),
        (None, "no"),
    ]


async def test_a_document_is_read_by_its_name_where_it_has_no_type(bench) -> None:
    end = FetchedPage("https://a.example/a.pdf", 200, "application/octet-stream", None, b"pages")
    bench.toolbox = Toolbox(web=WebAccess(documents=PlainDocuments(), pages=FixedPages({"https://a.example/": end})))
    answer = await bench.call("fetch_webpages", urls=["https://a.example/"])
    assert (answer["status"], answer["results"][0]["content"]) == ("success", "pages")
    failed = await bench.call("fetch_webpages", urls=["https://b.example/"])
    assert failed["status"] == "error"


async def test_a_page_is_given_also_where_it_finds_no_room(bench) -> None:
    class Chest(NoBounds):
        def fits(self, workspace: Path, relative: str, size: int) -> bool:
            return False

    pages = FixedPages({"https://a.example/t": page(b"text")})
    bench.toolbox = Toolbox(web=WebAccess(documents=PlainDocuments(), pages=pages), room=Chest())
    (found,) = (await bench.call("fetch_webpages", urls=["https://a.example/t"]))["results"]
    assert (found["content"], found["saved_path"], list(bench.workspace.iterdir())) == ("text", "", [])


async def test_a_page_that_takes_too_long_to_read_costs_the_others_nothing(bench, monkeypatch) -> None:
    monkeypatch.setattr(web_tools, "READ_SECONDS", 0.01)
    pages = {"https://a.example/s": page(b"slow", "text/html"), "https://a.example/t": page(b"text")}
    bench.toolbox = Toolbox(web=WebAccess(documents=PlainDocuments(), pages=FixedPages(pages)))
    answer = await bench.call("fetch_webpages", "en", urls=list(pages))
    slow, text = answer["results"]
    assert (answer["status"], text["content"]) == ("partial", "text")
    assert (slow["http_status"], slow["error"]) == (200, "Reading what is there took too long")


async def test_file_read_gives_the_text_of_documents(bench) -> None:
    bench.toolbox = Toolbox(web=WebAccess(documents=PlainDocuments()))
    (bench.workspace / "a.pdf").write_bytes(b"one\ntwo\n")
    (bench.workspace / "b.pdf").write_bytes(b"broken")
    assert (await bench.call("file_read", file_path="a.pdf", start_line=1))["content"] == "two\n"
    with pytest.raises(ToolFailedError) as failure:
        await bench.call("file_read", "en", file_path="b.pdf")
    assert failure.value.message == "broken"


async def test_the_next_service_is_asked_after_a_failure_a_silence_or_nothing(bench) -> None:
    services = [TwinService(None), TwinService(waits=True), TwinService(), TwinService([FOUND, FOUND])]
    bench.toolbox = Toolbox(web=WebAccess(services=services))
    assert await bench.call("search_web_page", query="q", count=1, time_range="week") == {
        "query": "q",
        "count": 1,
        "time_range": "week",
        "results": [
            {"title": "A", "url": "https://a.example", "snippet": "text", "source": "twin", "published": "2026"}
        ],
    }
    assert [service.asked for service in services] == [[("q", 1, "week")]] * 4


async def test_services_without_images_are_passed_over(bench) -> None:
    image = ImageHit("I", "https://a.example/i.png", "", "twin")
    bench.toolbox = Toolbox(web=WebAccess(services=[TwinService(), TwinService(images=[image])]))
    assert (await bench.call("search_image_from_web", query="q"))["results"] == [
        {"title": "I", "image_url": "https://a.example/i.png", "thumbnail_url": "", "source": "twin"}
    ]


async def test_nothing_found_is_a_result_and_no_answer_a_failure(bench) -> None:
    bench.toolbox = Toolbox(web=WebAccess(services=[TwinService(), TwinService(None)]))
    assert (await bench.call("search_web_page", query="q"))["results"] == []
    for services in ([], [TwinService(None)]):
        bench.toolbox = Toolbox(web=WebAccess(services=services))
        with pytest.raises(ToolFailedError):
            await bench.call("search_web_page", query="q")


async def test_searches_are_counted_for_each_person(bench) -> None:
    bench.toolbox = Toolbox(web=WebAccess(services=[TwinService([FOUND])], rate=CountedRate()))
    for user, calls in (("u1", 2), ("u2", 2)):
        bench.more = {"user_id": user}
        await asyncio.gather(*(bench.call("search_web_page", query="q") for _ in range(calls)))
    with pytest.raises(ToolFailedError) as failure:
        await bench.call("search_web_page", "en", query="q")
    assert failure.value.message == "Too many requests, try again in 7 seconds"


async def test_an_image_is_shown_to_the_model_as_its_bytes(bench) -> None:
    address = "https://a.example/i.png"
    pages = FixedPages({address: page(PNG, "image/png")})
    bench.toolbox, bench.more = Toolbox(web=WebAccess(pages=pages)), {"images": Eyes()}
    (bench.workspace / "i.png").write_bytes(PNG)
    inline = "data:image/png;base64," + base64.b64encode(PNG).decode()
    for path, shown in (("i.png", "i.png"), (address, address), (inline, "data:")):
        assert await bench.call("analyze_image", image_path=path, prompt="what?") == {
            "status": "success",
            "data": {"description": "data:image/png;base64, what?", "image_path": shown, "mime_type": "image/png"},
        }


@pytest.mark.parametrize(
    "path",
    [
        "huge.png",
        "text.png",
        "../secret.txt",
        "http://a.example/i.png",
        "https://127.0.0.1/",
        "ftp://x/",
        "data:text/html,x",
    ],
)
async def test_what_is_no_image_or_may_not_be_seen_is_refused(bench, path: str) -> None:
    bench.toolbox, bench.more = Toolbox(web=WebAccess(pages=FixedPages({}))), {"images": Eyes()}
    (bench.workspace / "huge.png").write_bytes(HUGE)
    (bench.workspace / "text.png").write_text("text")
    with pytest.raises(ToolFailedError):
        await bench.call("analyze_image", image_path=path)


async def test_a_model_without_images_is_said(bench) -> None:
    with pytest.raises(ToolFailedError) as failure:
        await bench.call("analyze_image", "en", image_path="i.png")
    assert failure.value.message == "The model takes no images here"
