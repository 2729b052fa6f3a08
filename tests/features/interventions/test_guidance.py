"""Words for a run under way (stream-runtime.md 9.14, 10.3, 12 A11)."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from sqlalchemy import select, update

from clary.features.interventions.service import close_of_run, take_guidance
from clary.features.interventions.tables import GuidanceRow
from features.interventions.world import Held

pytestmark = pytest.mark.anyio

PATH = "/api/sessions/s1/inject-user-message"


def refusal(answer: Any) -> tuple[int, int, str]:
    body = answer.json()
    return answer.status_code, body["code"], body["error_detail"]


async def test_items_wait_in_order_and_can_be_changed_and_withdrawn(held: Held) -> None:
    alice = held.chat.alice
    made = await alice.data("POST", PATH, {"content": "first", "guidance_id": "g1", "metadata": {"from": "web"}})
    parts = [{"type": "text", "text": "second"}]
    second = (await alice.data("POST", PATH, {"content": parts}))["guidance_id"]
    third = (await alice.data("POST", PATH, {"content": "third"}))["guidance_id"]
    changed = await alice.call("PATCH", f"{PATH}/g1", {"content": "changed"})
    gone = await alice.call("DELETE", f"{PATH}/{third}")
    listed = await alice.data("GET", PATH)
    assert made == {"session_id": "s1", "guidance_id": "g1", "accepted": True, "user_id": alice.user_id}
    assert changed.json()["data"] == {"session_id": "s1", "guidance_id": "g1", "updated": True}
    assert gone.json()["data"] == {"session_id": "s1", "guidance_id": third, "deleted": True}
    waits = {"status": "pending", "timestamp": held.now}
    assert listed == {
        "session_id": "s1",
        "items": [
            {"guidance_id": "g1", "content": "changed", "metadata": {"from": "web"}, **waits},
            {"guidance_id": second, "content": parts, "metadata": {}, **waits},
        ],
    }


async def test_the_same_words_again_change_nothing_and_other_words_are_refused(held: Held) -> None:
    body = {"content": "once", "guidance_id": "g1"}
    answers = [await held.chat.alice.data("POST", PATH, body) for _ in range(2)]
    other = await held.chat.alice.call("POST", PATH, {**body, "content": "twice"})
    assert (answers[0], refusal(other)) == (answers[1], (200, 409, "guidance_conflict"))
    assert len((await held.chat.alice.data("GET", PATH))["items"]) == 1


async def test_what_cannot_be_guidance_is_refused(held: Held) -> None:
    alice = held.chat.alice
    image = {"type": "image_url", "image_url": {"url": "http://169.254.169.254/"}}
    refused = [
        refusal(await alice.call("POST", PATH, {"content": content}))
        for content in ("", "  ", [], [{"type": "text", "text": ""}], [image], 7)
    ]
    empty, invalid = (200, 400, "content_empty"), (422, 422, "validation_error")
    assert refused == [empty, empty, empty, empty, invalid, invalid]
    assert refusal(await alice.call("POST", PATH, {"content": "x", "guidance_id": "../x"})) == invalid
    assert refusal(await alice.call("PATCH", f"{PATH}/none", {"content": "x"})) == (200, 404, "guidance_not_found")
    assert refusal(await alice.call("DELETE", f"{PATH}/none")) == (200, 404, "guidance_not_found")


async def test_at_most_twenty_wait(held: Held) -> None:
    alice = held.chat.alice
    answers = [(await alice.call("POST", PATH, {"content": f"{number}"})).json()["code"] for number in range(21)]
    last = await alice.call("POST", PATH, {"content": "20"}, accept_language="en")
    assert answers == [200] * 20 + [429]
    assert (last.json()["error_detail"], last.json()["message"]) == ("guidance_limit", "Too much guidance is pending")


async def test_a_strangers_session_and_item_answer_like_unknown_ones(held: Held) -> None:
    bob = await held.chat.person("bob")
    await bob.say("hello", "s2")
    await held.chat.alice.data("POST", PATH, {"content": "mine", "guidance_id": "g1"})
    for method, path, body in [
        ("POST", PATH, {"content": "x"}),
        ("GET", PATH, None),
        ("PATCH", f"{PATH}/g1", {"content": "x"}),
        ("DELETE", f"{PATH}/g1", None),
    ]:
        foreign = await bob.call(method, path, body)
        unknown = await bob.call(method, path.replace("s1", "none"), body)
        assert refusal(foreign) == refusal(unknown) == (200, 404, "session_not_found")
    assert refusal(await bob.call("DELETE", "/api/sessions/s2/inject-user-message/g1"))[2] == "guidance_not_found"
    assert [item["content"] for item in (await held.chat.alice.data("GET", PATH))["items"]] == ["mine"]


async def test_what_a_run_holds_is_used_once_and_changed_by_nobody(held: Held) -> None:
    alice, key = held.chat.alice, await held.conversation_id()
    for name in ("g1", "g2"):
        await alice.data("POST", PATH, {"content": name, "guidance_id": name})
    items = await held.kept.hold_guidance(conversation_id=key, run_id=held.run_id)
    again = await held.kept.hold_guidance(conversation_id=key, run_id=held.run_id)
    on_its_way = refusal(await alice.call("PATCH", f"{PATH}/g1", {"content": "too late"}))
    taken = [await held.write(lambda line: take_guidance(line, key, ["g1"])) for _ in range(2)]
    used = refusal(await alice.call("DELETE", f"{PATH}/g1"))
    repeated = await alice.data("POST", PATH, {"content": "g1", "guidance_id": "g1"})
    await held.write(lambda line: close_of_run(line, held.run_id, held.now))
    left = await alice.call("PATCH", f"{PATH}/g2", {"content": "other"})
    listed = (await alice.data("GET", PATH))["items"]
    assert [(item.guidance_id, item.content) for item in items] == [("g1", "g1"), ("g2", "g2")]
    assert (again, taken) == (items, [["g1"], []])
    assert on_its_way == used == (200, 404, "guidance_not_found")
    assert (repeated["accepted"], left.json()["code"]) == (True, 200)
    assert [(item["guidance_id"], item["content"]) for item in listed] == [("g2", "other")]


@pytest.mark.parametrize("act", ["hold", "release"])
async def test_items_are_locked_oldest_first(held: Held, act: str) -> None:
    """A run that ends and the one that replaces it change the same items: none may wait for the other in a circle."""
    for name in ("g1", "g2"):
        await held.chat.alice.data("POST", PATH, {"content": name, "guidance_id": name})
    conversation_id = await held.conversation_id()
    work: dict[str, Callable[[], Awaitable[Any]]] = {
        "hold": lambda: held.kept.hold_guidance(conversation_id=conversation_id, run_id=held.run_id),
        "release": lambda: held.write(lambda line: close_of_run(line, held.run_id, held.now)),
    }
    await work["hold"]()
    # A changed row is found behind the others when a table is read from end to end.
    async with held.chat.house.services.database.write() as db:
        await db.execute(update(GuidanceRow).where(GuidanceRow.guidance_id == "g1").values(created_at=0.0))
    first, second = (select(GuidanceRow).where(GuidanceRow.guidance_id == name) for name in ("g1", "g2"))
    async with held.chat.house.services.database.write(beside=True) as db:
        await db.scalar(first.with_for_update())
        waiting = asyncio.ensure_future(work[act]())
        await asyncio.sleep(0.3)
        assert not waiting.done()
        assert await db.scalar(second.with_for_update(nowait=True))
    await waiting
