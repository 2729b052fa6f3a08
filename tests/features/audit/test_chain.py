"""The chain: what was changed, removed, swapped or cut shows, erasing a person does not break it (platform.md 7.3)."""

import asyncio
import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from clary.features.audit.policy import canonical
from clary.features.audit.service import SYSTEM, Act, Actor, AuditObject, Filters, Head, walk_export
from support.house import ADMIN_PASSWORD, House, bearer, house_in, login

pytestmark = pytest.mark.anyio


async def fill(house: House, count: int = 8) -> None:
    """Entries of somebody called pia, after those of the start."""
    async with house.services.database.write() as db:
        for number in range(count):
            await house.services.identity.audit.record(
                db,
                Act(
                    "settings.updated",
                    Actor("user", "u1", "pia"),
                    AuditObject("user", "u1"),
                    detail={"number": number, "email": "pia@example.com"},
                    person=frozenset({"email"}),
                ),
            )


async def verify(house: House, **body: Any) -> dict[str, Any]:
    """The answer of the endpoint, without the number of entries."""
    async with house.browser() as admin:
        headers = bearer(await login(admin, "admin", ADMIN_PASSWORD))
        answer = (await admin.post("/api/audit/verify", json=body, headers=headers)).json()
    assert answer["code"] == 200, answer
    return answer["data"]


async def run(house: House, *statements: str) -> None:
    """Changes the rows as somebody with a copy of the file would."""
    async with house.services.database.write() as db:
        for statement in statements:
            await db.execute(text(statement))


async def exported(house: House, form: Any = "stored") -> list[dict[str, Any]]:
    """The lines of an export."""
    portions = [each async for each in house.services.identity.audit_reading.export(filters=Filters(), form=form)]
    return [json.loads(line) for line in b"".join(portions).splitlines()]


async def test_an_untouched_log_is_intact_and_names_its_head(house: House) -> None:
    await fill(house)
    found = await verify(house)
    async with house.services.database.read() as db:
        head = await house.services.identity.audit_reading.head(db)
    assert found == {
        "ok": True,
        "entries": head.seq,
        "first_seq": 1,
        "head": {"seq": head.seq, "hash": head.hash},
        "broken_at": None,
        "reason": None,
    }
    assert (await verify(house, from_seq=4, head={"seq": head.seq, "hash": head.hash}))["first_seq"] == 4


@pytest.mark.parametrize(
    ("statements", "broken"),
    [
        (["UPDATE audit_log SET action = 'auth.login' WHERE seq = 5"], (5, "hash")),
        (["UPDATE audit_log SET at = '2020-01-01 00:00:00' WHERE seq = 5"], (5, "hash")),
        (["UPDATE audit_log SET stored = replace(stored, 'number', 'numbex') WHERE seq = 5"], (5, "hash")),
        (["UPDATE audit_log SET stored = 'x' WHERE seq = 5"], (5, "hash")),
        (["UPDATE audit_people SET value = '\"eve\"' WHERE seq = 5 AND field = 'actor.username'"], (5, "hash")),
        (["DELETE FROM audit_log WHERE seq = 5"], (5, "gap")),
        (["DELETE FROM audit_log WHERE seq < 5"], (1, "gap")),
        (["DELETE FROM audit_log WHERE seq > 5"], (6, "head")),
        (["DELETE FROM audit_log"], (1, "head")),
        (["DELETE FROM audit_head"], (1, "head")),
        (
            [
                "UPDATE audit_log SET seq = 100 WHERE seq = 5",
                "UPDATE audit_log SET seq = 5 WHERE seq = 6",
                "UPDATE audit_log SET seq = 6 WHERE seq = 100",
            ],
            (5, "hash"),
        ),
    ],
)
async def test_the_first_entry_that_was_tampered_with_is_named(
    house: House, statements: Sequence[str], broken: tuple[int, str]
) -> None:
    await fill(house)
    await run(house, *statements)
    found = await house.services.identity.audit_reading.verify()
    assert (found["ok"], found["broken_at"], found["reason"]) == (False, *broken)


