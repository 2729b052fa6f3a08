"""`/api/mcp`: rows, names, secrets, states and refusals (product.md 8.1 to 8.3, 8.7)."""

import json
from pathlib import Path
from typing import Any

import pytest

from features.mcp_servers.stage import Stage, staged
from support.mcp_servers import stranger, tool

pytestmark = pytest.mark.anyio
SECRET = "a-secret-of-ada-4711"
BLOCKED = ["127.0.0.2", "2130706434", "0x7f000002", "[::ffff:127.0.0.2]", "169.254.169.254", "10.0.0.1"]


async def test_a_new_server_is_connected_to_pinned_and_listed(stage: Stage) -> None:
    stage.server.tools = [tool("find"), tool("file_read")]
    assert await stage.add_server(description="d") == {
        "server_name": "one",
        "status": "success",
        "tools": ["find", "one__file_read"],
        "warnings": [],
    }
    row = await stage.row()
    assert row == {
        "name": "one",
        "protocol": "streamable_http",
        "disabled": False,
        "streamable_http_url": stage.server.url,
        "sse_url": None,
        "api_key": None,
        "user_id": stage.ids["ada"],
        "description": "d",
        "headers": {},
        "auth": "none",
        "authorized": True,
        "state": "ready",
        "error": None,
        "error_kind": None,
        "tool_count": 2,
        "hash": row["hash"],
        "pending_hash": None,
        "last_checked_at": "2026-01-02T03:04:05.000000Z",
        "created_at": "2026-01-02T03:04:05.000000Z",
        "updated_at": "2026-01-02T03:04:05.000000Z",
    }
    shown = await stage.get("ada", "/api/mcp/one/tools")
    assert [(each["name"], each["wire_name"], each["change"]) for each in shown["tools"]] == [
        ("find", "find", "same"),
        ("file_read", "one__file_read", "same"),
    ]
    assert (shown["state"], shown["hash"], shown["pending_hash"]) == ("ready", row["hash"], None)


@pytest.mark.parametrize(
    ("body", "refusal"),
    [
        ({"streamable_http_url": ""}, (400, "mcp_url")),
        ({"protocol": "sse"}, (400, "mcp_url")),
        ({"streamable_http_url": "ftp://example.com/"}, (400, "mcp_url")),
        ({"streamable_http_url": "https://a:b@example.com/"}, (400, "mcp_url")),
        ({"streamable_http_url": "https://example.com/" + "x" * 2050}, (400, "mcp_url")),
        *(({"streamable_http_url": f"http://{host}:9/mcp"}, (400, "outbound_blocked")) for host in BLOCKED),
        ({"streamable_http_url": "http://testserver/mcp"}, (400, "outbound_blocked")),
        *(({"name": name}, (422, "validation_error")) for name in ("", "add", "list", "oauth", ".x", "a/b", "x" * 65)),
        *(({"headers": {name: "x"}}, (422, "validation_error")) for name in ("Host", "cookie", "TE", "a b")),
        ({"headers": {"X-A": "a\nb"}}, (422, "validation_error")),
        ({"headers": {f"X-{number}": "a" for number in range(21)}}, (422, "validation_error")),
        ({"api_key": "a\nb"}, (422, "validation_error")),
        ({"api_key": "x" * 4097}, (422, "validation_error")),
        ({"protocol": "stdio", "command": "bash"}, (403, "stdio_forbidden")),
        ({"protocol": "carrier-pigeon"}, (422, "validation_error")),
    ],
)
async def test_what_cannot_be_a_server_is_refused_and_nothing_is_stored(
    stage: Stage, body: dict[str, Any], refusal: tuple[int, str]
) -> None:
    whole = {"name": "one", "protocol": "streamable_http", "streamable_http_url": stage.server.url, **body}
    assert (await stage.call("ada", "POST", "/api/mcp/add", whole))[:2] == refusal
    assert await stage.get("ada", "/api/mcp/list") == {"servers": []}
    assert stage.server.asked == []


async def test_one_that_fails_is_told_by_a_fixed_reason_and_not_stored(stage: Stage) -> None:
    stage.server.token = "needed"
    client = await stage.client("ada")
    body = {"name": "one", "protocol": "streamable_http", "streamable_http_url": stage.server.url}
    answer = (await client.post("/api/mcp/add", json=body, headers={"X-Locale": "en-US"})).json()
    assert (answer["code"], answer["error_detail"], answer["message"]) == (
        502,
        "mcp_unreachable",
        "MCP server one could not be registered: authentication failed",
    )
    chinese = (await client.post("/api/mcp/add", json=body)).json()
    assert chinese["message"] == "MCP server one 注册失败: 认证失败"
    assert await stage.get("ada", "/api/mcp/list") == {"servers": []}


