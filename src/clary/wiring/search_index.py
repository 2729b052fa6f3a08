"""Which index of words and vectors is used."""

from collections.abc import Awaitable, Callable
from typing import NamedTuple, Protocol

from clary.adapters.search_index import EmbeddedIndex
from clary.features.knowledge.ports import SearchIndex
from clary.settings import Settings
from clary.settings.values import plain


class ClosedIndex(SearchIndex, Protocol):
    """An index that ends with the server."""

    async def close(self) -> None:
        """Lets go of what it holds."""
        ...


class ChosenIndex(NamedTuple):
    """`is_answering`: of an index that is elsewhere, for readiness; it raises `UnavailableError`."""

    search_index: ClosedIndex
    is_answering: Callable[[], Awaitable[bool]] | None


def search_index(settings: Settings) -> ChosenIndex:
    """The index that the settings name."""
    if settings.search_index == "embedded":
        return ChosenIndex(EmbeddedIndex(settings.search_indexes), None)
    # The library is an extra, and takes seconds to load.
    from clary.adapters.milvus import MilvusIndex

    milvus = MilvusIndex(settings.milvus_uri or "", token=plain(settings.milvus_token))

    async def is_answering() -> bool:
        await milvus.check()
        return True

    return ChosenIndex(milvus, is_answering)
