"""How files go: deleted, with their owner, or because nothing points to them (platform.md 4.8, 10.2; 7.3)."""

import json
import os
from pathlib import Path
from typing import Any

import pytest
from anyio import fail_after, sleep

from clary.features.files.tables import LooseContentRow
from features.files.desk import Desk
from support.house import ADMIN_PASSWORD, login

pytestmark = pytest.mark.anyio


async def test_the_owner_and_admins_delete_and_nobody_else(desk: Desk) -> None:
    first, second = await desk.keep("ann", b"1"), await desk.keep("ann", b"2")
    refused, unknown = await desk.delete("bob", first["key"]), await desk.delete("bob", "none")
    assert refused | {"timestamp": 0, "request_id": ""} == unknown | {"timestamp": 0, "request_id": ""}
    assert (refused["code"], refused["error_detail"], refused["message"]) == (404, "file_not_found", "File not found")
    assert (await desk.delete("ann", first["key"]))["data"] == {}
    assert (await desk.delete("admin", second["key"]))["data"] == {}
    assert (await desk.delete("ann", first["key"]))["code"] == 404
    assert (await desk.rows(), desk.contents(), await desk.loose()) == ([], [], 0)


async def test_release_files_are_deleted_by_admins_even_when_who_brought_them_is_none_any_more(desk: Desk) -> None:
    await desk.as_("ann")
    ann = await desk.id_of("ann")
    async with desk.house.browser() as admin:
        await login(admin, "admin", ADMIN_PASSWORD)
        for role in ("admin", "user"):
            assert (await admin.post("/api/user/update", json={"user_id": ann, "role": role})).json()["code"] == 200
            if role == "admin":
                desk.house.clock.move(seconds=2)
                await desk.keep("ann", b"MZ", path="bundle/a.exe")
    desk.house.clock.move(seconds=2)
    assert (await desk.delete("ann", "bundle/a.exe"))["error_detail"] in ("file_not_found", "unauthenticated")
    assert (await desk.delete("admin", "bundle/a.exe"))["code"] == 200


async def test_what_happens_to_files_is_written_down(desk: Desk) -> None:
    made = await desk.keep("ann", b"1", path="a.txt")
    await desk.keep("ann", b"2", path="a.txt")
    await desk.delete("admin", made["key"])
    entries = (await (await desk.as_("admin")).get("/api/audit?action=file.")).json()["data"]["items"]
    assert [(each["action"], each["actor"]["username"]) for each in entries] == [
        ("file.deleted", "admin"),
        ("file.updated", "ann"),
        ("file.created", "ann"),
    ]
    assert {each["object"]["owner_id"] for each in entries} == {await desk.id_of("ann")}
    assert made["url"].partition("?s=")[2] not in json.dumps(entries)


async def until_gone(desk: Desk, name: str) -> None:
    """Waits for the end of a deletion."""
    with fail_after(30):
        while True:
            users = (await (await desk.as_("admin")).get(f"/api/user/list?q={name}")).json()["data"]["items"]
            if not users:
                return
            await sleep(0.02)


async def leave(desk: Desk, name: str, **more: Any) -> None:
    """Deletes somebody and waits."""
    body = {"user_id": await desk.id_of(name), **more}
    answer = (await (await desk.as_("admin")).post("/api/user/delete", json=body)).json()
    assert answer["code"] == 200, answer
    await until_gone(desk, name)


async def test_files_go_with_their_owner_and_release_files_stay(desk: Desk) -> None:
    made, kept = await desk.keep("ann", b"1"), await desk.keep("bob", b"2")
    await desk.keep("ann", b"3", path="a.txt")
    await desk.keep("admin", b"MZ", path="bundle/a.exe")
    await leave(desk, "ann")
    assert await desk.rows() == sorted(["bundle/a.exe", kept["key"]])
    assert (len(desk.contents()), await desk.loose()) == (2, 0)
    assert (await desk.get("", made["url"])).status_code == 404


async def test_an_heir_gets_the_files_and_their_addresses_stay(desk: Desk) -> None:
    made = await desk.keep("ann", b"1", path="a.txt")
    await desk.as_("bob")
    await leave(desk, "ann", objects="transfer", transfer_to=await desk.id_of("bob"))
    assert (await desk.get("", made["url"])).content == b"1"
    assert (await desk.listed("bob"))["total"] == 1
    assert (await desk.delete("bob", made["key"]))["code"] == 200


async def test_the_sweep_takes_what_nothing_points_to_once_it_is_surely_loose(desk: Desk) -> None:
    await desk.keep("ann", b"1")
    objects = desk.house.services.settings.objects
    (objects / "aa").mkdir()
    (objects / "aa" / "left").write_bytes(b"x")
    async with desk.house.services.database.write() as db:
        db.add(LooseContentRow(blob="aa/left", since=desk.house.clock.now()))
    await desk.house.services.objects.sweep()
    assert (len(desk.contents()), await desk.loose()) == (2, 1)
    desk.house.clock.move(days=1, seconds=1)
    await desk.house.services.objects.sweep()
    assert (len(desk.contents()), await desk.loose()) == (1, 0)


async def test_the_sweep_takes_what_an_ended_process_left_on_its_way_in(desk: Desk) -> None:
    incoming: Path = desk.house.services.settings.objects / "incoming"
    incoming.mkdir(parents=True, exist_ok=True)
    for name, seconds in (("old", 0), ("new", 4_000_000_000)):
        (incoming / name).write_bytes(b"x")
        os.utime(incoming / name, (seconds, seconds))
    await desk.house.services.objects.sweep()
    assert [each.name for each in desk.contents()] == ["new"]
