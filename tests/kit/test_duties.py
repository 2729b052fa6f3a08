"""Work that goes on as long as the process."""

import asyncio

import pytest

from clary.kit.duties import Duty

pytestmark = pytest.mark.anyio


async def test_a_duty_that_ends_is_told_and_begins_anew(capsys: pytest.CaptureFixture[str]) -> None:
    begun, ended = asyncio.Queue[int](), asyncio.Event()

    async def work() -> None:
        await begun.put(1)
        if begun.qsize() == 1:
            raise ZeroDivisionError
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    duty = Duty("looking", work, restart_seconds=0)
    duty.start()
    async with asyncio.timeout(5):
        while begun.qsize() < 2:
            await asyncio.sleep(0)
    await duty.stop()
    assert (begun.qsize(), ended.is_set()) == (2, True)
    told = capsys.readouterr().out
    assert ("duty_ended" in told, "looking" in told, "ZeroDivisionError" in told) == (True, True, True)
    await duty.stop()
