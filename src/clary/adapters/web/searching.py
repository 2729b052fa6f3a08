"""The search services an operator may configure (product.md 9), each behind the same port."""

import asyncio
import json
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Final, cast
from urllib.parse import urlsplit

import aiohttp

from clary.features.toolbox.ports import ImageHit, SearchError, SearchService, TimeRange, WebHit
from clary.kit.safe_http import BodyTooLargeError, OutboundBlockedError, OutboundGuard, OutboundRedirectError, read_body
from clary.kit.text import cut

SECONDS: Final = 10.0
MAX_BYTES: Final = 4 * 1024 * 1024
_MAX_TEXT: Final = 2000
_BRAVE: Final = "https://api.search.brave.com/res/v1"
_TAVILY: Final = "https://api.tavily.com/search"
_SERPAPI: Final = "https://serpapi.com/search.json"
Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class SearchSettings:
    """What is configured; `order`: names in the order of trying."""

    order: Sequence[str] = ("searxng", "brave", "tavily", "serpapi")
    searxng_url: str | None = None
    brave_key: str | None = None
    tavily_key: str | None = None
    serpapi_key: str | None = None
    serpapi_url: str | None = None


def search_services(settings: SearchSettings, *, outbound_allow: Sequence[str] = ()) -> tuple[SearchService, ...]:
    """The configured services in their order."""
    made: dict[str, SearchService] = {}
    if settings.searxng_url:
        made["searxng"] = SearXng(settings.searxng_url, outbound_allow)
    if settings.brave_key:
        made["brave"] = Brave(_BRAVE, outbound_allow, settings.brave_key)
    if settings.tavily_key:
        made["tavily"] = Tavily(_TAVILY, outbound_allow, settings.tavily_key)
    if settings.serpapi_key:
        made["serpapi"] = SerpApi(settings.serpapi_url or _SERPAPI, outbound_allow, settings.serpapi_key)
    return tuple(made[name] for name in dict.fromkeys(settings.order) if name in made)


class HttpSearch(ABC):
    """A service that answers JSON over HTTP. Its own address is allowed for it, and for nothing else."""

    name: ClassVar[str]

    def __init__(self, address: str, outbound_allow: Sequence[str] = (), key: str = "") -> None:
        self._address = address.rstrip("/")
        self._key = key
        parts = urlsplit(self._address)
        host = parts.hostname or ""
        port = parts.port or (443 if parts.scheme == "https" else 80)
        own = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        self._guard = OutboundGuard([*outbound_allow, own])

    @abstractmethod
    async def search_pages(self, query: str, *, count: int, time_range: TimeRange) -> Sequence[WebHit]:
        """See `SearchService`."""

    @abstractmethod
    async def search_images(self, query: str, *, count: int, time_range: TimeRange) -> Sequence[ImageHit] | None:
        """See `SearchService`."""

    async def _get(self, path: str, values: Mapping[str, str], headers: Mapping[str, str] | None = None) -> Json:
        return await self._send("GET", path, values=values, headers=headers, body=None)

    async def _send(
        self,
        method: str,
        path: str,
        *,
        values: Mapping[str, str] | None,
        headers: Mapping[str, str] | None,
        body: Json | None,
    ) -> Json:
        """The JSON object of an answer.

        Raises:
            SearchError: everything that can go wrong; its words are nobody's, as they may hold the key.
        """
        timeout = aiohttp.ClientTimeout(total=SECONDS)
        sent = {"Accept": "application/json", **(headers or {})}
        try:
            target = self._guard.check_url(self._address + path)
            async with (
                self._guard.session(timeout=timeout) as session,
                session.request(
                    method, target, params=values, headers=sent, json=body, allow_redirects=False
                ) as response,
            ):
                content = await read_body(response, MAX_BYTES)
                if response.status != 200:
                    raise SearchError
                answer: Any = await asyncio.to_thread(json.loads, content)
        except (OutboundBlockedError, OutboundRedirectError, BodyTooLargeError):
            raise SearchError from None
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError, RecursionError):
            raise SearchError from None
        if not isinstance(answer, dict):
            raise SearchError
        return cast("Json", answer)


class SearXng(HttpSearch):
    """An own instance with JSON output."""

    name = "searxng"

    async def search_pages(self, query: str, *, count: int, time_range: TimeRange) -> Sequence[WebHit]:
        """See `SearchService`."""
        found = _items(await self._get("/search", self._values(query, "general", time_range)), "results")
        return [
            WebHit(_text(it, "title"), _text(it, "url"), _text(it, "content"), self.name, _text(it, "publishedDate"))
            for it in found[:count]
        ]

    async def search_images(self, query: str, *, count: int, time_range: TimeRange) -> Sequence[ImageHit] | None:
        """See `SearchService`."""
        found = _items(await self._get("/search", self._values(query, "images", time_range)), "results")
        return [
            ImageHit(_text(it, "title"), _text(it, "img_src"), _text(it, "thumbnail_src"), self.name)
            for it in found[:count]
            if _text(it, "img_src")
        ]

    def _values(self, query: str, category: str, time_range: TimeRange) -> dict[str, str]:
        values = {"q": query, "format": "json", "categories": category}
        return {**values, "time_range": time_range} if time_range else values


