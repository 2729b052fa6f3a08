"""What a person does while a run waits for them."""

import json

from clary.features.chat.waiting import PARK_SECONDS
from clary.features.runs.service import RunRepository
from features.chat.world import Chat, Json, Lines, until
from support.open_stream import OpenStream

APPROVAL = "/api/sandbox/approval"


async def lines_to(stream: OpenStream, kind: str) -> Lines:
    """Lines up to the first of a type."""
    found = [await stream.line()]
    while found[-1]["type"] != kind:
        found.append(await stream.line())
    return found


async def question(stream: OpenStream) -> Json:
    """Arguments of the next call of `questionnaire`."""
    while True:
        line = (await lines_to(stream, "tool_call"))[-1]
        function = line["tool_calls"][0]["function"]
        if function["name"] == "questionnaire":
            return {**json.loads(function["arguments"]), "call_id": line["tool_calls"][0]["id"]}


async def submit(chat: Chat, form: Json, answers: Json) -> None:
    """Alice answers a questionnaire."""
    answer = await chat.alice.call(
        "POST", f"/api/questionnaires/{form['questionnaire_id']}/submit", {"answers": answers}
    )
    assert (answer.status_code, answer.json()["data"]) == (200, {"success": True}), answer.text


async def decide(chat: Chat, line: Json, decision: str = "approve") -> Json:
    """Alice decides about a call."""
    body = {"session_id": line["session_id"], "approval_id": line["approval_id"], "decision": decision}
    return await chat.alice.data("POST", APPROVAL, {**body, "command_hash": line["command_hash"]})


async def parked(chat: Chat, run_id: str) -> None:
    """Returns once nothing of the run is left but its row: no worker, no lease."""

    async def is_parked() -> bool:
        # In small steps: a lease must not run out meanwhile.
        chat.house.clock.move(seconds=PARK_SECONDS / 20)
        async with chat.house.services.database.read() as db:
            run = await RunRepository(db).find(run_id)
        assert run is not None
        return run.waiting is not None and run.lease_expires_at is None

    await until(is_parked)


def told(lines: Lines) -> list[str]:
    """Types of lines, calls and results by name."""
    found: list[str] = []
    for line in lines:
        if line["type"] == "tool_call":
            found.append(f"call {line['tool_calls'][0]['function']['name']}")
        elif line["type"] == "tool_call_result":
            content = line["content"]
            failed = content.get("error_type") if isinstance(content, dict) else None
            found.append(f"result {failed or 'ok'}")
        else:
            found.append(line["type"])
    return found