async def test_names_are_unique_for_each_owner_and_tell_letters_apart(stage: Stage) -> None:
    for name in ("one", "One", "工具 服务-1.0"):
        await stage.add_server(name)
    await stage.add_server("one", by="bob")
    body = {"name": "one", "protocol": "streamable_http", "streamable_http_url": stage.server.url}
    assert (await stage.call("ada", "POST", "/api/mcp/add", body))[:2] == (409, "mcp_exists")
    assert [each["name"] for each in (await stage.get("ada", "/api/mcp/list"))["servers"]] == [
        "one",
        "One",
        "工具 服务-1.0",
    ]
    assert (await stage.call("ada", "DELETE", "/api/mcp/工具 服务-1.0"))[0] == 200


async def test_an_admin_reaches_the_only_holders_and_has_to_choose_between_several(stage: Stage) -> None:
    await stage.add_server()
    assert (await stage.call("admin", "POST", "/api/mcp/one/refresh", {}))[2]["status"] == "refreshed"
    await stage.add_server(by="bob")
    assert (await stage.call("admin", "POST", "/api/mcp/one/refresh", {}))[:2] == (409, "name_ambiguous")
    chosen = f"/api/mcp/one?user_id={stage.ids['bob']}"
    assert (await stage.call("admin", "DELETE", chosen))[2] == {"server_name": "one"}
    assert await stage.get("bob", "/api/mcp/list") == {"servers": []}
    assert (await stage.row())["state"] == "ready"
    assert len((await stage.get("admin", "/api/mcp/list"))["servers"]) == 1


async def test_more_servers_than_allowed_are_refused(tmp_path: Path) -> None:
    async with staged(tmp_path, mcp_max_servers_per_user=1) as stage:
        await stage.add_server()
        body = {"name": "two", "protocol": "streamable_http", "streamable_http_url": stage.server.url}
        assert (await stage.call("ada", "POST", "/api/mcp/add", body))[:2] == (409, "object_limit")


async def test_secrets_go_to_the_server_and_come_back_as_masks_alone(stage: Stage) -> None:
    stage.server.token = SECRET
    await stage.add_server(api_key=SECRET, headers={"X-Team": SECRET})
    listed = json.dumps(await stage.get("ada", "/api/mcp/list")) + json.dumps(await stage.get("admin", "/api/audit"))
    assert SECRET not in listed
    row = await stage.row()
    assert row["auth"] == "api_key"
    assert row["api_key"] == row["headers"]["X-Team"] != SECRET
    assert {each["authorization"] for each in stage.server.headers} == {f"Bearer {SECRET}"}
    assert (await stage.put(api_key=row["api_key"], headers=row["headers"]))[0] == 200
    assert (await stage.put())[0] == 200
    assert stage.server.headers[-1]["x-team"] == SECRET
    for path in stage.house.services.settings.data_dir.rglob("*"):
        assert not path.is_file() or SECRET.encode() not in path.read_bytes()


@pytest.mark.parametrize("is_masked", [True, False])
async def test_secrets_do_not_move_to_another_origin(stage: Stage, *, is_masked: bool) -> None:
    await stage.add_server(api_key=SECRET, headers={"X-Team": SECRET})
    shown = await stage.row()
    more = {"api_key": shown["api_key"], "headers": shown["headers"]} if is_masked else {}
    async with stranger() as thief:
        assert (await stage.put(streamable_http_url=thief.url, **more))[0] == 200
        assert "authorization" not in json.dumps(thief.headers)
        assert SECRET not in json.dumps(thief.headers)
    row = await stage.row()
    assert (row["api_key"], row["auth"], row["headers"]) == (None, "none", {})


async def test_a_change_that_cannot_connect_leaves_everything_as_it_was(stage: Stage) -> None:
    await stage.add_server(description="before")
    before = await stage.row()
    stage.server.hang = {"initialize"}
    assert (await stage.put(description="after", headers={"X-A": "b"}))[:2] == (502, "mcp_unreachable")
    assert await stage.row() == before


async def test_a_server_is_renamed_and_the_same_origin_keeps_the_pin(stage: Stage) -> None:
    await stage.add_server()
    pinned = (await stage.row())["hash"]
    stage.server.tools = [tool(description="Another one.")]
    assert (await stage.put(name="one"))[0] == 200
    assert (await stage.row())["state"] == "frozen"
    body = {"name": "two", "protocol": "streamable_http", "streamable_http_url": stage.server.url}
    assert (await stage.call("ada", "PUT", "/api/mcp/one", body))[2] == {"server_name": "two", "status": "success"}
    assert (await stage.row("two"))["hash"] == pinned


