"""Queries over HTTP (contract product 5.6)."""

import asyncio
from itertools import pairwise
from typing import Any

import pytest
from sqlalchemy import delete

from clary.features.knowledge.ports import IndexKey
from clary.features.knowledge.service import retrieving
from clary.features.knowledge.tables import KnowledgePassageRow
from features.knowledge.library import PREFIX, Library
from support.calls import provider_body
from support.statements import noted_statements

pytestmark = pytest.mark.anyio

Json = dict[str, Any]
DOCUMENTS = "ix_knowledge_passages_doc"
LEXICAL = {"kdb_setting": {"embedding": {"mode": "none"}}}
STONES = {
    "quartz": "Quartz veins carry feldspar and a little gold. The quartz is clear.",
    "granite": "Granite holds quartz, feldspar and mica in large grains.",
    "tea": "绿茶的冲泡水温应当低于八十五度，否则茶汤会变得苦涩。铁观音属于乌龙茶。",
    "machine": "電腦的記憶體容量決定同時執行的程式數量。",
    "wide": "型号ＡＢＣ１２３的保修期为三年。",
    "harbour": "The engines were running all night in the harbour.",
}


async def ask(library: Library, kdb_id: str, query: str, name: str = "ann", **options: Any) -> Json:
    code, slug, data = await library.call(
        name, "POST", f"{PREFIX}/retrieve", {"kdb_id": kdb_id, "query": query, **options}
    )
    assert code == 200, slug
    return data


async def titles(library: Library, kdb_id: str, query: str, **options: Any) -> list[str]:
    return [result["title"] for result in (await ask(library, kdb_id, query, **options))["results"]]


async def stones(library: Library, **fields: Any) -> str:
    kdb_id = await library.base("ann", **(fields or LEXICAL))
    await library.upload("ann", kdb_id, **STONES)
    return kdb_id


async def test_results_say_where_they_have_it_from(library: Library) -> None:
    kdb_id = await stones(library)

    data = await ask(library, kdb_id, "quartz feldspar", explain=True)

    assert {each["title"] for each in data["results"]} == {"quartz.txt", "granite.txt"}
    assert (data["mode"], data["total"]) == ("lexical", 2)
    best = data["results"][0]
    assert best["score"] == 1.0
    assert best["doc_content"] == STONES[best["title"].removesuffix(".txt")][best["start"] : best["end"]]
    assert best["metadata"] == {
        "doc_name": best["title"],
        "type": "file",
        "page": None,
        "kdb_id": kdb_id,
        "main_doc_id": best["doc_id"],
    } | {key: best["metadata"][key] for key in best["metadata"] if key in ("encoding",)}
    assert best["scores"]["lexical_rank"] == 1
    assert best["scores"]["vector"] is None


@pytest.mark.parametrize(
    ("query", "title"),
    [
        ("铁观音是什么茶", "tea.txt"),
        ("电脑记忆体", "machine.txt"),
        ("执", "machine.txt"),
        ("abc123", "wide.txt"),
        ("ENGINE run", "harbour.txt"),
        ('"quartz gold" NOT', "quartz.txt"),
    ],
)
async def test_words_are_found_however_they_are_written(library: Library, query: str, title: str) -> None:
    kdb_id = await stones(library)

    assert (await titles(library, kdb_id, query))[0] == title


async def test_operators_have_no_power(library: Library) -> None:
    kdb_id = await stones(library)

    assert len(await titles(library, kdb_id, "AND NOT")) == 2  # the word "and"
    for query in ('"', "*", "quar*", "NEAR(", "title:", "%", "_", "' OR 1=1 --", "\u200b", "🍁", "x" * 4000):
        assert await titles(library, kdb_id, query) == [], query


