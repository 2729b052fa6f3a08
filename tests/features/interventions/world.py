"""A run that is under way, with questions that it waits for."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from clary.adapters.scripted_provider import Gate, Say
from clary.db.session import Connection
from clary.features.interventions.ports import NewApproval, NewQuestionnaire
from clary.features.interventions.service import Interventions, open_approval, open_questionnaire
from features.chat.world import Chat, chat_in, said
from support.open_stream import OpenStream

Json = dict[str, Any]
KEY = "s1__questionnaire__call_1"
APPROVAL = "11111111-1111-4111-8111-111111111111"
HASH = "a" * 64
QUESTIONS: list[Json] = [
    {
        "id": "color",
        "type": "single_choice",
        "title": "Which colour?",
        "options": [{"label": "Red", "value": "red"}, {"label": "Blue", "value": "blue"}],
        "default": "blue",
    },
    {"id": "note", "type": "text", "title": "Why?", "max_length": 50},
]


class Waking:
    """Remembers who was woken."""

    def __init__(self) -> None:
        self.woken: list[str] = []

    def wake(self, run_id: str) -> None:
        self.woken.append(run_id)


class Held:
    """A run of Alice in session `s1` whose model does not go on."""

    def __init__(self, chat: Chat, stream: OpenStream) -> None:
        self.chat = chat
        self.stream = stream
        self.run_id = stream.headers["x-clary-run-id"]
        self.waking = Waking()
        chat.house.services.execution.interventions.wakers.target = self.waking
        self.kept: Interventions = chat.house.services.execution.interventions.kept

    @property
    def now(self) -> float:
        """The present moment of the house."""
        return self.chat.house.clock.epoch()

    async def write(self, act: Callable[[Connection], Any]) -> Any:
        """Work in the transaction of lines."""
        async with self.chat.house.services.database.write() as db:
            return await (await db.connection()).run_sync(act)

    async def conversation_id(self) -> int:
        """The key of the conversation."""
        services = self.chat.house.services
        async with services.database.read() as db:
            row = await services.conversations.find_own(db, session_id="s1", user_id=self.chat.alice.user_id)
        assert row is not None
        return row.conversation_id

    async def ask(self, **changes: Any) -> None:
        """Opens the questionnaire `KEY`."""
        row = NewQuestionnaire(
            KEY,
            self.run_id,
            await self.conversation_id(),
            self.chat.alice.user_id,
            "s1",
            "call_1",
            "Pick",
            QUESTIONS,
            "general",
            60,
            self.now,
            self.now + 70,
        )
        await self.write(lambda connection: open_questionnaire(connection, replace(row, **changes)))

    async def ask_to_approve(self, **changes: Any) -> None:
        """Opens the approval `APPROVAL`."""
        row = NewApproval(
            APPROVAL,
            self.run_id,
            await self.conversation_id(),
            self.chat.alice.user_id,
            "s1",
            "call_2",
            "file_write",
            "write",
            "{}",
            HASH,
            "It writes.",
            "always",
            self.now,
            self.now + 600,
        )
        await self.write(lambda connection: open_approval(connection, replace(row, **changes)))

    async def stop(self) -> None:
        """Ends the run."""
        await self.chat.alice.data("POST", "/api/sessions/s1/interrupt", {})


@asynccontextmanager
async def held_run(folder: Path) -> AsyncIterator[Held]:
    """Alice's run, held in the middle of its answer."""
    async with chat_in(folder, {"slow": [Gate(Say("done"), text="half ")]}) as chat:
        stream = await chat.alice.open("/api/web-stream", said("[[play:slow]]"))
        await stream.line()
        yield Held(chat, stream)
