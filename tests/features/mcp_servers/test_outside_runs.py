"""Tools of MCP servers in the list of all tools, and called without a run (product.md 6.1, 6.3, 13 A28)."""

import asyncio
from typing import Any

import pytest
from aiohttp import web

from features.mcp_servers.stage import Stage
from support.mcp_servers import PNG, friend, serving, text, tool

pytestmark = pytest.mark.anyio
Json = dict[str, Any]
NOT_FOUND = (404, "tool_not_found", "工具不存在")


async def foreign(stage: Stage, name: str, query: str = "") -> list[Json]:
    """The MCP tools somebody is shown."""
    tools = (await stage.get(name, f"/api/tools{query}"))["tools"]
    kinds = [each["type"] for each in tools]
    assert kinds == sorted(kinds, key=lambda kind: kind == "mcp")
    return [each for each in tools if each["type"] == "mcp"]


async def called(stage: Stage, who: str, name: str, params: Any = None, **more: Any) -> Any:
    """The result of a direct call, or (code, slug, message); HTTP says 200 in any case."""
    client = await stage.client(who)
    answer = await client.post("/api/tools/exec", json={"tool_name": name, "tool_params": params or {}, **more})
    assert answer.status_code == 200
    told = answer.json()
    return told["data"] if told["code"] == 200 else (told["code"], told["error_detail"], told["message"])


async def test_the_list_shows_them_after_the_built_ins_to_their_owner_and_to_admins(stage: Stage) -> None:
    stage.server.tools = [tool("find", "Finds.", annotations={"readOnlyHint": True}), tool("file_read", "")]
    await stage.add_server()
    await stage.add("bob")
    schema = {"type": "object", "properties": {"text": {"type": "string"}}}
    find = {
        "name": "find",
        "description": "Finds.",
        "parameters": {"text": {"type": "string", "description": "", "required": False}},
        "required": [],
        "input_schema": schema,
        "type": "mcp",
        "source": "MCP Server: one",
        "user_id": stage.ids["ada"],
        "effect": "read",
        "available": True,
        "unavailable_reason": None,
        "original_name": "find",
        "server_name": "one",
        "state": "ready",
    }
    named = {"name": "one__file_read", "description": "file_read", "effect": "external", "original_name": "file_read"}
    both = [find, {**find, **named}]
    assert await foreign(stage, "ada") == await foreign(stage, "admin") == both
    assert await foreign(stage, "ada", "?type=mcp") == both
    assert (await foreign(stage, "bob"), await foreign(stage, "ada", "?type=basic")) == ([], [])
    await stage.call("ada", "PUT", "/api/mcp/one/toggle", {"disabled": True})
    assert await foreign(stage, "ada") == []


async def test_the_list_says_why_a_tool_cannot_be_used(stage: Stage) -> None:
    await stage.add_server()
    stage.server.tools = [tool("echo", "Something else.")]
    await stage.refresh()
    [echo] = await foreign(stage, "ada")
    assert (echo["available"], echo["state"], echo["unavailable_reason"], echo["description"]) == (
        False,
        "frozen",
        "工具定义已变化，等待确认",
        "A tool.",
    )
    told = await called(stage, "ada", "echo")
    assert told == (400, "tool_unavailable", "工具不可用: 工具定义已变化，等待确认")
    assert stage.server.calls == []


async def test_only_the_owner_and_admins_call_them(stage: Stage) -> None:
    await stage.add_server()
    await stage.add("bob")
    ada = stage.ids["ada"]
    for name in ("echo", "one__echo"):
        assert await called(stage, "ada", name, {"text": "x"}) == "called echo"
    assert await called(stage, "admin", "echo", {"text": "x"}, user_id=ada) == "called echo"
    assert await called(stage, "admin", "echo", {"text": "x"}) == NOT_FOUND
    # Nobody else learns that there is one, and naming its owner is of no help.
    for more in ({}, {"user_id": ada}):
        assert await called(stage, "bob", "echo", {"text": "x"}, **more) == NOT_FOUND
        assert await called(stage, "bob", "no_such_tool", {"text": "x"}, **more) == NOT_FOUND
    await stage.call("ada", "PUT", "/api/mcp/one/toggle", {"disabled": True})
    assert await called(stage, "ada", "echo") == NOT_FOUND
    assert len(stage.server.calls) == 3
    acts = (await stage.get("admin", "/api/audit?action=tool.executed"))["items"]
    assert [(each["object"]["id"], each["actor"]["username"]) for each in acts] == [
        ("echo", "admin"),
        ("echo", "ada"),
        ("echo", "ada"),
    ]


async def test_each_way_to_fail_has_its_refusal(stage: Stage) -> None:
    async def fails(message: Json, request: web.Request) -> Json:
        return {"result": text("no such thing", is_error=True)}

    await stage.add_server()
    wrong = await called(stage, "ada", "echo", {"text": 5})
    assert wrong[:2] == (400, "tool_arguments")
    stage.server.answers["tools/call"] = fails
    assert await called(stage, "ada", "echo") == (500, "tool_failed", "工具执行失败: no such thing")
    del stage.server.answers["tools/call"]
    stage.server.hang = {"tools/call"}
    slow = asyncio.create_task(called(stage, "ada", "echo"))
    # Meanwhile everything else goes on.
    assert (await called(stage, "ada", "list_dir"))["entries"] == []
    assert await slow == (504, "tool_timeout", "工具执行超时")
    stage.server.hang = set()
    stage.server.tools = [tool("echo", "Something else.")]
    changed = await called(stage, "ada", "echo")
    assert (changed[:2], stage.server.calls) == ((500, "tool_failed"), [])


async def test_a_server_of_the_official_sdk_is_called(stage: Stage) -> None:
    async with serving(friend().streamable_http_app()) as origin:
        await stage.add_server("friend", url=f"{origin}/mcp")
        assert await called(stage, "ada", "add", {"a": 1, "b": 2}) == {"sum": 3}
        assert await called(stage, "ada", "echo", {"text": "ä 🙂"}) == "echo: ä 🙂"
        # Without a run there is nobody to ask and no place for files.
        assert await called(stage, "ada", "ask") == "decline"
        mixed = await called(stage, "ada", "mixed")
        assert (mixed.startswith("one\n[image/png"), PNG in mixed) == (True, False)
        await stage.call("ada", "DELETE", "/api/mcp/friend")