async def test_bad_queries_are_refused(library: Library) -> None:
    kdb_id = await stones(library)

    async def refusal(**body: Any) -> Any:
        client = await library.client("ann")
        answer = await client.post(f"{PREFIX}/retrieve", json={"kdb_id": kdb_id, **body})
        return answer.status_code, answer.json()["error_detail"]

    assert await refusal(query=" \u3000\n") == (200, "query_empty")
    assert await refusal(query="a", kdb_id="0" * 32) == (200, "kdb_not_found")
    assert await refusal(query="a\0b") == (422, "invalid_text")
    bad: list[Json] = [
        {},
        {"query": ""},
        {"query": "x" * 4001},
        {"query": "a", "top_k": 0},
        {"query": "a", "top_k": 101},
        {"query": "a", "top_k": "x"},
        {"query": "a", "mode": "magic"},
        {"query": "a", "filters": {"other": 1}},
        {"query": "a", "filters": []},
        {"query": "a", "neighbours": 4},
        {"query": "a", "kdb_id": None},
        {"query": "a", "kdb_ids": [kdb_id] * 21},
        {"query": "a", "filters": {"doc_ids": ["0" * 32] * 1001}},
        {"query": "a", "filters": {"created_after": "yesterday"}},
        {"query": "a", "filters": {"created_after": "0001-01-01T00:00:00+01:00"}},
        {"query": "a", "filters": {"created_before": "9999-12-31T23:59:59-01:00"}},
        {"query": "a", "filters": {"metadata": {str(number): 1 for number in range(21)}}},
    ]
    for body in bad:
        assert await refusal(**body) == (422, "validation_error"), body


async def test_filters_hold_before_ranking(library: Library) -> None:
    kdb_id = await library.base("ann", **LEXICAL)
    await library.upload(
        "ann", kdb_id, **{f"noise{number}": "Marble marble. " * 3 + str(number) for number in range(30)}
    )
    await library.upload("ann", kdb_id, a="A marble statue.", b="A marble floor.")
    ids = {row["doc_name"]: row["id"] for row in await library.documents("ann", kdb_id)}

    async def kept(**filters: Any) -> set[str]:
        return set(await titles(library, kdb_id, "marble", filters=filters, top_k=5))

    assert await kept(doc_ids=["x" * 65]) == set()
    assert await kept(doc_ids=[ids["a.txt"], ids["b.txt"]]) == {"a.txt", "b.txt"}
    assert await kept(doc_names=["b.txt"], types=[".TXT"]) == {"b.txt"}
    assert await kept(doc_names=["B.txt"]) == set()
    assert await kept(types=["md"]) == set()
    assert await kept(metadata={"doc_name": ["a.txt", "c.txt"], "type": "file"}) == {"a.txt"}
    assert await kept(metadata={"unknown": 1}) == set()
    assert await kept(created_after="2101-01-01T00:00:00Z") == set()
    assert await kept(created_before="2101-01-01T00:00:00Z", doc_ids=[ids["a.txt"]]) == {"a.txt"}
    assert len(await titles(library, kdb_id, "marble", filters={}, top_k=50)) == 32


async def test_equal_texts_count_once(library: Library) -> None:
    kdb_id = await library.base("ann", **LEXICAL)
    await library.upload("ann", kdb_id, **{f"copy{number}": "The ptarmigan turns white." for number in range(4)})
    ids = {row["id"] for row in await library.documents("ann", kdb_id)}

    (result,) = (await ask(library, kdb_id, "ptarmigan"))["results"]

    assert set(result["metadata"]["also_in"]) == ids - {result["doc_id"]}


