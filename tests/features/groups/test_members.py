"""Members and managers (platform.md 7.2; abuse case A25)."""

from typing import Any

import pytest
from sqlalchemy import delete, select

from clary.features.accounts.tables import UserRow
from clary.features.audit.tables import AuditRow
from clary.kit import json_text
from support.crowd import Crowd

pytestmark = pytest.mark.anyio

UNKNOWN = "grp_" + "0" * 16


async def test_members_see_who_belongs(crowd: Crowd) -> None:
    await crowd.add("ben", nickname="Benny")
    group = await crowd.group("Team", "ben", managers=("Ann",))
    data = await crowd.get("ben", f"/api/groups/{group}")
    at = "2026-01-02T03:04:05.000000Z"
    assert (data["my_role"], data["member_count"]) == ("member", 2)
    assert data["members"] == [
        {"user_id": crowd.ids["Ann"], "username": "Ann", "nickname": "Ann", "role": "manager", "source": "manual",
         "added_at": at},
        {"user_id": crowd.ids["ben"], "username": "ben", "nickname": "Benny", "role": "member", "source": "manual",
         "added_at": at},
    ]  # fmt: skip


async def test_adding_ignores_unknown_ids_and_counts_new_people_once(crowd: Crowd) -> None:
    group = await crowd.group("Team", "ann")
    ann, ben = crowd.ids["ann"], (await crowd.add("ben"))[0]
    body = {"user_ids": [ben, ann, ben, "0" * 32, "", "admin"]}
    assert await crowd.call("admin", "POST", f"/api/groups/{group}/members", body) == (200, None, {"added": 1})
    assert await crowd.call("admin", "POST", f"/api/groups/{group}/members", body) == (200, None, {"added": 0})
    assert await crowd.members(group) == {"ann": ("member", "manual"), "ben": ("member", "manual")}


async def test_known_members_keep_their_role_or_take_the_one_an_admin_gives(crowd: Crowd) -> None:
    group = await crowd.group("Team", managers=("boss", "ann"))
    path, ids = f"/api/groups/{group}/members", [crowd.ids["ann"], crowd.ids["boss"]]
    await crowd.call("admin", "POST", path, {"user_ids": ids})
    await crowd.call("boss", "POST", path, {"user_ids": ids, "role": "member"})
    assert {role for role, _ in (await crowd.members(group)).values()} == {"manager"}
    assert (await crowd.call("admin", "POST", path, {"user_ids": ids[:1], "role": "member"}))[2] == {"added": 0}
    assert await crowd.members(group) == {"ann": ("member", "manual"), "boss": ("manager", "manual")}


@pytest.mark.parametrize(
    "body", [{}, {"user_ids": ["x"] * 1001}, {"user_ids": "x"}, {"user_ids": [7]}, {"user_ids": [], "role": "owner"}]
)
async def test_a_list_that_breaks_a_rule_is_refused(crowd: Crowd, body: dict[str, Any]) -> None:
    group = await crowd.group("Team")
    answer = await crowd.call("admin", "POST", f"/api/groups/{group}/members", body)
    assert answer[:2] == (422, "validation_error")


async def test_a_manager_adds_removes_and_describes_and_nothing_more(crowd: Crowd) -> None:
    group, other = await crowd.group("Team", "ann", managers=("boss",)), await crowd.group("Other")
    await crowd.add("new")
    path, new, boss = f"/api/groups/{group}", crowd.ids["new"], crowd.ids["boss"]
    forbidden = (403, "forbidden")
    assert (await crowd.call("boss", "POST", path + "/members", {"user_ids": [new]}))[2] == {"added": 1}
    for ids in ([crowd.ids["ann"]], [boss], []):
        body = {"user_ids": ids, "role": "manager"}
        assert (await crowd.call("boss", "POST", path + "/members", body))[:2] == forbidden
    _, _, described = await crowd.call("boss", "PUT", path, {"description": "ours", "name": "Team"})
    assert (described["description"], described["my_role"]) == ("ours", "manager")
    for body in ({"name": "Mine"}, {"budget": {"cost_per_day": 1e6}}, {"description": "x", "name": "Mine"}):
        assert (await crowd.call("boss", "PUT", path, body))[:2] == forbidden
    assert (await crowd.call("boss", "DELETE", path))[:2] == forbidden
    assert (await crowd.call("boss", "POST", "/api/groups", {"name": "Own"}))[:2] == forbidden
    body = {"user_ids": [boss]}
    assert (await crowd.call("boss", "POST", f"/api/groups/{other}/members", body))[:2] == (404, "group_not_found")
    assert await crowd.call("boss", "DELETE", f"{path}/members/{new}") == (200, None, {})
    assert (await crowd.get("boss", path))["description"] == "ours"
    assert await crowd.members(group) == {"ann": ("member", "manual"), "boss": ("manager", "manual")}


