"""Work ends with the caller who wanted it (product.md 6.3)."""

import asyncio

import pytest
from anyio import fail_after
from starlette.requests import ClientDisconnect, Request

from clary.http.leaving import unless_gone

pytestmark = pytest.mark.anyio


def request_of(gone: asyncio.Event) -> Request:
    """A request whose caller goes when told."""

    async def receive() -> dict[str, str]:
        await gone.wait()
        return {"type": "http.disconnect"}

    return Request({"type": "http"}, receive)


async def test_work_is_cancelled_and_waited_for_when_the_caller_leaves() -> None:
    gone, cleaned = asyncio.Event(), asyncio.Event()

    async def work() -> None:
        gone.set()
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)
            cleaned.set()

    with fail_after(5), pytest.raises(ClientDisconnect):
        await unless_gone(request_of(gone), work())
    assert cleaned.is_set()


async def test_work_that_ends_first_gives_its_outcome_or_its_fault() -> None:
    async def work(*, well: bool) -> str:
        if not well:
            raise ValueError
        return "done"

    with fail_after(5):
        assert await unless_gone(request_of(asyncio.Event()), work(well=True)) == "done"
        with pytest.raises(ValueError):
            await unless_gone(request_of(asyncio.Event()), work(well=False))
