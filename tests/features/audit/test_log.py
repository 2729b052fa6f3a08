"""What the audit log holds and who reads it (platform.md 7.3)."""

from typing import Any

import httpx2
import pytest

from clary.features.audit.service import ANONYMOUS, SYSTEM, Act, Actor, AuditObject, Filters
from clary.http.paging import Page
from clary.kit import json_text
from support.house import ADMIN_PASSWORD, PASSWORD, House, bearer, login

pytestmark = pytest.mark.anyio

PAGE = Page(1, 100)


async def entries(house: House, query: str = "", **headers: str) -> list[dict[str, Any]]:
    """Entries as an admin reads them, newest first."""
    async with house.browser(**headers) as admin:
        await login(admin, "admin", ADMIN_PASSWORD)
        answer = (await admin.get(f"/api/audit?page_size=200&{query}")).json()
    assert answer["code"] == 200, answer
    return answer["data"]["items"]


async def test_a_sign_in_is_an_entry_with_who_where_and_how(house: House) -> None:
    user_id = await house.make_user("pia")
    async with house.browser("198.51.100.4", **{"User-Agent": "Firefox"}) as client:
        await login(client, "pia")
    (entry,) = await entries(house, f"user_id={user_id}")
    assert {key: entry[key] for key in entry if key not in ("hash", "prev_hash", "seq", "request_id")} == {
        "at": "2026-01-02T03:04:05.000000Z",
        "actor": {"kind": "user", "user_id": user_id, "username": "pia"},
        "action": "auth.login",
        "outcome": "success",
        "object": {"type": "user", "id": user_id, "owner_id": user_id},
        "address": "198.51.100.4",
        "user_agent": "Firefox",
        "detail": {"method": "password"},
    }
    assert len(entry["request_id"]) == 32


async def test_each_filter_leaves_what_it_names(house: House) -> None:
    user_id = await house.make_user("pia")
    async with house.browser("198.51.100.4") as client:
        await client.post("/api/auth/login", json={"username_or_email": "pia", "password": "wrong-wrong"})
        house.clock.move(seconds=60)
        await login(client, "pia")
    names = {
        query: [entry["action"] for entry in await entries(house, query)]
        for query in (
            "address=198.51.100.4",
            "action=user.created&object_id=" + user_id,
            f"object_type=user&object_id={user_id}&action=auth.",
            "outcome=failed",
            "from=2026-01-02T03:05:00Z&address=198.51.100.4",
            "to=2026-01-02T03:05:00Z&address=198.51.100.4",
            "action=auth",
        )
    }
    assert list(names.values()) == [
        ["auth.login", "auth.login_failed"],
        ["user.created"],
        ["auth.login", "auth.login_failed"],
        ["auth.login_failed"],
        ["auth.login"],
        ["auth.login_failed"],
        [],
    ]


async def test_people_read_their_own_acts_only(house: House) -> None:
    await house.make_user("pia")
    async with house.browser() as client:
        headers = bearer(await login(client, "pia"))
        await client.put("/api/user/profile", json={"nickname": "P"}, headers=headers)
        own = (await client.get("/api/user/audit", headers=headers)).json()["data"]
    assert (own["total"], [entry["action"] for entry in own["items"]]) == (2, ["user.updated", "auth.login"])
    assert own["items"][0]["detail"] == {"nickname": {"old": None, "new": "P"}}


async def test_what_was_typed_at_a_failed_sign_in_is_kept_nowhere(house: House) -> None:
    async with house.browser() as client:
        await client.post("/api/auth/login", json={"username_or_email": "My-Secret-1", "password": "My-Secret-2"})
    async with house.services.database.read() as db:
        rows = (await house.services.identity.audit_reading.list_page(db, page=PAGE, filters=Filters()))["items"]
    assert "My-Secret" not in repr(rows)
    (failed,) = [row for row in rows if row["action"] == "auth.login_failed"]
    assert (failed["actor"]["kind"], failed["object"], failed["outcome"]) == ("anonymous", None, "failed")


async def test_more_than_ten_equal_failures_in_a_minute_become_one_entry_with_their_number(house: House) -> None:
    audit = house.services.identity.audit
    for number in range(25):
        await audit.record_refusal(Act("auth.login_failed", ANONYMOUS, outcome="failed", detail={"n": number}))
    await audit.tend()
    assert len(await entries(house, "action=auth.login_failed")) == 10
    house.clock.move(seconds=61)
    await audit.tend()
    await audit.tend()
    found = await entries(house, "action=auth.login_failed")
    assert [len(found), found[0]["detail"]["count"]] == [11, 15]


