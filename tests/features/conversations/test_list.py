"""The list and its search (product.md 2.2)."""

import pytest

from clary.features.conversations.policy import search_words, snippet_of
from clary.features.conversations.tables import ShareRow
from clary.http.problems import InvalidTextError
from features.conversations.world import ADMIN, ALICE, BOB, World, ids, text

pytestmark = pytest.mark.anyio


async def found(world: World, search: str) -> list[str]:
    """Session ids of Alice's list for a search."""
    return ids(await world.listed(ALICE, words=search_words(search)))


async def test_an_item_has_exactly_the_fields_of_the_contract(world: World) -> None:
    reasoning = text("assistant", "hm", "m2", type="reasoning_content")
    await world.conversation(
        ALICE, "s1", text("user", "hi", "m1"), reasoning, text("assistant", "Hello.", "m3"), title="Greeting"
    )
    moment = "2026-01-02T03:04:05.000000Z"
    assert await world.listed(ALICE) == {
        "list": [
            {
                "session_id": "s1",
                "id": "s1",
                "user_id": "u-alice",
                "agent_id": "agent_1",
                "agent_name": "Tutor",
                "title": "Greeting",
                "message_count": 2,
                "user_count": 1,
                "agent_count": 1,
                "created_at": moment,
                "updated_at": moment,
                "status": "idle",
                "shared": False,
            }
        ],
        "total": 1,
        "page": 1,
        "page_size": 10,
        "total_pages": 1,
        "has_next": False,
        "has_prev": False,
        "user_id": "u-alice",
    }


async def test_nothing_is_an_empty_list_of_no_pages(world: World) -> None:
    data = await world.listed(ALICE)
    assert (data["list"], data["total"], data["total_pages"], data["has_next"]) == ([], 0, 0, False)


async def test_pages_follow_each_other_and_one_past_the_end_is_empty_with_the_right_total(world: World) -> None:
    for number in range(5):
        world.clock.advance(1)
        await world.conversation(ALICE, f"s{number}")
    pages = [await world.listed(ALICE, page=page, size=2) for page in (1, 2, 3, 4)]
    assert [ids(page) for page in pages] == [["s4", "s3"], ["s2", "s1"], ["s0"], []]
    assert [(page["total"], page["has_next"], page["has_prev"]) for page in pages] == [
        (5, True, False),
        (5, True, True),
        (5, False, True),
        (5, False, True),
    ]


async def test_the_order_is_by_date_title_or_messages_and_ties_by_id(world: World) -> None:
    await world.conversation(ALICE, "s2", text("user", "x", "m1"), title="b")
    await world.conversation(ALICE, "s1", text("user", "x", "m1"), title="é")
    world.clock.advance(1)
    await world.conversation(ALICE, "s3", title="B")
    assert ids(await world.listed(ALICE)) == ["s3", "s1", "s2"]
    assert ids(await world.listed(ALICE, sort_by="title")) == ["s3", "s2", "s1"]
    assert ids(await world.listed(ALICE, sort_by="messages")) == ["s1", "s2", "s3"]


async def test_only_own_rows_are_listed_whatever_user_is_asked_for(world: World) -> None:
    await world.conversation(ALICE, "s1", text("user", "plum", "m1"))
    for query in ({}, {"owner_id": ALICE.user_id}, {"words": ("plum",)}, {"agent_id": "agent_1"}):
        data = await world.listed(BOB, **query)
        assert (data["list"], data["total"], data["user_id"]) == ([], 0, "u-bob")


async def test_an_admin_sees_everybodys_rows_or_those_of_one(world: World) -> None:
    await world.conversation(ALICE, "same")
    await world.conversation(BOB, "same", agent_id="agent_2")
    everything = await world.listed(ADMIN)
    assert ([each["user_id"] for each in everything["list"]], everything["user_id"]) == (["u-alice", "u-bob"], None)
    assert [each["user_id"] for each in (await world.listed(ADMIN, owner_id=BOB.user_id))["list"]] == ["u-bob"]
    assert [each["user_id"] for each in (await world.listed(ADMIN, agent_id="agent_2"))["list"]] == ["u-bob"]