class Brave(HttpSearch):
    """Brave Search."""

    name = "brave"
    _AGES: ClassVar[dict[str, str]] = {"day": "pd", "week": "pw", "month": "pm", "year": "py"}

    async def search_pages(self, query: str, *, count: int, time_range: TimeRange) -> Sequence[WebHit]:
        """See `SearchService`; the service gives twenty at most."""
        values = {"q": query[:400], "count": str(min(count, 20))}
        if time_range:
            values["freshness"] = self._AGES[time_range]
        answer = await self._get("/web/search", values, {"X-Subscription-Token": self._key})
        return [
            WebHit(_text(it, "title"), _text(it, "url"), _text(it, "description"), self.name, _text(it, "page_age"))
            for it in _items(_part(answer, "web"), "results")[:count]
        ]

    async def search_images(self, query: str, *, count: int, time_range: TimeRange) -> Sequence[ImageHit] | None:
        """See `SearchService`."""
        values = {"q": query[:400], "count": str(count)}
        answer = await self._get("/images/search", values, {"X-Subscription-Token": self._key})
        return [
            ImageHit(
                _text(it, "title"),
                _text(_part(it, "properties"), "url"),
                _text(_part(it, "thumbnail"), "src"),
                self.name,
            )
            for it in _items(answer, "results")[:count]
        ]


class Tavily(HttpSearch):
    """Tavily."""

    name = "tavily"

    async def search_pages(self, query: str, *, count: int, time_range: TimeRange) -> Sequence[WebHit]:
        """See `SearchService`; the service gives twenty at most."""
        answer = await self._ask(query, min(count, 20), time_range, with_images=False)
        return [
            WebHit(_text(it, "title"), _text(it, "url"), _text(it, "content"), self.name, _text(it, "published_date"))
            for it in _items(answer, "results")[:count]
        ]

    async def search_images(self, query: str, *, count: int, time_range: TimeRange) -> Sequence[ImageHit] | None:
        """See `SearchService`."""
        answer = await self._ask(query, 1, time_range, with_images=True)
        return [
            ImageHit(_text(it, "description"), _text(it, "url"), "", self.name)
            for it in _items(answer, "images")[:count]
        ]

    async def _ask(self, query: str, count: int, time_range: TimeRange, *, with_images: bool) -> Json:
        body: Json = {"query": query[:400], "max_results": count}
        if time_range:
            body["time_range"] = time_range
        if with_images:
            body |= {"include_images": True, "include_image_descriptions": True}
        return await self._send("POST", "", values=None, headers={"Authorization": f"Bearer {self._key}"}, body=body)


class SerpApi(HttpSearch):
    """Any service of SerpAPI's form of request."""

    name = "serpapi"
    _AGES: ClassVar[dict[str, str]] = {"day": "qdr:d", "week": "qdr:w", "month": "qdr:m", "year": "qdr:y"}

    async def search_pages(self, query: str, *, count: int, time_range: TimeRange) -> Sequence[WebHit]:
        """See `SearchService`."""
        answer = await self._get("", self._values("google", query, count, time_range))
        return [
            WebHit(_text(it, "title"), _text(it, "link"), _text(it, "snippet"), self.name, _text(it, "date"))
            for it in _items(answer, "organic_results")[:count]
        ]

    async def search_images(self, query: str, *, count: int, time_range: TimeRange) -> Sequence[ImageHit] | None:
        """See `SearchService`."""
        answer = await self._get("", self._values("google_images", query, count, time_range))
        return [
            ImageHit(_text(it, "title"), _text(it, "original"), _text(it, "thumbnail"), self.name)
            for it in _items(answer, "images_results")[:count]
        ]

    def _values(self, engine: str, query: str, count: int, time_range: TimeRange) -> dict[str, str]:
        values = {"engine": engine, "q": query, "num": str(count), "api_key": self._key}
        return {**values, "tbs": self._AGES[time_range]} if time_range else values


def _items(answer: Json, name: str) -> list[Json]:
    found: Any = answer.get(name)
    items = cast("list[Any]", found) if isinstance(found, list) else []
    return [cast("Json", item) for item in items if isinstance(item, dict)]


def _part(item: Json, name: str) -> Json:
    part: Any = item.get(name)
    return cast("Json", part) if isinstance(part, dict) else {}


def _text(item: Json, name: str) -> str:
    value: Any = item.get(name)
    return cut(value, _MAX_TEXT) if isinstance(value, str) else ""
