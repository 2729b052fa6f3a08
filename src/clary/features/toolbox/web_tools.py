"""fetch_webpages."""

import asyncio
import hashlib
import re
from dataclasses import dataclass
from typing import Any, ClassVar, Final
from urllib.parse import urlsplit

from clary.features.toolbox.definition import DefinedTool, Parameter, ToolDefinition
from clary.features.toolbox.filling import kept_where_room
from clary.features.toolbox.ports import DocumentError, DocumentText, FetchedPage, PageError, Room, WebAccess
from clary.kit.text import Text, cut
from clary.runtime.tools import ToolContext
from clary.runtime.toolset import words

MAX_URLS: Final = 10
DEFAULT_CHARACTERS: Final = 8000
MAX_CHARACTERS: Final = 50_000
MAX_SAVED_CHARACTERS: Final = 5_000_000
FOLDER: Final = ".clary/web"
_PARALLEL: Final = 4
READ_SECONDS: Final = 15.0
"""For the text of one page, so that the slowest ten end within the time of a tool."""
_TEXT_TYPES: Final = ("json", "xml", "javascript", "yaml", "csv")
_ODD: Final = re.compile(r"[^A-Za-z0-9.-]+")

_STATUS: Final = Text("服务器返回状态 {status}", "The server answered with status {status}")
_TOO_SLOW: Final = Text("读取该内容超时", "Reading what is there took too long")
_NO_TEXT: Final = Text("该地址的内容不是可读取的文本", "What is there is no text that can be read")


NO_TEXT: Final = DocumentText("", "")


@dataclass(frozen=True, slots=True)
class _Page:
    """One address in the end; `error` None: its text is there."""

    url: str
    page: FetchedPage | None = None
    document: DocumentText = NO_TEXT
    saved_path: str = ""
    error: Text | None = None


class FetchWebpagesTool(DefinedTool):
    """Pages as text."""

    definition: ClassVar[ToolDefinition] = ToolDefinition(
        name="fetch_webpages",
        description=Text(
            "抓取网页：HTML 转为 Markdown，PDF 和办公文档转为文本；全文保存在工作区，路径见 saved_path。",
            "Fetches web pages: HTML as Markdown, PDF and office documents as text; the whole text is saved in the "
            "workspace at saved_path.",
        ),
        parameters=(
            Parameter(
                "urls",
                {"type": "array", "minItems": 1, "maxItems": MAX_URLS, "items": {"type": "string", "minLength": 1}},
                Text("网页地址，最多 10 个", "Addresses, at most 10"),
                required=True,
            ),
            Parameter(
                "max_length_per_url",
                {"type": "integer", "minimum": 1, "maximum": MAX_CHARACTERS, "default": DEFAULT_CHARACTERS},
                Text("每个网页返回的最大字符数，最多 50000", "Characters of each page to give, at most 50000"),
            ),
        ),
        effect="read",
    )

    def __init__(self, web: WebAccess, room: Room) -> None:
        self._web = web
        self._room = room

    async def run(self, arguments: dict[str, Any], context: ToolContext) -> dict[str, Any]:
        """See `Tool.run`. An address that fails has `error` in its item."""
        length = int(arguments.get("max_length_per_url", DEFAULT_CHARACTERS))
        slots = asyncio.Semaphore(_PARALLEL)
        urls = [str(url).strip() for url in arguments["urls"]]
        pages = await asyncio.gather(*(self._one(url, slots, context) for url in urls))
        failed = sum(page.error is not None for page in pages)
        status = "success" if not failed else "error" if failed == len(pages) else "partial"
        return {"status": status, "results": [_item(page, length, context) for page in pages]}

    async def _one(self, url: str, slots: asyncio.Semaphore, context: ToolContext) -> _Page:
        async with slots:
            page = None
            try:
                page = await self._web.pages.fetch(url)
                if not 200 <= page.http_status < 300:
                    return _Page(url, page, error=_STATUS.fill(status=page.http_status))
                async with asyncio.timeout(READ_SECONDS):
                    document = await self._text(page)
                text = document.text[:MAX_SAVED_CHARACTERS]
                saved_path = await asyncio.to_thread(_save, url, text, context, self._room)
            except (PageError, DocumentError) as problem:
                return _Page(url, page, error=problem.message)
            except TimeoutError:
                return _Page(url, page, error=_TOO_SLOW)
            return _Page(url, page, document, saved_path)

    async def _text(self, page: FetchedPage) -> DocumentText:
        documents = self._web.documents
        path = urlsplit(page.final_url).path
        kind = documents.kind_of(content_type=page.content_type)
        if kind is None and page.content_type in ("", "application/octet-stream"):
            kind = documents.kind_of(name=path)
        if kind == "html":
            # Its bytes say in which charset they are only together with the headers.
            text = await documents.decode(page.body, page.charset or _charset_within(page.body))
            return await documents.read(text.encode("utf-8", "replace"), kind)
        if kind is not None:
            return await documents.read(page.body, kind)
        if page.content_type.startswith("text/") or page.content_type.endswith(_TEXT_TYPES):
            return DocumentText("", await documents.decode(page.body, page.charset))
        raise DocumentError(_NO_TEXT)


def _charset_within(body: bytes) -> str | None:
    """What a page says of itself in its first kilobytes."""
    found = re.search(rb"""<meta[^>]{0,200}charset\s*=\s*["']?([A-Za-z0-9_-]{1,40})""", body[:4096], re.IGNORECASE)
    return found[1].decode("ascii") if found is not None else None


def _save(url: str, text: str, context: ToolContext, room: Room) -> str:
    """Keeps the whole text; "" where there is no room for it, as the page is still worth reading."""
    parts = urlsplit(url)
    name = _ODD.sub("-", f"{parts.hostname or ''}{parts.path}").strip("-.")[:80]
    mark = hashlib.sha256(url.encode("utf-8", "replace")).hexdigest()[:8]
    relative = f"{FOLDER}/{name or 'page'}-{mark}.md"
    content = text.encode("utf-8", "replace")
    return kept_where_room(room, context.workspace, relative, content) or ""


def _item(page: _Page, length: int, context: ToolContext) -> dict[str, Any]:
    fetched, document = page.page, page.document
    item: dict[str, Any] = {
        "url": page.url,
        "final_url": fetched.final_url if fetched is not None else page.url,
        "status": "error" if page.error is not None else "success",
        "http_status": fetched.http_status if fetched is not None else None,
        "content_type": fetched.content_type if fetched is not None else "",
        "title": cut(document.title, 300),
        "content": document.text[:length],
        "truncated": len(document.text) > length,
        "saved_path": page.saved_path,
    }
    return item if page.error is None else {**item, "error": words(page.error, context.language)}