@pytest.mark.parametrize(
    ("search", "expected"),
    [
        ("MAPLE", ["s1"]),
        ("枫树", ["s1"]),
        ("leaf maple", ["s1"]),
        ("maple title", ["s1"]),
        ("maple birch", []),
        ("straße", ["s2"]),
        ("STRASSE", ["s2"]),
        ("%", ["s2"]),
        ("100%", ["s2"]),
        ("map_e", []),
        ("a_b", ["s2"]),
        ("/", []),
        ("\\", ["s2"]),
        ("'", []),
        ('"', []),
        ("maple*", []),
        ("maple OR birch", []),
        ("🍁" * 200, []),
        ("secret-output", []),
        ("pondering", []),
        ("invisible", []),
        ("archived", []),
    ],
)
async def test_search_is_literal_and_looks_only_at_titles_and_visible_text(
    world: World, search: str, expected: list[str]
) -> None:
    tool = text("tool", "secret-output", "m3", type="tool_call_result", tool_call_id="c1")
    row = await world.conversation(
        ALICE,
        "s1",
        text("user", "A Maple leaf", "m1"),
        text("assistant", [{"type": "text", "text": "枫树很红"}], "m2"),
        tool,
        text("assistant", "pondering", "m4", type="reasoning_content"),
        text("user", "invisible", "m5", metadata={"hidden_from_chat": True}),
        title="Title One",
    )
    assert (row.user_count, row.agent_count) == (1, 1)
    await world.conversation(ALICE, "s2", text("user", r"Straße 100% a_b \ birch", "m1"))
    assert await found(world, search) == expected


async def test_a_nul_in_the_search_is_refused_and_never_matches_everything(world: World) -> None:
    await world.conversation(ALICE, "s1")
    with pytest.raises(InvalidTextError):
        await found(world, "\x00")


async def test_a_snippet_is_plain_text_around_the_first_hit(world: World) -> None:
    long = f"{'before ' * 60}\n\tmaple\n{'after ' * 60}"
    await world.conversation(ALICE, "s1", text("user", "nothing", "m1"), text("assistant", long, "m2"))
    await world.conversation(ALICE, "s2", title="Maple in the title")
    shown = {each["id"]: each["snippet"] for each in (await world.listed(ALICE, words=("maple",)))["list"]}
    assert shown["s2"] == "Maple in the title"
    assert len(shown["s1"]) == 160
    assert "before maple after" in shown["s1"]


def test_a_snippet_holds_the_hit_behind_characters_that_grow_when_folded() -> None:
    assert "maple" in str(snippet_of("ß" * 500 + " maple " + "x" * 500, ["maple"]))
    assert snippet_of("nothing here", ["maple"]) is None
    assert snippet_of("short maple", ["maple"]) == "short maple"


async def test_the_status_is_that_of_the_active_run(world: World) -> None:
    await world.conversation(ALICE, "idle")
    waiting = {"kind": "questionnaire", "id": "q", "expires_at": None}
    await world.run(await world.conversation(ALICE, "running"), "r1")
    await world.run(await world.conversation(ALICE, "queued"), "r2", status="queued")
    await world.run(await world.conversation(ALICE, "waiting"), "r3", waiting=waiting)
    await world.run(await world.conversation(ALICE, "done"), "r4", status="completed")
    assert {each["id"]: each["status"] for each in (await world.listed(ALICE))["list"]} == {
        "idle": "idle",
        "running": "running",
        "queued": "queued",
        "waiting": "waiting",
        "done": "idle",
    }


async def test_shared_means_readable_without_a_login_at_this_moment(world: World) -> None:
    expired = world.clock.now()
    for session_id, expires_at in (("on", None), ("expired", expired), ("off", "none")):
        row = await world.conversation(ALICE, session_id)
        if expires_at != "none":
            async with world.database.write() as db:
                db.add(
                    ShareRow(
                        share_id=session_id,
                        conversation_id=row.conversation_id,
                        session_id=session_id,
                        expires_at=expires_at,
                        created_at=world.clock.now(),
                    )
                )
    await world.conversation(ALICE, "both")
    await world.conversation(BOB, "both")
    explicit = {each["id"]: each["shared"] for each in (await world.listed(ALICE))["list"]}
    assert explicit == {"on": True, "expired": False, "off": False, "both": False}
    world.conversations = world.service(by_link=True)
    by_link = {each["id"]: each["shared"] for each in (await world.listed(ALICE))["list"]}
    assert by_link == {"on": True, "expired": False, "off": True, "both": False}