async def test_a_merged_result_names_the_other_documents_of_all_its_parts(library: Library) -> None:
    setting = {"embedding": {"mode": "none"}, "chunk": {"target_chars": 200, "overlap_chars": 0}}
    kdb_id = await library.base("ann", kdb_setting=setting)
    parts = [(f"Part {n} of the ptarmigan that turns white in winter, note{n}x again. " * 3).strip() for n in range(3)]
    copies = {f"copy{n}of{part}": parts[part] for part in (0, 2) for n in range(7)}
    # Words of the name are searched too, so that the whole is before its parts.
    await library.upload("ann", kdb_id, whole="\n\n".join(parts), **copies)
    ids = {row["doc_name"].removesuffix(".txt"): row["id"] for row in await library.documents("ann", kdb_id)}

    async def also_in(*names: str) -> list[str]:
        filters = {"doc_names": [f"{name}.txt" for name in ("whole", *names)]}
        (result,) = (await ask(library, kdb_id, "ptarmigan whole", filters=filters, top_k=50))["results"]
        assert (result["doc_id"], len(result["metadata"]["segment_ids"])) == (ids["whole"], 2)
        return result["metadata"].get("also_in", [])

    assert await also_in() == []
    assert set(await also_in("copy0of0", "copy0of2")) == {ids["copy0of0"], ids["copy0of2"]}
    assert set(await also_in("copy1of0", "copy2of0")) == {ids["copy1of0"], ids["copy2of0"]}
    many = await also_in(*copies)
    assert len(set(many)) == len(many) == 10


async def test_neighbours_and_merged_parts_are_true_stretches_of_the_text(library: Library) -> None:
    setting = {"embedding": {"mode": "none"}, "chunk": {"target_chars": 200, "overlap_chars": 0}}
    kdb_id = await library.base("ann", kdb_setting=setting)
    text = "\n\n".join(
        f"Paragraph {n}: the oystercatcher opens mussels at low tide, note{n}x, again." for n in range(60)
    )
    await library.upload("ann", kdb_id, long=text)

    (single,) = (await ask(library, kdb_id, "note30x", merge=False))["results"]
    (wide,) = (await ask(library, kdb_id, "note30x", neighbours=2))["results"]
    apart = (await ask(library, kdb_id, "oystercatcher", merge=False, top_k=10))["results"]
    merged = (await ask(library, kdb_id, "oystercatcher", top_k=10))["results"]

    assert wide["start"] < single["start"] < single["end"] < wide["end"]
    assert len(merged) < len(apart) == 10
    assert any(each["metadata"].get("segment_ids") for each in merged)
    for each in (single, wide, *apart, *merged):
        assert each["doc_content"] == text[each["start"] : each["end"]]
    spans = sorted((each["start"], each["end"]) for each in merged)
    assert all(one[1] <= two[0] for one, two in pairwise(spans))


async def test_no_part_is_joined_or_added_across_a_repeat_that_was_left_out(library: Library) -> None:
    setting = {"embedding": {"mode": "none"}, "chunk": {"target_chars": 200, "overlap_chars": 0}}
    kdb_id = await library.base("ann", kdb_setting=setting)
    footer = "The harbour office answers letters on weekdays. " * 4
    tales = [f"Tale {n} of the oystercatcher that opens mussels at low tide, note{n}x here. " * 3 for n in range(3)]
    text = "\n\n".join(part.strip() for tale in tales for part in (tale, footer))
    await library.upload("ann", kdb_id, long=text)

    apart = (await ask(library, kdb_id, "oystercatcher", merge=False))["results"]
    merged = (await ask(library, kdb_id, "oystercatcher"))["results"]
    (first,) = (await ask(library, kdb_id, "note1x", merge=False))["results"]
    (wide,) = (await ask(library, kdb_id, "note1x", neighbours=1))["results"]

    assert sorted(each["doc_content"] for each in apart) == [tale.strip() for tale in tales]
    assert [each["doc_content"] for each in merged] == [each["doc_content"] for each in apart]
    # The footer is stored where it stands first, before this tale and not again behind it.
    assert text[wide["start"] : wide["end"]] == f"{footer.strip()}\n\n{first['doc_content']}"


async def test_highlights_and_full_content_come_when_asked_for(library: Library) -> None:
    kdb_id = await stones(library)

    best = (await ask(library, kdb_id, "铁观音", highlight=True, include_full_content=True))["results"][0]

    assert [best["doc_content"][start:end] for start, end in best["highlights"]] == ["铁观音"]
    assert (best["full_content"], best["full_truncated"]) == (STONES["tea"], False)


