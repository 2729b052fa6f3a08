"""Deleting a user (platform.md 4.8)."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select

from clary.db.columns import Row
from clary.features.accounts.ports import Heir
from clary.features.accounts.service import UserDeletion
from clary.features.audit.service import CLI
from support.crowd import Answer, Crowd
from support.house import House, house_in

pytestmark = pytest.mark.anyio

HELLO = {"messages": [{"role": "user", "content": "private words"}], "session_id": "s1"}


class Things:
    """Somebody who keeps things, and may be told to fail or to take long."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, Heir]] = []
        self.is_broken = False
        self.gate = asyncio.Event()
        self.gate.set()

    async def let_go(self, *, user_id: str, heir: Heir) -> dict[str, int]:
        self.asked.append((user_id, heir))
        await self.gate.wait()
        if self.is_broken:
            raise OSError
        return {"things_deleted": 2}


def with_things(house: House) -> tuple[UserDeletion, Things]:
    """The deletion of a house in which one slice keeps things."""
    deletion, things = house.services.identity.deletion, Things()
    deletion.set_things((things,))
    return deletion, things


async def delete(crowd: Crowd, user_id: str, **fields: Any) -> Answer:
    """An administrator deletes a user."""
    return await crowd.call("admin", "POST", "/api/user/delete", {"user_id": user_id, **fields})


async def rows_about(house: House, *values: str) -> dict[str, int]:
    """Table → rows that hold one of some texts in any column."""
    found: dict[str, int] = {}
    async with house.services.database.read() as db:
        for table in Row.metadata.sorted_tables:
            for row in (await db.execute(select(table))).all():
                if any(value in str(each) for value in values for each in row):
                    found[table.name] = found.get(table.name, 0) + 1
    return found


async def test_nothing_of_a_deleted_user_is_left_but_entries_without_a_name(crowd: Crowd) -> None:
    (pia,) = await crowd.add("pia", email="pia@example.com")
    client = await crowd.client("pia")
    await client.post("/api/user/config", json={"config": {"a": 1}})
    await client.post("/api/chat", json=HELLO)
    await client.post(
        "/api/llm-provider/create", json={"base_url": "https://a.com", "api_keys": ["k" * 9], "model": "m"}
    )
    await crowd.group("Team", "pia")
    assert await delete(crowd, pia) == (200, None, {})
    assert (await crowd.call("pia", "GET", "/api/auth/session"))[0] == 401
    left = await rows_about(crowd.house, "pia", "private words")
    assert left == {}
    # Who did it and when stays; a ledger of costs belongs to the server.
    about_id = await rows_about(crowd.house, pia)
    assert set(about_id) <= {"audit_log", "usage_ledger"}
    assert (await crowd.house.services.identity.audit_reading.verify())["ok"] is True


async def test_the_name_is_free_when_everything_is_gone(crowd: Crowd) -> None:
    (pia,) = await crowd.add("pia")
    await delete(crowd, pia)
    assert (await crowd.add("pia"))[0] != pia


async def test_progress_is_written_down(crowd: Crowd) -> None:
    with_things(crowd.house)
    (pia,) = await crowd.add("pia")
    await delete(crowd, pia)
    entries = (await crowd.get("admin", f"/api/audit?action=user.deleted&object_id={pia}"))["items"][::-1]
    admin = (await crowd.get("admin", "/api/auth/session"))["user"]["userid"]
    assert [(entry["actor"]["kind"], entry["detail"]) for entry in entries] == [
        ("user", {"step": "begun", "objects": "delete", "transfer_to": admin}),
        ("system", {"step": "things", "things_deleted": 2}),
        ("system", {"step": "done"}),
    ]


