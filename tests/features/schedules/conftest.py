"""A desk in a house of its own."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from clary.adapters.scripted_provider import Fault, Gate, Say
from features.chat.test_worked_examples import agent_named
from features.chat.world import chat_in
from features.schedules.desk import Desk

BUSY = Fault("status", status=503, body={"error": {"message": "busy"}})
NO_SUCH_MODEL = Fault("status", status=404, body={"error": {"message": "no such model", "code": "model_not_found"}})
"""Nobody waits and tries again after this one."""


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    """A server whose own clock of tasks stands still."""
    scripts = {"broken": [BUSY] * 40, "gone": [NO_SUCH_MODEL] * 10, "gate": [Gate(Say("Slowly."))]}
    async with chat_in(tmp_path, scripts) as chat:
        await chat.house.services.schedules.scheduler.stop()
        yield Desk(chat, (await agent_named(chat, "Clerk"))["agent_id"])