async def test_what_is_deleted_or_redone_is_found_as_it_is_now(library: Library) -> None:
    kdb_id = await stones(library)
    first = (await ask(library, kdb_id, "quartz"))["results"]
    assert len(first) == 2

    await library.call("ann", "DELETE", f"{PREFIX}/doc/delete/{first[0]['doc_id']}")

    assert [each["doc_id"] for each in (await ask(library, kdb_id, "quartz"))["results"]] == [first[1]["doc_id"]]
    await library.upload("ann", kdb_id, new="Quartz once more.")
    assert "new.txt" in await titles(library, kdb_id, "quartz")


async def test_losing_the_derived_files_loses_nothing(library: Library) -> None:
    kdb_id = await stones(library)
    before = (await ask(library, kdb_id, "quartz"))["results"]

    await library.house.services.knowledge.search_index.keep_only([])

    assert (await ask(library, kdb_id, "quartz"))["results"] == before


async def test_several_bases_answer_together_and_a_strangers_base_not_at_all(library: Library) -> None:
    one, two = await stones(library), await stones(library)
    theirs = await library.base("bob", **LEXICAL)
    code, slug, data = await library.call(
        "ann", "POST", f"{PREFIX}/retrieve", {"kdb_ids": [one, two], "query": "harbour"}
    )
    assert (code, len(data["results"])) == (200, 1)
    assert len(data["results"][0]["metadata"]["also_in"]) == 1

    code, slug, data = await library.call(
        "ann", "POST", f"{PREFIX}/retrieve", {"kdb_ids": [one, theirs], "query": "harbour"}
    )
    assert (code, slug, data) == (404, "kdb_not_found", None)


async def test_a_base_without_vectors_answers_in_full_text_and_says_so(library: Library) -> None:
    kdb_id = await stones(library)

    hybrid, lexical = await ask(library, kdb_id, "quartz"), await ask(library, kdb_id, "quartz", mode="lexical")

    assert hybrid["results"] == lexical["results"]
    assert (len(hybrid["warnings"]), lexical["warnings"]) == (1, [])


async def test_vectors_and_words_are_one_order_and_a_model_in_trouble_costs_a_warning(library: Library) -> None:
    kdb_id = await stones(library, kdb_setting={"embedding": {"mode": "embedded"}})
    await library.until_ready("ann", kdb_id, 1)

    data = await ask(library, kdb_id, "quartz", explain=True, top_k=10)
    assert (data["mode"], data["warnings"]) == ("hybrid", [])
    assert len(data["results"]) == len(STONES)
    assert all(0 < each["score"] <= 1 and each["scores"]["vector"] is not None for each in data["results"])
    assert [each["score"] for each in data["results"]] == sorted(
        (each["score"] for each in data["results"]), reverse=True
    )

    library.source.failure = "provider_timeout"
    down = await ask(library, kdb_id, "granite")
    assert (down["mode"], len(down["warnings"]), down["results"][0]["title"]) == ("lexical", 1, "granite.txt")
    again = await ask(library, kdb_id, "quartz")
    assert (again["mode"], again["warnings"]) == ("lexical", down["warnings"])


async def test_a_base_whose_vectors_are_still_to_come_answers_in_full_text_and_says_so(library: Library) -> None:
    library.source.refused = "Quartz"
    kdb_id = await library.base("ann", kdb_setting={"embedding": {"mode": "embedded"}})
    await library.upload("ann", kdb_id, quartz=STONES["quartz"])

    for mode in ("hybrid", "vector"):
        data = await ask(library, kdb_id, "quartz", mode=mode)
        assert (data["mode"], len(data["warnings"]), len(data["results"])) == ("lexical", 1, 1)
    library.source.refused = None
    await library.until_ready("ann", kdb_id, 1)
    assert (await ask(library, kdb_id, "quartz"))["warnings"] == []


