"""Answers to questionnaires (stream-runtime.md 9.12, 10.5, 11 C10)."""

import asyncio

import pytest

from clary.features.interventions.ports import Due
from clary.features.interventions.service import close_of_run, expire_questionnaire, result_of_questionnaire
from features.interventions.world import KEY, Held
from support.house import PASSWORD, login

pytestmark = pytest.mark.anyio

SUBMIT = f"/api/questionnaires/{KEY}/submit"
RESULTS = f"/api/questionnaires/{KEY}/results"


async def test_an_answer_by_cookie_is_stored_and_wakes_the_run(held: Held) -> None:
    await held.ask()
    before = await held.chat.alice.data("GET", RESULTS)
    body = {"answers": {"color": "red", "note": "Warm.", "other": "x"}, "title": "?", "questions": [], "wait_time": 1}
    async with held.chat.house.browser() as card:
        await login(card, "alice", PASSWORD)
        answer = await card.post(SUBMIT, json=body)
    after = await held.chat.alice.data("GET", RESULTS)
    row = await held.kept.find_questionnaire(run_id=held.run_id, tool_call_id="call_1")
    assert (answer.status_code, answer.json()["code"], answer.json()["data"]) == (200, 200, {"success": True})
    pending = {"questionnaire_id": KEY, "status": "pending", "answers": None, "submitted_at": None}
    assert before == {**pending, "is_auto_submit": False}
    assert after == {
        **before,
        "status": "submitted",
        "answers": {"color": "red", "note": "Warm."},
        "submitted_at": "2026-01-02T03:04:05.000000Z",
    }
    assert held.waking.woken == [held.run_id]
    assert row is not None
    assert result_of_questionnaire(row, "en") == {
        "success": True,
        "status": "submitted",
        "message": "The user submitted the questionnaire.",
        "answers": {"color": "red", "note": "Warm."},
        "questionnaire_id": KEY,
        "submitted_at": "2026-01-02T03:04:05.000000Z",
        "is_auto_submit": False,
        "questionnaire_kind": "general",
    }


async def test_questions_of_the_deepest_children_have_the_longest_ids(held: Held) -> None:
    session, call = "s" * 192, "c" * 160
    name = f"{session}__questionnaire__{call}"
    await held.ask(questionnaire_id=name, session_id=session, tool_call_id=call)
    await held.ask_to_approve(session_id=session, tool_call_id=call)
    found = await held.chat.alice.data("GET", f"/api/questionnaires/{name}/results")
    approval = await held.kept.find_approval(run_id=held.run_id, tool_call_id=call)
    assert (found["questionnaire_id"], found["status"]) == (name, "pending")
    assert approval is not None
    assert approval.session_id == session


async def test_refusals_have_real_statuses_and_say_why_in_detail(held: Held) -> None:
    await held.ask()
    bob = await held.chat.person("bob")
    good = {"answers": {"color": "red"}}
    refused = [
        await bob.call("POST", SUBMIT, good),
        await held.chat.alice.call("POST", "/api/questionnaires/none/submit", good),
        await bob.call("GET", RESULTS),
        await held.chat.alice.call("POST", SUBMIT, {"answers": {"color": "green"}}, accept_language="en"),
        await held.chat.alice.call("POST", SUBMIT, {"answers": {"note": "x" * 60}}, accept_language="en"),
        await held.chat.alice.call("POST", SUBMIT, {"answers": 1}),
    ]
    first = await held.chat.alice.call("POST", SUBMIT, good)
    second = await held.chat.alice.call("POST", SUBMIT, {"answers": {"color": "blue"}})
    said = [(each.status_code, each.json()["error_detail"], each.json()["detail"]) for each in [*refused, second]]
    assert said[:5] == [
        (404, "questionnaire_not_found", "问卷不存在"),
        (404, "questionnaire_not_found", "问卷不存在"),
        (404, "questionnaire_not_found", "问卷不存在"),
        (422, "validation_error", "Invalid request: answers.color: not one of the options"),
        (422, "validation_error", "Invalid request: answers.note: at most 50 characters"),
    ]
    assert (said[5][:2], said[6]) == ((422, "validation_error"), (409, "questionnaire_submitted", "问卷已提交"))
    assert first.status_code == 200
    assert (await held.chat.alice.data("GET", RESULTS))["answers"] == {"color": "red", "note": ""}


