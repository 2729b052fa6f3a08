"""Numbers of passages and the markers that cite them (product.md 2.1, 5.10, 13 A1, A26)."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from clary.adapters.scripted_provider import Call, CallTools, Say
from clary.features.conversations.service import CitedPassage, SourceBook
from features.chat.delegating import ask, finish, lead, task
from features.chat.library import TOOL, Library, doc_of, refs, results
from features.chat.world import Chat, Speaker, chat_in
from support.house import ADMIN_PASSWORD, bearer, login

pytestmark = pytest.mark.anyio


def search(query: str) -> Call:
    return Call(TOOL, {"query": query})


async def cited(speaker: Speaker, session: str = "s1") -> list[dict[str, Any]]:
    return (await speaker.data("GET", f"/api/conversations/{session}/citations"))["items"]


def brief(items: list[dict[str, Any]]) -> list[tuple[int, str | None]]:
    return [(item["n"], item["doc_segment_id"]) for item in items]


async def test_every_marker_of_an_answer_is_listed_with_the_passage_it_names(tmp_path: Path) -> None:
    answer = "Tides[2] rise [1][2], not [9] nor [1, 2] nor 【1】 nor [x].\n```\na[1]\n```\n`b[2]` [1](u) [9]"
    async with chat_in(tmp_path, {"cite": [CallTools([search("tides")]), Say(answer, pieces=40)]}) as chat:
        library = Library(chat)
        sea = await library.base(chat.alice, "sea", "tides rise", "tides fall")
        lines = await chat.alice.say("[[play:cite]]", available_knowledge_bases=[sea])
        items = await cited(chat.alice)
        (run,) = await chat.alice.runs_of("s1")
        history = await chat.alice.history()
    text = next(line for line in history if line["type"] == "do_subtask_result")
    assert text["content"] == answer
    assert brief(items) == [
        (2, "sea-2"),
        (1, "sea-1"),
        (2, "sea-2"),
        (9, None),
        (1, "sea-1"),
        (9, None),
    ]
    common = {"message_id": text["message_id"], "run_id": run["run_id"]}
    assert items[0] == {
        **common,
        "n": 2,
        "valid": True,
        "kdb_id": sea,
        "doc_id": doc_of(sea),
        "doc_segment_id": "sea-2",
        "title": "sea.md",
        "page": 1,
        "start": 10,
        "end": 20,
        "deleted": False,
    }
    assert items[3] == {
        **common,
        "n": 9,
        "valid": False,
        **dict.fromkeys(("kdb_id", "doc_id", "doc_segment_id", "title", "page", "start", "end")),
        "deleted": False,
    }
    assert run["warnings"] == [{"field": "citations", "value": "9", "reason": "unknown"}]
    assert lines[-1]["type"] == "stream_end"


async def test_a_passage_keeps_its_number_in_its_session_over_runs_reruns_and_edits(tmp_path: Path) -> None:
    scripts = {
        "rise": [CallTools([search("rise")]), Say("Up [1].")],
        "both": [CallTools([search("fall rise")]), Say("Both [1] [2].")],
        "fake": [Say("Two, says nobody [2].")],
    }
    async with chat_in(tmp_path, scripts) as chat:
        library = Library(chat)
        sea = await library.base(chat.alice, "sea", "fall", "rise")
        given: dict[str, Any] = {"agent_id": await chat.alice.agent(availableKnowledgeBases=[sea])}
        first = await chat.alice.say("[[play:rise]]", **given)
        await chat.alice.say("[[play:fake]]")
        second = await chat.alice.say("[[play:both]]", **given)
        before = brief(await cited(chat.alice))
        other = await chat.alice.say("[[play:both]]", "s2", **given)
        again = await chat.alice.open("/api/conversations/s1/rerun-stream", given)
        third = await again.lines()
        after = brief(await cited(chat.alice))
        await chat.alice.data("POST", "/api/conversations/s1/edit-last-user-message", {"content": "x"})
        edited = brief(await cited(chat.alice))
    numbers = [refs(results(each)[0]) for each in (first, second, third, other)]
    assert numbers == [[1], [2, 1], [2, 1], [1, 2]]
    assert before == [(1, "sea-2"), (2, None), (1, "sea-2"), (2, "sea-1")]
    assert after == before
    assert edited == before[:2]


async def test_parallel_calls_and_children_share_numbers_and_never_give_one_twice(tmp_path: Path) -> None:
    scripts = {
        "one": [CallTools([search("a b"), search("b c"), search("d")]), finish("Report: a [1], e [5].")],
        "two": [CallTools([search("c d"), search("e a")]), finish("Report.")],
    }
    async with chat_in(tmp_path, scripts) as chat:
        library = Library(chat)
        base = await library.base(chat.alice, "base", "a", "b", "c", "d", "e")
        members = [await chat.alice.agent(name=name, availableKnowledgeBases=[base]) for name in ("First", "Second")]
        root = await lead(chat, *members)
        tasks = [task(member, play) for member, play in zip(members, ("one", "two"), strict=True)]
        lines = await ask(chat, root, *tasks)
        chat.scripts["after"] = [Say("So [1] [2] [3] [4] [5] [6].")]
        await chat.alice.say("[[play:after]]", agent_id=root)
        items = await cited(chat.alice)
        child = await cited(chat.alice, "s1_sub_1")
        runs = await chat.alice.runs_of("s1")
    pairs = {(item["doc_segment_id"], item["ref"]) for result in results(lines) for item in result["search_results"]}
    assert len(results(lines)) == 5
    assert {number for _, number in pairs} == {1, 2, 3, 4, 5}
    assert len({segment for segment, _ in pairs}) == len(pairs) == 5
    assert [item["valid"] for item in items] == [True] * 5 + [False]
    assert {(item["doc_segment_id"], item["n"]) for item in items[:5]} == pairs
    assert child == []
    assert [run["warnings"] for run in runs] == [[], [{"field": "citations", "value": "6", "reason": "unknown"}]]


async def test_numbers_are_unique_whatever_happens_at_once_and_count_only_when_shown(tmp_path: Path) -> None:
    async with chat_in(tmp_path, {"cite": [Say("It is [1].")]}) as chat:
        library = Library(chat)
        base = await library.base(chat.alice, "base", "a")
        await chat.alice.say("[[play:plain]]", available_knowledge_bases=[base])
        services = chat.house.services
        async with services.database.read() as db:
            row = await services.conversations.find_own(db, session_id="s1", user_id=chat.alice.user_id)
        assert row is not None
        book = SourceBook(services.database)
        passages = [CitedPassage(base, "d", f"p{n % 7}", "t" * 300, None, 0, 1) for n in range(20)]
        found = await asyncio.gather(*(book.number(row.conversation_id, passages[n : n + 10]) for n in range(10)))
        gone = await book.number(10**6, passages)
        await chat.alice.say("[[play:cite]]", available_knowledge_bases=[base])
        items = await cited(chat.alice)
    named = {
        (passages[n + at].doc_segment_id, ref) for n, given in enumerate(found) for at, ref in enumerate(given or ())
    }
    assert sorted(ref for _, ref in named) == list(range(1, 8))
    assert gone is None
    # A number that was given but whose result never reached a model is nobody's.
    assert brief(items) == [(1, None)]


async def test_markers_mean_nothing_where_nothing_could_be_searched(tmp_path: Path) -> None:
    async with chat_in(tmp_path, {"web": [Say("As written [1] in list[2].")]}) as chat:
        await chat.alice.say("[[play:web]]")
        items = await cited(chat.alice)
        (run,) = await chat.alice.runs_of("s1")
    assert (items, run["warnings"]) == ([], [])


async def test_citations_outlive_their_document_and_go_with_their_conversation(tmp_path: Path) -> None:
    async with chat_in(tmp_path, {"cite": [CallTools([search("a")]), Say("It is [1].")]}) as chat:
        library = Library(chat)
        base = await library.base(chat.alice, "base", "a")
        for session in ("s1", "s2"):
            await chat.alice.say("[[play:cite]]", session, available_knowledge_bases=[base])
        await library.remove_document(base)
        (item,) = await cited(chat.alice)
        await chat.alice.data("DELETE", "/api/conversations/s1")
        refused = await chat.alice.call("GET", "/api/conversations/s1/citations")
        await chat.alice.say("[[play:cite]]", available_knowledge_bases=[base])
        anew = await cited(chat.alice)
        left = await cited(chat.alice, "s2")
        async with chat.house.browser() as client:
            headers = bearer(await login(client, "admin", ADMIN_PASSWORD))
            gone = await client.post("/api/user/delete", json={"user_id": chat.alice.user_id}, headers=headers)
        rows = await counted(chat)
    assert (item["valid"], item["deleted"], item["title"], item["doc_id"]) == (True, True, "base.md", doc_of(base))
    assert refused.json()["error_detail"] == "session_not_found"
    assert (brief(anew), brief(left)) == ([(1, "base-1")], [(1, "base-1")])
    assert gone.json()["code"] == 200
    assert rows == (0, 0)


async def counted(chat: Chat) -> tuple[int, ...]:
    """Rows of sources and citations once a deleted person's things are gone."""
    from sqlalchemy import text

    await chat.house.services.identity.deletion.finish()
    async with chat.house.services.database.read() as db:
        found = [await db.scalar(text(f"SELECT count(*) FROM {table}")) for table in ("sources", "citations")]
    return tuple(int(each or 0) for each in found)


async def test_strangers_read_no_citations_and_admins_do(tmp_path: Path) -> None:
    async with chat_in(tmp_path, {"cite": [CallTools([search("a")]), Say("It is [1].")]}) as chat:
        library, bob = Library(chat), await chat.person("bob")
        base = await library.base(chat.alice, "base", "a")
        await chat.alice.say("[[play:cite]]", available_knowledge_bases=[base])
        stranger = await bob.call("GET", "/api/conversations/s1/citations")
        unknown = await bob.call("GET", "/api/conversations/never/citations")
        async with chat.house.browser() as client:
            nobody = await client.get("/api/conversations/s1/citations")
            headers = bearer(await login(client, "admin", ADMIN_PASSWORD))
            admin = await client.get("/api/conversations/s1/citations", headers=headers)
            shared = await client.get("/api/share/conversations/s1/messages")
    slugs = [each.json()["error_detail"] for each in (stranger, unknown)]
    assert slugs == ["session_not_found"] * 2
    assert nobody.status_code == 401
    assert brief(admin.json()["data"]["items"]) == [(1, "base-1")]
    assert "citations" not in shared.text
