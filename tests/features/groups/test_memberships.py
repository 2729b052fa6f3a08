"""What other slices and outside sources see and say of memberships (platform.md 4.6, 4.8, 5.4, 8.1; A16)."""

from contextlib import AsyncExitStack
from pathlib import Path

import pytest
from sqlalchemy import select

from clary.features.audit.tables import AuditRow
from clary.kit import json_text
from support.crowd import Crowd
from support.house import house_in

pytestmark = pytest.mark.anyio

CORP, OTHER = "upstream:corp", "upstream:other"


async def say(crowd: Crowd, name: str, source: str, *names: str, create: bool = False) -> None:
    """What a source says at a sign-in."""
    services = crowd.house.services
    async with services.database.write() as db:
        await services.identity.memberships.replace_memberships(
            db, user_id=crowd.ids[name], source=source, names=names, create=create
        )


async def named(crowd: Crowd, name: str) -> list[str]:
    """Names of the groups in somebody's session."""
    return [group["name"] for group in (await crowd.get(name, "/api/auth/session"))["user"]["groups"]]


async def test_people_show_their_groups_by_name(crowd: Crowd) -> None:
    b, a = await crowd.group("beta", managers=("ann",)), await crowd.group("Alpha", "ann")
    shown = [{"id": a, "name": "Alpha"}, {"id": b, "name": "beta"}]
    assert (await crowd.get("ann", "/api/auth/session"))["user"]["groups"] == shown
    rows = {row["username"]: row["groups"] for row in (await crowd.get("admin", "/api/user/list"))["items"]}
    assert rows == {"admin": [], "ann": shown}


async def test_the_directory_of_groups_shows_companions_only(tmp_path: Path) -> None:
    async with house_in(tmp_path, user_directory="groups") as house, AsyncExitStack() as stack:
        crowd = Crowd(house, stack)
        await crowd.group("one", "ann", "ben")
        await crowd.group("two", "ann", "cy")
        await crowd.group("three", "dan")

        async def seen(name: str, query: str = "") -> list[str]:
            return [option["label"] for option in await crowd.get(name, f"/api/user/options?{query}")]

        assert await seen("ann") == ["ann", "ben", "cy"]
        assert await seen("ben") == ["ann", "ben"]
        assert await seen("loner") == ["loner"]
        assert await seen("ann", "q=B") == ["ben"]
        assert await seen("admin") == ["admin", "ann", "ben", "cy", "dan", "loner"]


async def test_a_system_provider_of_a_group_is_listed_for_its_members_at_once(crowd: Crowd) -> None:
    group = await crowd.group("Team", "ann")
    body = {
        "base_url": "https://api.example.com/v1", "api_keys": ["sk-team-000000000000"], "model": "m",
        "is_system": True, "group_ids": [group],
    }  # fmt: skip
    _, _, row = await crowd.call("admin", "POST", "/api/llm-provider/create", body)

    async def is_listed(name: str) -> bool:
        listed = await crowd.get(name, "/api/llm-provider/list?include=system")
        return row["id"] in [each["id"] for each in listed]

    assert (await is_listed("ann"), await is_listed("out")) == (True, False)
    await crowd.call("admin", "DELETE", f"/api/groups/{group}/members/{crowd.ids['ann']}")
    assert await is_listed("ann") is False
    # A group that is gone opens nothing to everybody.
    await crowd.call("admin", "DELETE", f"/api/groups/{group}")
    assert await is_listed("out") is False


async def test_a_source_replaces_what_it_said_and_nothing_else(crowd: Crowd) -> None:
    manual = await crowd.group("Manual", "ann")
    await crowd.group("Engineering")
    await say(crowd, "ann", CORP, "ENGINEERING", "unknown", "engineering")
    assert await named(crowd, "ann") == ["Engineering", "Manual"]
    await say(crowd, "ann", CORP, "Manual")
    assert await named(crowd, "ann") == ["Manual"]
    await say(crowd, "ann", CORP)
    assert await named(crowd, "ann") == ["Manual"]
    assert await crowd.members(manual) == {"ann": ("member", "manual")}


async def test_what_two_sources_say_lasts_as_long_as_one_of_them_says_it(crowd: Crowd) -> None:
    group = await crowd.group("Team")
    await crowd.add("ann")
    await say(crowd, "ann", CORP, "Team")
    await say(crowd, "ann", OTHER, "Team")
    assert (await crowd.get("ann", f"/api/groups/{group}"))["member_count"] == 1
    await say(crowd, "ann", CORP)
    assert await crowd.members(group) == {"ann": ("member", OTHER)}
    await say(crowd, "ann", OTHER)
    assert await crowd.members(group) == {}


async def test_unknown_names_are_made_when_that_is_wanted(crowd: Crowd) -> None:
    await crowd.group("Engineering")
    await crowd.add("ann", "ben")
    await say(crowd, "ann", CORP, "ops", "OPS", "Engineering", "", "x" * 65, "a\u0007b", create=True)
    await say(crowd, "ben", "trusted_proxy", "Ops", create=True)
    listed = (await crowd.get("admin", "/api/groups"))["items"]
    assert [(group["name"], group["source"], group["member_count"]) for group in listed] == [
        ("Engineering", "manual", 1),
        ("ops", CORP, 2),
    ]


async def test_ten_thousand_names_are_bounded(crowd: Crowd) -> None:
    await crowd.group("last")
    await crowd.add("ann")
    await say(crowd, "ann", CORP, *(f"name {number}" for number in range(10_000)), "last")
    assert await named(crowd, "ann") == []
    await say(crowd, "ann", CORP, *["bad\u0007"] * 10_000, "last")
    assert await named(crowd, "ann") == ["last"]


async def test_a_role_given_by_hand_outlives_sign_ins(crowd: Crowd) -> None:
    group = await crowd.group("Team")
    await crowd.add("ann")
    await say(crowd, "ann", CORP, "Team")
    body = {"user_ids": [crowd.ids["ann"]], "role": "manager"}
    assert (await crowd.call("admin", "POST", f"/api/groups/{group}/members", body))[2] == {"added": 0}
    await say(crowd, "ann", OTHER, "Team")
    await say(crowd, "ann", CORP)
    assert await crowd.members(group) == {"ann": ("manager", OTHER)}
    await say(crowd, "ann", OTHER)
    assert await crowd.members(group) == {}


async def test_a_mapped_membership_that_was_removed_comes_back(crowd: Crowd) -> None:
    group = await crowd.group("Team")
    await crowd.add("ann")
    await say(crowd, "ann", CORP, "Team")
    await crowd.call("ann", "DELETE", f"/api/groups/{group}/members/{crowd.ids['ann']}")
    assert await crowd.members(group) == {}
    await say(crowd, "ann", CORP, "Team")
    assert await crowd.members(group) == {"ann": ("member", CORP)}


async def test_mapped_changes_are_written_down_and_a_sign_in_without_one_is_not(crowd: Crowd) -> None:
    await crowd.add("ann")
    for _ in range(2):
        await say(crowd, "ann", CORP, "ops", create=True)
    await say(crowd, "ann", CORP)
    async with crowd.house.services.database.read() as db:
        rows = (await db.scalars(select(AuditRow).where(AuditRow.action.like("group.%")).order_by(AuditRow.seq))).all()
    member = {"user_id": crowd.ids["ann"], "source": CORP}
    assert [(row.action, row.actor_user_id, json_text.loads(row.stored)["detail"]) for row in rows] == [
        ("group.created", None, {"name": "ops", "source": CORP}),
        ("group.member_added", None, member),
        ("group.member_removed", None, member),
    ]
