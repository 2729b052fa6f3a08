"""Pictures that messages only name: the model is given their bytes, read by the server (stream-runtime.md 3.3)."""

import base64
import struct
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from clary.adapters.scripted_provider import Call, CallTools, Gate, Say
from clary.features.usage.tables import UsageRow
from clary.runtime import plan
from features.chat.people import told
from features.chat.world import Chat, chat_in, end_of, said

pytestmark = pytest.mark.anyio

PNG = b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + b"IHDR" + struct.pack(">II", 4, 3) + b"\x08\x02\x00\x00\x00"
INLINE = "data:image/png;base64," + base64.b64encode(PNG).decode()
FILES = "/api/agent/{agent}/file_workspace/upload"


def image(url: str) -> dict[str, Any]:
    return {"type": "image_url", "image_url": {"url": url}}


def text(content: str) -> dict[str, Any]:
    return {"type": "text", "text": content}


async def with_eyes(chat: Chat, *, sees: bool = True, shows: bool = True) -> str:
    """An agent with pictures in its workspace, on a model that takes images or does not."""
    row = {"base_url": chat.provider.url, "api_keys": ["sk-x"], "model": "m", "supports_multimodal": sees}
    provider = (await chat.alice.data("POST", "/api/llm-provider/create", row))["id"]
    agent = await chat.alice.agent(llm_provider_id=provider, enableMultimodal=shows)
    for name, content in (("cat.png", PNG), ("note.png", b"no picture")):
        await chat.alice.upload(FILES.format(agent=agent), content, name=name)
    return agent


def shown(chat: Chat) -> Any:
    """The content of the person's message as the model got it."""
    return next(each for each in chat.asked()["messages"] if each["role"] == "user")["content"]


async def test_a_picture_in_the_workspace_is_shown_as_bytes_in_each_call(tmp_path: Path) -> None:
    async with chat_in(tmp_path) as chat:
        agent = await with_eyes(chat)
        content = [text("What is it? [[plain]]"), image("/workspace/cat.png"), image(INLINE)]
        assert end_of(await chat.alice.say(content, agent_id=agent)) == ("completed", "answered")
        assert shown(chat) == [text("What is it? [[plain]]"), image(INLINE), image(INLINE)]
        await chat.alice.say("And now? [[plain]]", agent_id=agent)
        assert shown(chat) == [text("What is it? [[plain]]"), image(INLINE), image(INLINE)]
        stored = (await chat.alice.history())[0]["content"]
        assert stored[1] == image("/workspace/cat.png")


async def test_what_cannot_be_read_is_said_in_words_and_the_run_goes_on(tmp_path: Path) -> None:
    async with chat_in(tmp_path) as chat:
        agent = await with_eyes(chat)
        addresses = ("/workspace/gone.png", "/workspace/note.png", "/workspace/../../etc/passwd", "https://10.0.0.1/a")
        lines = await chat.alice.say([text("Look [[plain]]"), *map(image, addresses)], agent_id=agent)
        assert end_of(lines) == ("completed", "answered")
        told = [part["text"] for part in shown(chat)[1:]]
        assert [each.split(" ")[1] for each in told] == ["gone.png", "note.png", "passwd", "a"]
        assert all(each.startswith("[image: ") and "root:" not in each for each in told)


async def test_an_uploaded_picture_is_read_from_the_store_by_the_rights_of_whoever_asks(tmp_path: Path) -> None:
    async with chat_in(tmp_path) as chat:
        agent = await with_eyes(chat)
        own = await chat.alice.upload("/api/oss/upload", PNG, name="cat.png")
        others = await (await chat.person("bob")).upload("/api/oss/upload", PNG, name="cat.png")
        signed, bare = own["url"], own["url"].partition("?")[0].removeprefix("http://testserver")
        addresses = (signed, signed.removeprefix("http://testserver"), bare, f"/prod-api{bare}", others["url"])
        lines = await chat.alice.say([text("Look [[plain]]"), *map(image, addresses)], agent_id=agent)
        assert end_of(lines) == ("completed", "answered")
        told = shown(chat)[1:]
        assert told[:3] == [image(INLINE)] * 3
        # No proxy puts that path before ours here, and so it is a path of the workspace.
        assert told[3]["text"].startswith("[image: cat.png (")
        assert told[4] == image(INLINE)
        unsigned = image(others["url"].partition("?")[0])
        await chat.alice.say([text("Look [[plain]]"), unsigned], "s2", agent_id=agent)
        assert shown(chat)[1]["text"] in ("[image: cat.png (File not found)]", "[image: cat.png (文件不存在)]")


async def test_a_foreign_address_without_tls_is_never_fetched(tmp_path: Path) -> None:
    async with chat_in(tmp_path, public_url="http://testserver") as chat:
        agent = await with_eyes(chat)
        address = f"{chat.provider.url.removesuffix('/v1')}/api/oss/object/a/cat.png"
        await chat.alice.say([text("Look [[plain]]"), image(address)], agent_id=agent)
        assert shown(chat)[1]["text"].startswith("[image: cat.png (")


async def test_a_model_without_eyes_is_told_that_there_was_a_picture(tmp_path: Path) -> None:
    async with chat_in(tmp_path) as chat:
        agent = await with_eyes(chat, sees=False)
        await chat.alice.say([text("Look [[plain]]"), image("/workspace/cat.png")], agent_id=agent)
        assert shown(chat) == [text("Look [[plain]]"), text("[image: cat.png]")]