async def test_a_tail_cut_with_its_head_shows_against_a_noted_head(house: House) -> None:
    await fill(house)
    lines = await exported(house)
    noted = lines[-1]["head"]
    await run(
        house,
        "DELETE FROM audit_log WHERE seq > 5",
        f"UPDATE audit_head SET seq = 5, hash = '{lines[4]['hash']}'",
    )
    reading = house.services.identity.audit_reading
    assert (await reading.verify())["ok"] is True
    found = await reading.verify(expected=Head(noted["seq"], noted["hash"]))
    assert (found["broken_at"], found["reason"]) == (6, "head")


async def test_a_rewritten_chain_shows_against_a_noted_head(house: House) -> None:
    await fill(house)
    found = await verify(house, head={"seq": 5, "hash": "0" * 64})
    assert (found["broken_at"], found["reason"]) == (5, "head")


async def test_many_writers_at_once_leave_no_gap(house: House) -> None:
    audit, database = house.services.identity.audit, house.services.database

    async def write(number: int) -> None:
        async with database.write() as db:
            await audit.record(db, Act("settings.updated", SYSTEM, detail={"number": number}))

    await asyncio.gather(*(write(number) for number in range(20)))
    found = await audit_state(house)
    assert (found["ok"], found["entries"]) == (True, found["head"]["seq"])


async def audit_state(house: House) -> dict[str, Any]:
    """The outcome of a walk without a request."""
    return await house.services.identity.audit_reading.verify()


async def test_an_erased_person_is_unreadable_and_the_chain_is_intact(house: House) -> None:
    await fill(house)
    async with house.services.database.write() as db:
        await house.services.identity.audit.erase_person(db, user_id="u1")
    assert (await audit_state(house))["ok"] is True
    entry = next(line for line in await exported(house, "clear") if line.get("action") == "settings.updated")
    assert entry["erased"] is True
    assert (entry["actor"], entry["detail"]) == (
        {"kind": "user", "user_id": "u1", "username": None},
        {"number": 0, "email": None},
    )
    assert "pia" not in json.dumps(await exported(house))


async def test_an_export_in_stored_form_can_be_verified_elsewhere_by_the_rule_alone(house: House) -> None:
    await fill(house)
    *lines, end = await exported(house)
    before = "0" * 64
    for line in lines:
        rest = {key: value for key, value in line.items() if key != "hash"}
        plain = json.dumps(rest, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
        assert (line["prev_hash"], line["hash"]) == (before, hashlib.sha256(plain).hexdigest())
        before = line["hash"]
    assert end == {"head": {"seq": lines[-1]["seq"], "hash": before}}
    assert walk_export([*lines, end]).answer()["ok"] is True
    assert walk_export([*lines[:3], *lines[4:], end]).answer()["broken_at"] == 4
    assert walk_export(lines[:-1], Head(lines[-1]["seq"], before)).answer()["reason"] == "head"


async def test_old_entries_go_from_the_front_only_and_the_rest_still_verifies(tmp_path: Path) -> None:
    async with house_in(tmp_path, audit_days=10) as house:
        await fill(house)
        old = (await audit_state(house))["head"]
        house.clock.move(days=11)
        await fill(house, 3)
        await house.services.identity.audit.tend()
        found = await audit_state(house)
        assert (found["ok"], found["first_seq"], found["entries"]) == (True, old["seq"] + 1, 4)
        lines = await exported(house, "clear")
        assert (lines[-2]["action"], lines[-2]["detail"]) == ("audit.pruned", {"removed": old["seq"]})
        await run(house, f"DELETE FROM audit_log WHERE seq = {old['seq'] + 1}")
        assert (await audit_state(house))["broken_at"] == old["seq"] + 1


@pytest.mark.parametrize(
    ("value", "wanted"),
    [
        ({"b": 1, "a": [True, None, 'é\n"']}, '{"a":[true,null,"é\\n\\""],"b":1}'),
        ({"\U0001f600": 1, "\ufb33": 2}, '{"\U0001f600":1,"\ufb33":2}'),
        ([1.0, 1.5, 0.1], "[1,1.5,0.1]"),
    ],
)
def test_canonical_json_sorts_by_utf16_and_shortens_numbers(value: Any, wanted: str) -> None:
    assert canonical(value).decode() == wanted
