"""People who chat with a scripted model in a whole house."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx2

from clary.adapters.scripted_provider import Say, ScriptedProvider, Step
from support.house import PASSWORD, House, bearer, house_in, login
from support.open_stream import OpenStream

Json = dict[str, Any]
Lines = list[Json]


class Speaker:
    """Somebody signed in by token, with an own provider."""

    def __init__(self, house: House, client: httpx2.AsyncClient, name: str, user_id: str) -> None:
        self._house = house
        self._client = client
        self._token: dict[str, str] = {}
        self.name = name
        self.user_id = user_id
        self.provider_id = ""

    async def sign_in(self) -> None:
        """Gets a token; needed again when time has moved by more than an hour."""
        async with self._house.browser() as client:
            self._token = bearer(await login(client, self.name, PASSWORD))

    async def call(self, method: str, path: str, body: Any = None, **headers: str) -> httpx2.Response:
        """A whole answer."""
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        return await self._client.request(method, path, json=body, headers={**self._token, **given})

    async def data(self, method: str, path: str, body: Any = None) -> Any:
        """Data of a call that must succeed."""
        envelope = (await self.call(method, path, body)).json()
        assert envelope["code"] == 200, envelope
        return envelope["data"]

    async def upload(self, path: str, content: bytes, *, name: str = "file.zip", **fields: str) -> Any:
        """Data of an upload that must succeed."""
        answer = await self._client.post(path, files={"file": (name, content)}, data=fields, headers=self._token)
        assert answer.json()["code"] == 200, answer.text
        return answer.json()["data"]

    async def open(self, path: str, body: Any = None, **headers: str) -> OpenStream:
        """A stream that has begun; POST with a body, else GET."""
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        stream = OpenStream(self._house.app, "POST" if body else "GET", path, body, {**self._token, **given})
        return await stream.begun()

    async def say(self, text: Any, session: str = "s1", path: str = "/api/web-stream", **more: Any) -> Lines:
        """Lines of a run from its start to its end."""
        stream = await self.open(path, said(text, session, **more))
        lines = await stream.lines()
        assert stream.status == 200, stream.body
        return lines

    async def history(self, session: str = "s1") -> Lines:
        """Stored messages."""
        return (await self.data("GET", f"/api/conversations/{session}/messages"))["messages"]

    async def agent(self, **fields: Any) -> str:
        """A new agent's id."""
        return (await self.data("POST", "/api/agent/create", {"name": "Tutor", **fields}))["agent_id"]

    async def run(self, run_id: str) -> Json:
        """The run object."""
        return await self.data("GET", f"/api/runs/{run_id}")

    async def runs_of(self, session: str) -> Lines:
        """The run objects of a conversation, oldest first."""
        async with self._house.services.database.read() as db:
            row = await self._house.services.conversations.find_own(db, session_id=session, user_id=self.user_id)
        assert row is not None
        return await self._house.services.runs.list_objects(conversation_id=row.conversation_id)


class Chat:
    """A house, a scripted model, and Alice."""

    def __init__(self, house: House, provider: ScriptedProvider, scripts: dict[str, Sequence[Step]]) -> None:
        self.house = house
        self.provider = provider
        self.scripts = scripts
        """What the model follows; a test may add some that name what it made."""
        self._clients: list[httpx2.AsyncClient] = []
        self.alice: Speaker

    async def person(self, name: str) -> Speaker:
        """Somebody new."""
        user_id = await self.house.make_user(name)
        client = self.house.browser()
        self._clients.append(client)
        speaker = Speaker(self.house, client, name, user_id)
        await speaker.sign_in()
        row = {"base_url": self.provider.url, "api_keys": ["sk-chat-000000"], "model": "m", "thinking_style": "none"}
        speaker.provider_id = (await speaker.data("POST", "/api/llm-provider/create", row))["id"]
        return speaker

    def asked(self, number: int = -1) -> Json:
        """What the model was asked."""
        return self.provider.requests[number].body

    async def close(self) -> None:
        """Closes the clients."""
        for client in self._clients:
            await client.aclose()


@asynccontextmanager
async def chat_in(
    folder: Path, scripts: Mapping[str, Sequence[Step]] | None = None, *, sandbox: bool = False, **settings: Any
) -> AsyncIterator[Chat]:
    """A house with Alice in it, and a model that follows scripts, `plain` among them.

    The last tag in a conversation chooses: later messages need their own to hear something else.
    """
    known: dict[str, Sequence[Step]] = {"plain": [Say("Plainly.")], **(scripts or {})}
    async with (
        ScriptedProvider(known) as provider,
        house_in(folder, outbound_allow=("127.0.0.1",), sandbox=sandbox, **settings) as house,
    ):
        chat = Chat(house, provider, known)
        chat.alice = await chat.person("alice")
        try:
            yield chat
        finally:
            await chat.close()


def said(text: Any, session: str | None = "s1", **more: Any) -> Json:
    """A body with one message."""
    assert "session_id" not in more, "the session has a parameter of its own"
    body: Json = {"messages": [{"role": "user", "content": text}], **more}
    return body if session is None else {**body, "session_id": session}


def answer_of(lines: Lines) -> str:
    """The answer text."""
    return "".join(line["content"] for line in lines if line["type"] == "do_subtask_result")


def end_of(lines: Lines) -> tuple[str, str]:
    """(status, end reason) of a whole run."""
    assert [line["type"] for line in lines].count("stream_end") == 1
    return lines[-1]["status"], lines[-1]["end_reason"]


async def until(condition: Any) -> Any:
    """Waits for an async condition to hold; returns what it gave."""
    async with asyncio.timeout(20):
        while True:
            found = await condition()
            if found:
                return found
            await asyncio.sleep(0.01)