async def test_an_image_in_a_message_becomes_a_file_that_is_kept_once(tmp_path: Path) -> None:
    async with chat_in(tmp_path) as chat:
        agent = await with_eyes(chat)
        for _ in range(2):
            await chat.alice.say([text("Look [[plain]]"), image(INLINE)], agent_id=agent)
        first, _, second, _ = await chat.alice.history()
        assert first["content"] == second["content"]
        path = first["content"][1]["image_url"]["url"]
        assert path.startswith("/workspace/.clary/images/")
        found = await chat.alice.call("GET", f"/api/agent/{agent}/file_workspace/download?file_path={path}")
        assert (found.content, found.headers["content-type"]) == (PNG, "image/png")
        assert shown(chat) == [text("Look [[plain]]"), image(INLINE)]


async def test_an_image_in_guidance_and_in_an_edit_becomes_a_file_too(tmp_path: Path) -> None:
    gate = Gate(Say("First."), text="")
    async with chat_in(tmp_path, {"slow": [gate]}) as chat:
        agent = await with_eyes(chat)
        stream = await chat.alice.open("/api/web-stream", said("[[play:slow]]", agent_id=agent))
        await gate.reached.wait()
        guidance = {"content": [text("[[play:plain]] and this"), image(INLINE)]}
        await chat.alice.data("POST", "/api/sessions/s1/inject-user-message", guidance)
        gate.open()
        line = next(each for each in await stream.lines() if each["type"] == "user_input")
        sent = [each["content"] for each in chat.asked()["messages"] if each["role"] == "user"]
        edit = {"content": [text("Look"), image(INLINE)]}
        edited = await chat.alice.data("POST", "/api/conversations/s1/edit-last-user-message", edit)
    paths = [content[1]["image_url"]["url"] for content in (line["content"], edited["last_user_message"]["content"])]
    assert paths[0] == paths[1]
    assert paths[0].startswith("/workspace/.clary/images/")
    assert [text("[[play:plain]] and this"), image(INLINE)] in sent


async def test_what_finds_no_room_or_is_no_image_stays_in_the_message(tmp_path: Path) -> None:
    other = "data:image/png;base64," + base64.b64encode(PNG + b"other").decode()
    async with chat_in(tmp_path, workspace_max_entries=1) as chat:
        agent = await chat.alice.agent()
        said = [text("Look [[plain]]"), image(INLINE), image(other), image("data:image/png;base64,eA==")]
        await chat.alice.say(said, agent_id=agent)
        stored = (await chat.alice.history())[0]["content"]
        assert stored[1]["image_url"]["url"].startswith("/workspace/")
        assert stored[2:] == said[2:]


async def test_a_person_has_a_picture_looked_at_without_a_run_and_it_is_booked(tmp_path: Path) -> None:
    async with chat_in(tmp_path) as chat:
        agent = await with_eyes(chat)
        call = {"tool_name": "analyze_image", "tool_params": {"image_path": "cat.png", "prompt": "What?"}}
        seen = await chat.alice.data("POST", "/api/tools/exec", {**call, "agent_id": agent})
        assert seen["data"] == {
            "description": "This is the scripted provider.",
            "image_path": "cat.png",
            "mime_type": "image/png",
        }
        assert shown(chat) == [text("What?"), image(INLINE)]
        async with chat.house.services.database.read() as db:
            (booked,) = (await db.scalars(select(UsageRow).where(UsageRow.step_name == "image_analysis"))).all()
        assert (booked.user_id, booked.agent_id, booked.outcome) == (chat.alice.user_id, agent, "ok")


async def test_the_tool_looks_in_a_run_also_where_pictures_of_messages_are_not_shown(tmp_path: Path) -> None:
    look = Call("analyze_image", {"image_path": "cat.png", "prompt": "What? [[play:plain]]"})
    async with chat_in(tmp_path, {"look": [CallTools([look]), Say("Done.")]}) as chat:
        agent = await with_eyes(chat, shows=False)
        content = [text("Look [[play:look]]"), image("/workspace/cat.png")]
        lines = await chat.alice.say(content, agent_id=agent, available_tools=["analyze_image"])
        first, asked = (each.body["messages"] for each in chat.provider.requests[:2])
    assert told(lines)[:2] == ["call analyze_image", "result ok"]
    assert lines[1]["content"]["data"]["description"] == "Plainly."
    assert asked[0]["content"] == [text("What? [[play:plain]]"), image(INLINE)]
    assert first[1]["content"] == [text("Look [[play:look]]"), text("[image: cat.png]")]


async def test_looking_is_a_model_call_of_the_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plan, "MAX_MODEL_CALLS", 3)
    looks = CallTools([Call("analyze_image", {"image_path": "cat.png", "prompt": "[[play:plain]]"})] * 3)
    async with chat_in(tmp_path, {"look": [looks, Say("Done.")]}) as chat:
        agent = await with_eyes(chat)
        lines = await chat.alice.say("[[play:look]]", agent_id=agent, available_tools=["analyze_image"])
        failure = next(line["error_info"]["kind"] for line in lines if line.get("error_info"))
        calls = len(chat.provider.requests)
    assert (end_of(lines)[0], failure) == ("failed", "limit")
    assert calls <= 3


async def test_a_model_without_eyes_refuses_a_direct_call_in_words(tmp_path: Path) -> None:
    async with chat_in(tmp_path) as chat:
        agent = await with_eyes(chat, sees=False)
        body = {"tool_name": "analyze_image", "tool_params": {"image_path": "cat.png"}, "agent_id": agent}
        refused = (await chat.alice.call("POST", "/api/tools/exec", body)).json()
        assert (refused["code"], refused["error_detail"]) == (500, "tool_failed")
        assert chat.provider.requests == []
