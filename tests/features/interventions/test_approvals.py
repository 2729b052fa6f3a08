"""A person's word on calls (stream-runtime.md 9.13, 10.6, 12 A10)."""

import asyncio
from typing import Any

import pytest

from clary.features.interventions.ports import Due
from clary.features.interventions.service import resolve_approval
from features.interventions.world import APPROVAL, HASH, KEY, Held
from support.house import ADMIN_PASSWORD, login

pytestmark = pytest.mark.anyio

PATH = "/api/sandbox/approval"
AUDIT = "/api/sandbox/approval/audit?session_id=s1"


def word(decision: str = "approve", **more: Any) -> dict[str, Any]:
    return {"session_id": "s1", "approval_id": APPROVAL, "decision": decision, **more}


def refusal(answer: Any) -> tuple[int, int, str, str]:
    body = answer.json()
    return answer.status_code, body["code"], body["error_detail"], body["message"]


@pytest.mark.parametrize(("decision", "status"), [("approve", "approved"), ("deny", "denied")])
async def test_a_decision_counts_once_is_audited_and_wakes_the_run(held: Held, decision: str, status: str) -> None:
    await held.ask_to_approve()
    done = await held.chat.alice.data("POST", PATH, word(decision, command_hash=HASH))
    again = await held.chat.alice.call("POST", PATH, word("approve"), accept_language="en")
    items = (await held.chat.alice.data("GET", AUDIT))["items"]
    row = await held.kept.find_approval(run_id=held.run_id, tool_call_id="call_2")
    async with held.chat.house.browser() as admin:
        await login(admin, "admin", ADMIN_PASSWORD)
        acts = (await admin.get("/api/audit?action=approval.decided")).json()["data"]["items"]
        seen = (await admin.get(AUDIT)).json()["data"]["items"]
    assert done == {"success": True, "status": status}
    assert refusal(again) == (200, 409, "approval_decided", f"Already decided: {status}")
    moment = "2026-01-02T03:04:05.000000Z"
    shown = {"approval_id": APPROVAL, "tool_name": "file_write", "category": "write", "command_hash": HASH}
    assert items == [
        {**shown, "decision": decision, "decided_by": held.chat.alice.user_id}
        | {"requested_at": moment, "decided_at": moment}
    ]
    assert seen == items
    assert row is not None
    assert (row.decision, held.waking.woken) == (decision, [held.run_id])
    assert [(act["action"], act["object"]["id"], act["detail"]["decision"]) for act in acts] == [
        ("approval.decided", APPROVAL, decision)
    ]


async def test_other_arguments_other_people_and_other_sessions_are_refused(held: Held) -> None:
    await held.ask_to_approve()
    bob = await held.chat.person("bob")
    await bob.say("hello")
    alice = held.chat.alice
    unknown = (200, 404, "approval_not_found", "审批不存在")
    assert refusal(await alice.call("POST", PATH, word(command_hash="0" * 64))) == (
        200,
        409,
        "approval_mismatch",
        "待审批的内容已变化",
    )
    assert refusal(await bob.call("POST", PATH, word())) == unknown
    assert refusal(await alice.call("POST", PATH, {**word(), "approval_id": "none"})) == unknown
    assert refusal(await alice.call("POST", PATH, {**word(), "session_id": "s2"})) == unknown
    assert (await bob.data("GET", AUDIT))["items"] == []
    async with held.chat.house.browser() as admin:
        await login(admin, "admin", ADMIN_PASSWORD)
        assert refusal(await admin.post(PATH, json=word())) == unknown
    assert (held.waking.woken, (await alice.data("GET", AUDIT))["items"][0]["decision"]) == ([], None)


async def test_of_twenty_decisions_at_once_one_counts(held: Held) -> None:
    await held.ask_to_approve()
    answers = await asyncio.gather(*(held.chat.alice.call("POST", PATH, word()) for _ in range(20)))
    assert sorted(answer.json()["code"] for answer in answers) == [200] + [409] * 19
    assert held.waking.woken == [held.run_id]


async def test_when_the_time_is_over_it_is_expired_and_nobody_approves_it(held: Held) -> None:
    await held.ask_to_approve()
    held.chat.house.clock.move(seconds=600)
    due = await held.kept.list_due(now=held.now)
    late = await held.chat.alice.call("POST", PATH, word())
    closed = [await held.write(lambda line: resolve_approval(line, APPROVAL, "expired", held.now)) for _ in range(2)]
    items = (await held.chat.alice.data("GET", AUDIT))["items"]
    assert due == [Due("approval", APPROVAL, held.run_id)]
    assert refusal(late) == (200, 409, "approval_decided", "审批已结束: expired")
    assert (closed, items[0]["decision"], items[0]["decided_by"]) == ([True, False], "expired", None)
    assert await held.kept.list_due(now=held.now) == []


async def test_when_the_run_has_ended_it_is_expired(held: Held) -> None:
    await held.ask_to_approve()
    await held.stop()
    assert refusal(await held.chat.alice.call("POST", PATH, word()))[1:3] == (409, "approval_decided")


@pytest.mark.parametrize(("answers", "decision"), [({"note": "", "color": "red"}, "deny"), ({}, "deny")])
async def test_an_answer_to_a_questionnaire_decides_the_approval_it_stands_for(
    held: Held, answers: dict[str, str], decision: str
) -> None:
    await held.ask_to_approve()
    await held.ask(approval_id=APPROVAL)
    await held.chat.alice.data("POST", f"/api/questionnaires/{KEY}/submit", {"answers": answers})
    items = (await held.chat.alice.data("GET", AUDIT))["items"]
    assert (items[0]["decision"], items[0]["decided_by"]) == (decision, held.chat.alice.user_id)