async def test_who_may_not_be_deleted_and_who_may_not_inherit(crowd: Crowd) -> None:
    pia, max_, off = await crowd.add("pia", "max", "off")
    (root,) = await crowd.add("root", role="admin")
    await crowd.call("admin", "POST", "/api/user/update", {"user_id": off, "disabled": True})
    admin = (await crowd.get("admin", "/api/auth/session"))["user"]["userid"]
    answers = [
        await delete(crowd, root),
        await delete(crowd, admin),
        await delete(crowd, "0" * 32),
        await delete(crowd, pia, objects="transfer"),
        await delete(crowd, pia, objects="transfer", transfer_to="0" * 32),
        await delete(crowd, pia, objects="transfer", transfer_to=off),
        await delete(crowd, pia, objects="transfer", transfer_to=pia),
        await delete(crowd, pia, objects="keep"),
    ]
    assert [slug for _, slug, _ in answers] == [
        "admin_protected",
        "admin_protected",
        "user_not_found",
        *["validation_error"] * 5,
    ]
    assert (await crowd.call("pia", "GET", "/api/auth/session"))[0] == 200
    assert (await crowd.call("max", "GET", "/api/auth/session"))[0] == 200
    assert max_ in [each["user_id"] for each in (await crowd.get("admin", "/api/user/list"))["items"]]


@pytest.mark.parametrize("mode", ["delete", "transfer", "delete_all"])
async def test_each_way_names_who_inherits(crowd: Crowd, mode: Any) -> None:
    _, things = with_things(crowd.house)
    pia, max_ = await crowd.add("pia", "max")
    admin = (await crowd.get("admin", "/api/auth/session"))["user"]["userid"]
    await delete(crowd, pia, objects=mode, transfer_to=max_)
    wanted = {"delete": admin, "transfer": max_, "delete_all": None}[mode]
    assert things.asked == [(pia, Heir(mode, wanted))]


async def test_a_large_account_is_locked_out_at_once_and_goes_in_the_background(
    crowd: Crowd, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("clary.features.accounts.deletion.ANSWER_SECONDS", 0.1)
    deletion, things = with_things(crowd.house)
    (pia,) = await crowd.add("pia")
    await crowd.get("pia", "/api/auth/session")
    things.gate.clear()
    assert await delete(crowd, pia) == (200, None, {})
    assert (await crowd.call("pia", "GET", "/api/auth/session"))[0] == 401
    listed = {each["user_id"]: each["status"] for each in (await crowd.get("admin", "/api/user/list"))["items"]}
    assert listed[pia] == "disabled"
    things.gate.set()
    await deletion.finish()
    assert pia not in [each["user_id"] for each in (await crowd.get("admin", "/api/user/list"))["items"]]


async def test_a_deletion_that_a_fault_or_a_stop_cut_goes_on_later(tmp_path: Path) -> None:
    async with house_in(tmp_path) as house:
        deletion, things = with_things(house)
        user_id = await house.make_user("pia")
        things.is_broken = True
        await deletion.delete(user_id=user_id, mode="delete", transfer_to=None, by=CLI)
        async with house.browser() as client:
            answer = await client.post(
                "/api/auth/login", json={"username_or_email": "pia", "password": "Some-Person-4711"}
            )
        assert answer.json()["error_detail"] == "account_disabled"
    async with house_in(tmp_path) as house:
        await house.services.identity.deletion.finish()
        async with house.services.database.read() as db:
            left = await db.scalar(select(func.count()).select_from(Row.metadata.tables["users"]))
    assert left == 1


async def test_disabling_stops_what_runs(crowd: Crowd) -> None:
    (pia,) = await crowd.add("pia")
    stopped: list[str] = []

    class Stopper:
        async def stop_runs_of(self, user_id: str) -> None:
            stopped.append(user_id)

    crowd.house.services.user_administration.stop_runs_with(Stopper())
    await crowd.call("admin", "POST", "/api/user/update", {"user_id": pia, "disabled": True})
    await crowd.call("admin", "POST", "/api/user/update", {"user_id": pia, "disabled": False})
    assert stopped == [pia]
