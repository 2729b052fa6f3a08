"""Pages of lists (platform.md 1.3, product.md 1)."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Query


@dataclass(frozen=True, slots=True)
class Page:
    """A page asked for; already clamped."""

    number: int
    size: int

    @property
    def offset(self) -> int:
        """Rows before this page."""
        return (self.number - 1) * self.size


def _reader(default: int, largest: int) -> Callable[..., Awaitable[Page]]:
    async def read(
        page: Annotated[int | None, Query()] = None,
        page_no: Annotated[int | None, Query()] = None,
        page_size: Annotated[int | None, Query()] = None,
    ) -> Page:
        number = page if page is not None else page_no
        # The upper bound keeps the offset inside 64 bits.
        return Page(
            number=min(max(number if number is not None else 1, 1), 10**9),
            size=min(max(page_size if page_size is not None else default, 1), largest),
        )

    return read


PageOf10 = Annotated[Page, Depends(_reader(10, 100))]
"""`page`/`page_no` and `page_size` 1..100, 10 by default; values outside are clamped, non-integers refused."""

PageOf20 = Annotated[Page, Depends(_reader(20, 200))]
"""The same with `page_size` 1..200, 20 by default."""

ShortPageOf20 = Annotated[Page, Depends(_reader(20, 100))]
"""The same with `page_size` 1..100, 20 by default."""

LongPageOf20 = Annotated[Page, Depends(_reader(20, 1000))]
"""The same with `page_size` 1..1000, 20 by default."""