async def test_what_is_joined_when_the_process_ends_is_written(house: House) -> None:
    audit = house.services.identity.audit
    for _ in range(12):
        await audit.record_refusal(Act("key.refused", ANONYMOUS, outcome="denied"))
    await audit.tend(is_last=True)
    assert (await entries(house, "action=key.refused"))[0]["detail"] == {"count": 2}


async def test_an_act_that_is_rolled_back_leaves_no_entry_and_no_gap(house: House) -> None:
    audit, database = house.services.identity.audit, house.services.database

    async def fail() -> None:
        async with database.write() as db:
            await audit.record(db, Act("settings.updated", SYSTEM))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await fail()
    async with database.write() as db:
        await audit.record(db, Act("settings.updated", SYSTEM, detail={"kept": True}))
    found = await entries(house)
    assert [entry["seq"] for entry in found] == list(range(len(found), 0, -1))
    assert [entry["detail"] for entry in found if entry["action"] == "settings.updated"] == [{"kept": True}]


async def test_a_detail_that_is_too_large_names_its_keys_only(house: House) -> None:
    async with house.services.database.write() as db:
        await house.services.identity.audit.record(db, Act("settings.updated", SYSTEM, detail={"text": "x" * 9000}))
    (entry,) = await entries(house, "action=settings.updated")
    assert entry["detail"] == {"too_large": ["text"]}


async def test_the_same_reading_of_the_same_object_is_written_once_an_hour(house: House) -> None:
    audit = house.services.identity.audit
    admin = Act("admin.read", Actor("user", "u1", "root"), AuditObject("agent", "agent_1", "u2"))
    for _ in range(3):
        await audit.record_once(admin)
    house.clock.move(minutes=61)
    await audit.record_once(admin)
    assert len(await entries(house, "action=admin.read")) == 2


async def test_an_admin_who_looks_at_things_of_others_is_noted_and_at_own_things_not(house: House) -> None:
    pia = await house.make_user("pia")
    made: dict[str, str] = {}
    for name in ("pia", "admin"):
        async with house.browser() as client:
            headers = bearer(await login(client, name, ADMIN_PASSWORD if name == "admin" else PASSWORD))
            agent = await client.post("/api/agent/create", json={"name": "a"}, headers=headers)
            made[name] = agent.json()["data"]["agent_id"]
            body = {"messages": [{"role": "user", "content": "x"}], "session_id": f"s-{name}"}
            chat = await client.post("/api/stream", json=body, headers=headers)
            made[f"run of {name}"] = chat.headers["x-clary-run-id"]
    async with house.browser() as admin:
        headers = bearer(await login(admin, "admin", ADMIN_PASSWORD))
        for name in ("pia", "admin", "pia"):
            await admin.get(f"/api/agent/{made[name]}", headers=headers)
            await admin.get(f"/api/conversations/s-{name}/messages", headers=headers)
            await admin.get(f"/api/sessions/s-{name}/download", headers=headers)
            await admin.get(f"/api/runs/{made[f'run of {name}']}", headers=headers)
    found = [(entry["object"]["type"], entry["object"]["id"]) for entry in await entries(house, "action=admin.read")]
    assert sorted(found) == [("agent", made["pia"]), ("conversation", "s-pia"), ("run", made["run of pia"])]
    assert {entry["object"]["owner_id"] for entry in await entries(house, "action=admin.read")} == {pia}


async def test_an_export_is_complete_in_order_ends_with_the_head_and_is_an_entry_itself(house: House) -> None:
    await house.make_user("pia", email="pia@example.com")
    async with house.browser() as admin:
        await login(admin, "admin", ADMIN_PASSWORD)
        clear, stored = await admin.get("/api/audit/export"), await admin.get("/api/audit/export?form=stored")
    assert clear.headers["content-type"].startswith("application/x-ndjson")
    assert clear.headers["content-disposition"].startswith("attachment")
    lines, raw = lines_of(clear), lines_of(stored)
    assert [line["seq"] for line in lines[:-1]] == list(range(1, len(lines)))
    assert (lines[-2]["action"], lines[-1]) == (
        "audit.exported",
        {"head": {"seq": lines[-2]["seq"], "hash": lines[-2]["hash"]}},
    )
    assert "pia@example.com" in clear.text
    assert "pia" not in stored.text
    assert [line["hash"] for line in raw[: len(lines) - 1]] == [line["hash"] for line in lines[:-1]]


def lines_of(answer: httpx2.Response) -> list[dict[str, Any]]:
    """The lines of an export."""
    return [json_text.loads(line) for line in answer.text.splitlines()]