async def test_of_many_answers_at_once_one_wins(held: Held) -> None:
    await held.ask()
    calls = [held.chat.alice.call("POST", SUBMIT, {"answers": {"note": str(number)}}) for number in range(10)]
    answers = await asyncio.gather(*calls)
    won = [number for number, answer in enumerate(answers) if answer.status_code == 200]
    assert sorted(answer.status_code for answer in answers) == [200] + [409] * 9
    assert (await held.chat.alice.data("GET", RESULTS))["answers"]["note"] == str(won[0])
    assert held.waking.woken == [held.run_id]


async def test_after_the_deadline_the_defaults_count_and_nothing_else_is_taken(held: Held) -> None:
    await held.ask()
    held.chat.house.clock.move(seconds=70)
    due = await held.kept.list_due(now=held.now)
    late = await held.chat.alice.call("POST", SUBMIT, {"answers": {"color": "red"}})
    defaults = {"color": "blue", "note": ""}
    expired = [
        await held.write(lambda line: expire_questionnaire(line, held.run_id, "call_1", defaults, held.now))
        for _ in range(2)
    ]
    row = await held.kept.find_questionnaire(run_id=held.run_id, tool_call_id="call_1")
    assert row is not None
    result = result_of_questionnaire(row, "zh") or {}
    assert due == [Due("questionnaire", KEY, held.run_id)]
    assert (late.status_code, late.json()["detail"], expired) == (410, "问卷已过期", [True, False])
    assert (result["status"], result["answers"], result["is_auto_submit"]) == ("timeout", defaults, True)
    assert await held.kept.list_due(now=held.now) == []


async def test_without_a_deadline_it_never_falls_due(held: Held) -> None:
    await held.ask(wait_seconds=0, deadline=None)
    held.chat.house.clock.move(days=1)
    assert await held.kept.list_due(now=held.now) == []


async def test_the_end_of_the_run_closes_it(held: Held) -> None:
    await held.ask()
    await held.stop()
    by_state = await held.chat.alice.call("POST", SUBMIT, {"answers": {}})
    await held.write(lambda line: close_of_run(line, held.run_id, held.now))
    by_row = await held.chat.alice.call("POST", SUBMIT, {"answers": {}})
    assert (by_state.status_code, by_row.status_code) == (410, 410)
    assert (await held.chat.alice.data("GET", RESULTS))["status"] == "expired"
    assert held.waking.woken == []


async def test_two_people_may_hold_the_same_id_and_an_admin_names_one(held: Held) -> None:
    bob = await held.chat.person("bob")
    await held.ask()
    await held.ask(user_id=bob.user_id)
    await bob.call("POST", SUBMIT, {"answers": {"color": "red"}})
    admin = held.chat.house.browser()
    async with admin:
        await login(admin, "admin", "First-Admin-4711")
        ambiguous = await admin.get(RESULTS)
        named = await admin.get(f"{RESULTS}?user_id={bob.user_id}")
        foreign = await admin.post(SUBMIT, json={"answers": {}})
    assert (ambiguous.status_code, ambiguous.json()["error_detail"]) == (409, "session_ambiguous")
    assert (named.json()["data"]["status"], foreign.status_code) == ("submitted", 404)
    assert (await held.chat.alice.data("GET", RESULTS))["status"] == "pending"


async def test_a_deleted_conversation_takes_everything_with_it(held: Held) -> None:
    await held.ask()
    await held.ask_to_approve()
    key = await held.conversation_id()
    await held.chat.alice.data("POST", "/api/sessions/s1/inject-user-message", {"content": "more"})
    await held.chat.alice.data("DELETE", "/api/conversations/s1")
    assert (await held.chat.alice.call("GET", RESULTS)).status_code == 404
    assert await held.kept.find_approval(run_id=held.run_id, tool_call_id="call_2") is None
    assert await held.kept.pending_guidance(conversation_id=key) == []