async def test_what_vanishes_at_the_last_look_costs_itself_alone(
    library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    kdb_id = await library.base("ann", **LEXICAL)
    await library.upload("ann", kdb_id, **{f"n{n}": f"The walrus of beach {n}." for n in range(5)})
    real = retrieving.rerank

    async def vanish(database: Any, asked: Any, candidates: Any) -> Any:
        ranked = await real(database, asked, candidates)
        async with database.write() as db:
            gone = ranked[0].facts.key.number
            await db.execute(delete(KnowledgePassageRow).where(KnowledgePassageRow.number == gone))
        return ranked

    monkeypatch.setattr(retrieving, "rerank", vanish)
    data = await ask(library, kdb_id, "walrus")

    assert (len(data["results"]), data["total"]) == (3, 4)


async def test_rows_of_a_qa_base_are_found_by_question_and_by_answer(library: Library) -> None:
    kdb_id = await library.base("ann", type="qa", **LEXICAL)
    client = await library.client("ann")
    file = (
        "qa.csv",
        b"question,answer,shelf,kdb_id,question,shelf\n"
        b"How hot is tea?,Eighty degrees,7,foreign,other,9\nWhat is mica?,A mineral,8\n",
        "text/csv",
    )
    answer = (await client.post(f"{PREFIX}/doc/add_by_files", data={"kdb_id": kdb_id}, files=[("files", file)])).json()
    assert answer["code"] == 200, answer
    await library.until(lambda: _is_done(library, kdb_id))

    by_answer = (await ask(library, kdb_id, "eighty"))["results"][0]
    by_shelf = (await ask(library, kdb_id, "mineral degrees", filters={"metadata": {"shelf": "8"}}))["results"]

    assert (by_answer["title"], by_answer["metadata"]["answer"]) == ("How hot is tea?", "Eighty degrees")
    assert [each["metadata"]["question"] for each in by_shelf] == ["What is mica?"]
    columns = ("kdb_id", "question", "column_4", "column_5", "column_6")
    assert [by_answer["metadata"].get(each) for each in columns] == [kdb_id, "How hot is tea?", "foreign", "other", "9"]


async def _is_done(library: Library, kdb_id: str) -> bool:
    return all(row["status"] == 2 for row in await library.documents("ann", kdb_id))


async def test_the_reranker_has_the_last_word_and_may_be_left_out(library: Library) -> None:
    library.source.prefers = "mica"
    settings = {"embedding": {"mode": "none"}, "reranker": {"mode": "provider"}}
    body = provider_body("https://models.example.com/v1")
    await library.client("ann")
    _, _, provider = await library.call("ann", "POST", "/api/llm-provider/create", body)
    settings["reranker"]["provider_id"] = provider["id"]
    kdb_id = await stones(library, kdb_setting=settings)

    ranked = await ask(library, kdb_id, "quartz gold clear", explain=True)
    assert [each["title"] for each in ranked["results"]] == ["granite.txt", "quartz.txt"]
    assert [each["scores"]["rerank"] for each in ranked["results"]] == [0.9, 0.1]
    assert [each["score"] for each in ranked["results"]] == [0.9, 0.1]
    fused = await ask(library, kdb_id, "quartz gold clear", rerank=False, explain=True)
    assert [each["title"] for each in fused["results"]] == ["quartz.txt", "granite.txt"]
    assert {each["scores"]["rerank"] for each in fused["results"]} == {None}
    least = await ask(library, kdb_id, "quartz gold clear", min_score=0.5)
    assert [each["title"] for each in least["results"]] == ["granite.txt"]
    library.source.failure = "provider_timeout"
    failed = await ask(library, kdb_id, "quartz gold clear")
    assert [each["title"] for each in failed["results"]] == ["quartz.txt", "granite.txt"]
    assert len(failed["warnings"]) == len(fused["warnings"]) + 1


async def test_passages_go_to_no_reranker_that_their_owner_did_not_choose(library: Library) -> None:
    library.source.prefers = "mica"
    await library.client("bob")
    _, _, provider = await library.call(
        "bob", "POST", "/api/llm-provider/create", provider_body("https://models.example.com/v1")
    )
    reranker = {"mode": "provider", "provider_id": provider["id"]}
    settings = {"embedding": {"mode": "none"}, "reranker": reranker}
    ranked, same = [await library.base("bob", kdb_setting=settings) for _ in range(2)]
    await library.client("ann")
    for kdb_id in (ranked, same):
        await library.grant("bob", kdb_id, "user", library.ids["ann"], "read")
    await library.upload("bob", ranked, granite=STONES["granite"])
    mine = await stones(library)

    async def scores(*kdb_ids: str, **more: Any) -> tuple[set[float | None], list[str]]:
        body = {"kdb_ids": list(kdb_ids), "query": "quartz gold", "mode": "lexical", "explain": True, **more}
        _, _, data = await library.call("ann", "POST", f"{PREFIX}/retrieve", body)
        return {each["scores"]["rerank"] for each in data["results"]}, data["warnings"]

    assert await scores(ranked, same) == ({0.9}, [])
    assert await scores(ranked, mine) == ({None}, [])
    assert await scores(mine, ranked, rerank=True) == ({None}, ["所选知识库的重排模型不同，已使用融合排序"])


async def test_files_that_know_of_rows_nobody_has_are_begun_anew(library: Library) -> None:
    kdb_id = await stones(library)
    assert len(await titles(library, kdb_id, "quartz")) == 2
    index = library.house.services.knowledge.search_index
    numbers = [hit.number for hit in await index.search_words(IndexKey(kdb_id, 1), ["gold"], since=0, limit=9)]
    async with library.house.services.database.write() as db:
        await db.execute(delete(KnowledgePassageRow).where(KnowledgePassageRow.number.in_(numbers)))

    assert await titles(library, kdb_id, "quartz") == ["granite.txt"]
    assert await index.search_words(IndexKey(kdb_id, 1), ["gold"], since=0, limit=9) == []


@pytest.mark.sqlite
async def test_passages_that_were_found_are_read_by_their_numbers_however_many_there_are(library: Library) -> None:
    kdb_id = await stones(library, kdb_setting={"embedding": {"mode": "embedded"}})
    await library.until_ready("ann", kdb_id, 1)
    await ask(library, kdb_id, "granite")
    with noted_statements() as noted:
        await ask(library, kdb_id, "quartz", neighbours=1)
    reads = [(statement, values) for statement, values in noted if "FROM knowledge_passages" in statement]
    ways: list[set[str]] = []
    async with library.house.services.database.read() as db:
        connection = await db.connection()
        for statement, values in reads:
            plan = await connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", values)
            ways.append({each[3] for each in plan if "knowledge_passages" in each[3]})
    by_number = {"SEARCH knowledge_passages USING INTEGER PRIMARY KEY (rowid=?)"}
    by_place = {f"SEARCH knowledge_passages USING INDEX {DOCUMENTS} (doc_id=? AND version=? AND place>? AND place<?)"}
    # Their places, their texts for the weight of words, what stands around them, what is shown of them.
    assert ways == [by_number, by_number, by_place, by_number]


async def test_a_hundred_queries_at_once_are_all_answered_alike(library: Library) -> None:
    kdb_id = await stones(library)
    people = [f"p{number}" for number in range(5)]
    await library.add(*people)
    for name in people:
        await library.client(name)
    everyone = [{"kind": "user", "id": library.ids[name], "permission": "read"} for name in people]
    assert (await library.call("ann", "POST", f"{PREFIX}/auth", {"kdb_id": kdb_id, "grants": everyone}))[0] == 200
    found = await asyncio.gather(
        *(ask(library, kdb_id, "quartz feldspar", people[number % 5]) for number in range(100))
    )
    first = [(each["title"], each["score"]) for each in found[0]["results"]]
    assert len(first) == 2
    assert all([(each["title"], each["score"]) for each in one["results"]] == first for one in found)
