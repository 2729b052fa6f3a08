"""Scripts of agents that hand work to others, and what readers see of them."""

import json
from typing import Any

from clary.adapters.scripted_provider import Call, CallTools, Say, Step
from features.chat.world import Chat, Json, Lines

DELEGATE = "sys_delegate_task"


def task(agent_id: str, play: str, **more: Any) -> Json:
    """A task whose child follows a script."""
    return {"agent_id": agent_id, "task_name": play, "original_task": "report", "content": f"[[play:{play}]]", **more}


def delegate(*tasks: Json, call_id: str | None = None, text: str = "") -> CallTools:
    """A model that hands tasks on."""
    return CallTools([Call(DELEGATE, {"tasks": list(tasks)}, id=call_id)], text=text)


def finish(result: str, status: str = "success") -> CallTools:
    """A child that reports."""
    return CallTools([Call("sys_finish_task", {"status": status, "result": result})])


def block(agent_id: str, session: str, told: str, status: str = "success") -> str:
    """What the parent reads of one child."""
    return f"=== Result from {agent_id} ===\nSubSessionID: {session}\nTask finished: {status}. Result: {told}"


def result_of(lines: Lines, tool: str = DELEGATE, session: str = "s1") -> Any:
    """Content of the only result of a tool in a session."""
    ids = {
        call["id"]
        for line in lines
        for call in line.get("tool_calls", ())
        if call["function"]["name"] == tool and line["session_id"] == session
    }
    (found,) = [line["content"] for line in lines if line.get("role") == "tool" and line["tool_call_id"] in ids]
    return found


def kinds(lines: Lines, session: str) -> list[str]:
    """Types of the lines of one session, in order."""
    return [line["type"] for line in lines if line["session_id"] == session]


def delegated(lines: Lines, session: str = "s1") -> list[Json]:
    """The tasks as announced."""
    calls = [call for line in lines if line["session_id"] == session for call in line.get("tool_calls", ())]
    found = [call["function"]["arguments"] for call in calls if call["function"]["name"] == DELEGATE]
    return [each for arguments in found for each in json.loads(arguments)["tasks"]]


def usage_of(lines: Lines, session: str) -> Json:
    """`metadata.token_usage` of a run."""
    (found,) = [line for line in lines if line["type"] == "token_usage" and line["session_id"] == session]
    assert found["metadata"]["session_id"] == session
    return found["metadata"]["token_usage"]


def check_tree(lines: Lines) -> None:
    """One end, last; each call has one result after it; each child's lines lie inside its parent's call."""
    assert [line["type"] for line in lines].count("stream_end") == 1
    assert lines[-1]["total_stream_count"] == len(lines) - 1
    places = list(enumerate(lines))
    calls = [
        (line["session_id"], line["tool_calls"][0]["id"], at) for at, line in places if line["type"] == "tool_call"
    ]
    results = [(line["session_id"], line["tool_call_id"], at) for at, line in places if line.get("role") == "tool"]
    pairs = list(zip(sorted(calls), sorted(results), strict=True))
    assert all(call[:2] == result[:2] and call[2] < result[2] for call, result in pairs)
    for at, line in enumerate(lines):
        for call in line.get("tool_calls", ()):
            if call["function"]["name"] == DELEGATE:
                named = {each.get("session_id") for each in json.loads(call["function"]["arguments"])["tasks"]}
                inside = [n for n, each in enumerate(lines) if each["session_id"] in named]
                assert all(at < n for n in inside)
    assert [line["timestamp"] for line in lines] == sorted(line["timestamp"] for line in lines)


async def people(chat: Chat, *names: str, **fields: Any) -> list[str]:
    """Ids of new agents of Alice."""
    return [await chat.alice.agent(name=name, description=f"does {name}", **fields) for name in names]


async def lead(chat: Chat, *members: str, mode: str = "fibre", **fields: Any) -> str:
    """An agent of Alice that may hand work to others."""
    return await chat.alice.agent(name="Lead", agentMode=mode, availableSubAgentIds=list(members), **fields)


def offered(request: Json) -> set[str]:
    """Names of the tools that a model was offered."""
    return {tool["function"]["name"] for tool in request.get("tools", ())}


def requests_for(chat: Chat, play: str) -> list[Json]:
    """What the model was asked by runs that follow a script."""
    return [each.body for each in chat.provider.requests if each.script == play]


def instructions(request: Json) -> str:
    """The system part of a request."""
    return "\n".join(str(each["content"]) for each in request["messages"] if each["role"] == "system")


async def ask(chat: Chat, agent: str, *tasks: Json, session: str = "s1", **more: Any) -> Lines:
    """Lines of a run of an agent that hands on tasks and then answers."""
    return await chat.alice.say(script(chat, delegate(*tasks), Say("All done.")), session, agent_id=agent, **more)


def script(chat: Chat, *steps: Step) -> str:
    """Words that a new script answers."""
    name = f"new-{len(chat.scripts)}"
    chat.scripts[name] = steps
    return f"[[play:{name}]]"
