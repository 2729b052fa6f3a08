"""search_web_page, search_image_from_web: the first configured service that answers (product.md 6.2, 9)."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, ClassVar, Final

import structlog

from clary.features.toolbox.definition import DefinedTool, Parameter, ToolDefinition
from clary.features.toolbox.ports import ImageHit, SearchError, SearchService, TimeRange, WebAccess, WebHit
from clary.kit.text import Text
from clary.runtime.tools import ToolContext, ToolFailedError
from clary.runtime.toolset import words

log = structlog.get_logger()

DEFAULT_COUNT: Final = 10
MAX_COUNT: Final = 50
SERVICE_SECONDS: Final = 10.0
MAX_QUERY: Final = 1000

NO_SERVICE: Final = Text("未配置搜索服务", "No search service is configured")
_TOO_OFTEN: Final = Text("操作过于频繁，请 {n} 秒后重试", "Too many requests, try again in {n} seconds")
_NO_ANSWER: Final = Text("搜索服务没有应答", "No search service answered")

_PARAMETERS: Final = (
    Parameter("query", {"type": "string", "minLength": 1}, Text("搜索词", "What to search for"), required=True),
    Parameter(
        "count",
        {"type": "integer", "minimum": 1, "maximum": MAX_COUNT, "default": DEFAULT_COUNT},
        Text("返回条数，最多 50", "How many results, at most 50"),
    ),
    Parameter(
        "time_range",
        {"type": "string", "enum": ["", "day", "week", "month", "year"], "default": ""},
        Text("时间范围，空表示不限", "How new they must be; empty: any age"),
    ),
)

Ask = Callable[[SearchService, str, int, TimeRange], Awaitable[Sequence[Any] | None]]


class SearchWebPageTool(DefinedTool):
    """Pages of the web."""

    definition: ClassVar[ToolDefinition] = ToolDefinition(
        name="search_web_page",
        description=Text("搜索网页，返回标题、地址和摘要。", "Searches the web: titles, addresses, snippets."),
        parameters=_PARAMETERS,
        effect="read",
    )

    def __init__(self, web: WebAccess) -> None:
        self._web = web

    async def run(self, arguments: dict[str, Any], context: ToolContext) -> dict[str, Any]:
        """See `Tool.run`."""

        def ask(service: SearchService, query: str, count: int, time_range: TimeRange) -> Awaitable[Sequence[WebHit]]:
            return service.search_pages(query, count=count, time_range=time_range)

        return await searched(self._web, arguments, context, ask, _page_item)


class SearchImageTool(DefinedTool):
    """Images of the web."""

    definition: ClassVar[ToolDefinition] = ToolDefinition(
        name="search_image_from_web",
        description=Text("搜索网络图片，返回图片地址。", "Searches the web for images and gives their addresses."),
        parameters=_PARAMETERS,
        effect="read",
    )

    def __init__(self, web: WebAccess) -> None:
        self._web = web

    async def run(self, arguments: dict[str, Any], context: ToolContext) -> dict[str, Any]:
        """See `Tool.run`."""

        def ask(
            service: SearchService, query: str, count: int, time_range: TimeRange
        ) -> Awaitable[Sequence[ImageHit] | None]:
            return service.search_images(query, count=count, time_range=time_range)

        return await searched(self._web, arguments, context, ask, _image_item)


async def searched(
    web: WebAccess, arguments: dict[str, Any], context: ToolContext, ask: Ask, item: Callable[[Any], dict[str, str]]
) -> dict[str, Any]:
    """`{query, count, time_range, results}` of the first service with an answer; `count` is that of the results.

    Raises:
        ToolFailedError: no service is configured, too often, or every one failed. Empty answers of all are a result.
    """
    language = context.language
    query, count = str(arguments["query"])[:MAX_QUERY], int(arguments.get("count", DEFAULT_COUNT))
    time_range: TimeRange = arguments.get("time_range", "")
    if not web.services:
        raise ToolFailedError(words(NO_SERVICE, language))
    # Calls without a person are told apart by where they work.
    caller = context.user_id or str(context.workspace)
    wait = await web.rate.count(kind="web_search", key=caller, limit=web.searches_per_minute)
    if wait is not None:
        raise ToolFailedError(words(_TOO_OFTEN.fill(n=wait), language))
    has_answered, hits = False, list[Any]()
    for service in web.services:
        found = await _asked(service, ask(service, query, count, time_range))
        if found is not None:
            has_answered, hits = True, list(found)[:count]
        if hits:
            break
    if not has_answered:
        raise ToolFailedError(words(_NO_ANSWER, language))
    results = [item(hit) for hit in hits]
    return {"query": query, "count": len(results), "time_range": time_range, "results": results}


async def _asked(service: SearchService, answer: Awaitable[Sequence[Any] | None]) -> Sequence[Any] | None:
    """What a service found; None: it failed, was too slow, or does not do this."""
    try:
        async with asyncio.timeout(SERVICE_SECONDS):
            return await answer
    except (SearchError, TimeoutError):
        log.info("search_service_failed", service=service.name)
        return None


def _page_item(hit: WebHit) -> dict[str, str]:
    item = {"title": hit.title, "url": hit.url, "snippet": hit.snippet, "source": hit.source}
    return {**item, "published": hit.published} if hit.published else item


def _image_item(hit: ImageHit) -> dict[str, str]:
    return {
        "title": hit.title,
        "image_url": hit.image_url,
        "thumbnail_url": hit.thumbnail_url,
        "source": hit.source,
    }