async def test_a_member_changes_nothing_but_may_leave(crowd: Crowd) -> None:
    group = await crowd.group("Team", "ann", "ben")
    path, ann, ben = f"/api/groups/{group}", crowd.ids["ann"], crowd.ids["ben"]
    for method, tail, body in (
        ("PUT", "", {"description": "x"}),
        ("PUT", "", {}),
        ("DELETE", "", None),
        ("POST", "/members", {"user_ids": [ann]}),
        ("DELETE", f"/members/{ben}", None),
        ("DELETE", f"/members/{'0' * 32}", None),
    ):
        assert (await crowd.call("ann", method, path + tail, body))[:2] == (403, "forbidden")
    assert await crowd.call("ann", "DELETE", f"{path}/members/{ann}") == (200, None, {})
    assert (await crowd.call("ann", "GET", path))[:2] == (404, "group_not_found")
    assert await crowd.members(group) == {"ben": ("member", "manual")}


async def test_for_everybody_else_a_group_answers_as_unknown(crowd: Crowd) -> None:
    group = await crowd.group("Team", "ann")
    await crowd.add("out")
    ann, out = crowd.ids["ann"], crowd.ids["out"]
    for method, tail, body in (
        ("GET", "", None),
        ("PUT", "", {"description": "x"}),
        ("DELETE", "", None),
        ("POST", "/members", {"user_ids": [out]}),
        ("POST", "/members", {"user_ids": [out], "role": "manager"}),
        ("DELETE", f"/members/{ann}", None),
        ("DELETE", f"/members/{out}", None),
    ):
        seen = await crowd.call("out", method, f"/api/groups/{group}{tail}", body)
        assert seen == await crowd.call("out", method, f"/api/groups/{UNKNOWN}{tail}", body)
        assert seen[:2] == ((403, "forbidden") if (method, tail) == ("DELETE", "") else (404, "group_not_found"))
    assert await crowd.members(group) == {"ann": ("member", "manual")}


async def test_removing_somebody_who_does_not_belong_is_refused(crowd: Crowd) -> None:
    group = await crowd.group("Team", managers=("boss",))
    await crowd.add("out")
    for user_id in (crowd.ids["out"], "0" * 32):
        for name in ("admin", "boss"):
            answer = await crowd.call(name, "DELETE", f"/api/groups/{group}/members/{user_id}")
            assert answer[:2] == (404, "user_not_found")
    answer = await crowd.call("admin", "DELETE", f"/api/groups/{UNKNOWN}/members/{crowd.ids['out']}")
    assert answer[:2] == (404, "group_not_found")


async def test_a_deleted_person_belongs_nowhere(crowd: Crowd) -> None:
    group = await crowd.group("Team", "ann", "ben")
    async with crowd.house.services.database.write() as db:
        await db.execute(delete(UserRow).where(UserRow.user_id == crowd.ids["ann"]))
    data = await crowd.get("ben", f"/api/groups/{group}")
    assert ([member["username"] for member in data["members"]], data["member_count"]) == (["ben"], 1)


async def test_every_change_is_written_down_with_who_made_it(crowd: Crowd) -> None:
    group = await crowd.group("Team", managers=("boss",))
    ann, boss = (await crowd.add("ann"))[0], crowd.ids["boss"]
    path = f"/api/groups/{group}"
    await crowd.call("boss", "POST", path + "/members", {"user_ids": [ann]})
    await crowd.call("boss", "PUT", path, {"description": "ours"})
    await crowd.call("boss", "PUT", path, {"description": "ours"})
    await crowd.call("admin", "POST", path + "/members", {"user_ids": [ann], "role": "manager"})
    await crowd.call("ann", "DELETE", f"{path}/members/{ann}")
    await crowd.call("admin", "DELETE", path)
    async with crowd.house.services.database.read() as db:
        rows = (await db.scalars(select(AuditRow).where(AuditRow.action.like("group.%")).order_by(AuditRow.seq))).all()
    admin = (await crowd.get("admin", "/api/auth/session"))["user"]["userid"]
    assert [(row.action, row.actor_user_id, json_text.loads(row.stored)["detail"]) for row in rows] == [
        ("group.created", admin, {"name": "Team"}),
        ("group.member_added", admin, {"user_id": boss, "role": "manager", "source": "manual"}),
        ("group.member_added", boss, {"user_id": ann, "role": "member", "source": "manual"}),
        ("group.updated", boss, {"description": {"old": "", "new": "ours"}}),
        ("group.updated", admin, {"user_id": ann, "role": {"old": "member", "new": "manager"}}),
        ("group.member_removed", ann, {"user_id": ann}),
        ("group.deleted", admin, {"name": "Team"}),
    ]