async def test_a_refresh_that_cannot_connect_says_disabled_and_leaves_the_switch(stage: Stage) -> None:
    await stage.add_server()
    stage.server.hang = {"initialize", "tools/list"}
    assert await stage.refresh() == {"server_name": "one", "status": "disabled", "error": "连接超时"}
    row = await stage.row()
    assert (row["disabled"], row["state"], row["error_kind"], row["tool_count"]) == (False, "unreachable", "timeout", 1)
    stage.server.hang = set()
    assert await stage.refresh() == {"server_name": "one", "status": "refreshed"}


async def test_an_unreachable_server_is_tried_again_after_a_while_and_less_and_less_often(stage: Stage) -> None:
    await stage.add_server()
    stage.server.everything = None
    stage.server.token = "now needed"
    await stage.refresh()
    contacts, waits = stage.house.services.mcp.contacts, list[int]()
    for _ in range(7):
        seconds = 0
        while not await contacts.tend():
            stage.house.clock.move(seconds=30)
            seconds += 30
        waits.append(seconds)
    assert waits == [30, 60, 120, 240, 480, 600, 600]
    stage.server.token = None
    stage.house.clock.move(seconds=600)
    assert await contacts.tend() == 1
    assert (await stage.row())["state"] == "ready"
    assert await contacts.tend() == 0


async def test_a_switch_flips_or_goes_where_it_is_told(stage: Stage) -> None:
    await stage.add_server()
    path = "/api/mcp/one/toggle"
    assert (await stage.call("ada", "PUT", path))[2] == {"server_name": "one", "disabled": True, "status": "disabled"}
    asked = len(stage.server.asked)
    assert (await stage.call("ada", "PUT", path, {"disabled": True}))[2]["disabled"] is True
    assert await stage.refresh() == {"server_name": "one", "status": "disabled"}
    assert len(stage.server.asked) == asked
    assert (await stage.call("ada", "PUT", path, {}))[2] == {"server_name": "one", "disabled": False, "status": "ready"}


async def test_a_deleted_server_is_gone_with_what_hangs_on_it(stage: Stage) -> None:
    await stage.add_server()
    assert (await stage.call("ada", "DELETE", "/api/mcp/one"))[2] == {"server_name": "one"}
    assert (await stage.call("ada", "GET", "/api/mcp/one/tools"))[:2] == (404, "mcp_not_found")
    await stage.add_server()


async def test_hidden_characters_and_broken_definitions_are_warned_of(stage: Stage) -> None:
    stage.server.tools = [tool("a", "Nice.\u202e\u200b tool"), tool("b", inputSchema="none")]
    added = await stage.add_server()
    assert added["warnings"] == [
        {"field": "tools", "value": "b", "reason": "invalid_definition"},
        {"field": "tools", "value": "a", "reason": "hidden_characters"},
    ]
    assert (await stage.get("ada", "/api/mcp/one/tools"))["tools"][0]["description"] == "Nice. tool"


async def test_listed_programs_alone_may_be_named_and_nothing_of_the_caller_goes_with_them(tmp_path: Path) -> None:
    listed = tmp_path / "programs.json"
    listed.write_text(json.dumps({"docs": {"command": "/usr/bin/none"}}))
    listed.chmod(0o600)
    async with staged(tmp_path, mcp_stdio_allowlist=str(listed)) as stage:
        body = {"name": "p", "protocol": "stdio", "command": "docs", "disabled": True}
        assert (await stage.call("ada", "POST", "/api/mcp/add", body))[0] == 200
        for more in ({"command": "/bin/sh"}, {"args": ["-c", "id"]}, {"env": {"LD_PRELOAD": "x"}}, {"command": ""}):
            refused = {**body, "name": "q", **more}
            assert (await stage.call("ada", "POST", "/api/mcp/add", refused))[:2] == (403, "stdio_forbidden")


async def test_acts_are_recorded_without_secrets(stage: Stage) -> None:
    await stage.add_server(api_key=SECRET)
    await stage.put(api_key="another")
    await stage.call("ada", "PUT", "/api/mcp/one/toggle")
    await stage.call("ada", "DELETE", "/api/mcp/one")
    acts = (await stage.get("admin", "/api/audit?target_type=mcp"))["items"]
    assert [each["action"] for each in acts if each["action"].startswith("mcp.")] == [
        "mcp.deleted",
        "mcp.updated",
        "mcp.updated",
        "mcp.created",
    ]
