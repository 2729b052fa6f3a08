"""`/api/tools` over HTTP (product.md 6.1, 6.3, 12 C14, 13 A28, A29)."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import httpx2
import pytest

from clary.adapters.scripted_provider import ScriptedProvider
from permissions.objects import objects_of
from support.crowd import Crowd
from support.house import House, house_in

pytestmark = pytest.mark.anyio

SHELL = "execute_shell_command"
UNKNOWN_AGENT = "agent_00000000"


class Tools:
    """The tools as people in one house use them."""

    def __init__(self, crowd: Crowd) -> None:
        self.crowd = crowd

    async def listed(self, name: str, query: str = "") -> dict[str, dict[str, Any]]:
        """Tool by name, in order."""
        data = await self.crowd.get(name, f"/api/tools{query}")
        return {tool["name"]: tool for tool in data["tools"]}

    async def send(self, name: str, tool: str, params: Any, **more: Any) -> httpx2.Response:
        """A direct call by somebody."""
        body = {"tool_name": tool, "tool_params": params, **more}
        return await (await self.crowd.client(name)).post("/api/tools/exec", json=body)

    async def run(self, name: str, tool: str, params: Any, **more: Any) -> Any:
        """The result of a call that works."""
        answer = (await self.send(name, tool, params, **more)).json()
        assert answer["code"] == 200, answer
        return answer["data"]

    async def refusal(self, name: str, tool: str, params: Any, **more: Any) -> tuple[int, int, str, str, Any]:
        """(HTTP status, code, slug, message, data) of a call that does not work."""
        answer = await self.send(name, tool, params, **more)
        body = answer.json()
        return answer.status_code, body["code"], body["error_detail"], body["message"], body["data"]

    async def agent(self, name: str, **fields: Any) -> str:
        """An agent of somebody."""
        client = await self.crowd.client(name)
        answer = (await client.post("/api/agent/create", json={"name": "bench", **fields})).json()
        assert answer["code"] == 200, answer
        return answer["data"]["agent_id"]

    @property
    def temporary_workspaces(self) -> list[str]:
        """Those that lie on the disk now."""
        folder = self.crowd.house.services.settings.workspaces / "direct-calls"
        return [path.name for path in folder.iterdir()] if folder.exists() else []


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    """A house that lets few calls through, and reaches the model of tests."""
    async with house_in(tmp_path, outbound_allow=("127.0.0.1",), tools_exec_per_minute=12) as built:
        yield built


@pytest.fixture
async def provider() -> AsyncIterator[ScriptedProvider]:
    """A model that answers at once."""
    async with ScriptedProvider() as serving:
        yield serving


@pytest.fixture
async def tools(house: House) -> AsyncIterator[Tools]:
    """Tools, and people as they are needed."""
    async with AsyncExitStack() as stack:
        yield Tools(Crowd(house, stack))


async def test_a_tool_is_listed_with_its_schema_and_nothing_the_server_supplies(tools: Tools) -> None:
    listed = await tools.listed("pia", "?language=en")
    path = {"type": "string", "description": "Path of the file"}
    assert listed["file_write"]["parameters"]["file_path"] | {"description": path["description"]} == {
        **path,
        "minLength": 1,
        "required": True,
    }
    assert {key: value for key, value in listed["list_dir"].items() if key not in ("parameters", "input_schema")} == {
        "name": "list_dir",
        "description": listed["list_dir"]["description"],
        "required": [],
        "type": "basic",
        "source": "基础工具",
        "user_id": "",
        "effect": "read",
        "available": True,
        "unavailable_reason": None,
        "original_name": "list_dir",
        "server_name": None,
        "state": None,
    }
    assert list(listed) == list(tools.crowd.house.services.toolbox.names)
    for tool in listed.values():
        assert set(tool["parameters"]) == set(tool["input_schema"]["properties"])
        assert not {"session_id", "user_id", "workspace"} & set(tool["parameters"])


TASK_TOOLS = ["list_tasks", "get_task_details"] + [
    f"{word}_task" for word in ("add", "update", "enable", "delete", "complete")
]


async def test_the_list_is_chosen_by_type_and_language(tools: Tools) -> None:
    services = await tools.listed("pia", "?type=sage_mcp&language=zh")
    assert {name: (tool["source"], tool["available"]) for name, tool in services.items()} == {
        "search_web_page": ("内置MCP: unified_search_server", False),
        "search_image_from_web": ("内置MCP: unified_search_server", False),
        "search_knowledge_base": ("内置MCP: knowledge_base", True),
        **dict.fromkeys(TASK_TOOLS, ("内置MCP: task_scheduler", True)),
    }
    assert services["search_web_page"]["unavailable_reason"] == "未配置搜索服务"
    assert await tools.listed("pia", "?type=mcp") == await tools.listed("pia", "?type=banana") == {}
    basic = await tools.listed("pia", "?type=basic")
    assert list(basic) + list(services) == list(await tools.listed("pia"))
    english = await tools.listed("pia", "?type=basic&language=en")
    assert english["grep"]["description"] != basic["grep"]["description"]


async def test_files_are_written_and_read_in_the_workspace_of_the_agent(tools: Tools) -> None:
    agent = await tools.agent("pia")
    answer = (
        await tools.send("pia", "file_write", {"file_path": "/workspace/a/b.txt", "content": "红"}, agent_id=agent)
    ).json()
    assert (answer["message"], answer["data"]["file_path"]) == ("工具执行成功", "/workspace/a/b.txt")
    client = await tools.crowd.client("pia")
    body = {
        "tool_name": "file_read",
        "arguments": {"file_path": "a/b.txt"},
        "agent_id": agent,
        "session_id": "undefined",
    }
    assert (await client.post("/api/tools/exec", json=body)).json()["data"]["content"] == "红"


@pytest.mark.parametrize(
    ("tool", "params", "refused"),
    [
        ("nope", {}, (200, 404, "tool_not_found", "工具不存在", None)),
        ("todo_write", {}, (200, 400, "tool_needs_run", "该工具只能在会话中使用", None)),
        ("sys_team_delegate_task", {}, (200, 400, "tool_needs_run", "该工具只能在会话中使用", None)),
        ("web_search", {"query": "x"}, (200, 400, "tool_unavailable", "工具不可用: 未配置搜索服务", None)),
        ("file_read", {}, (200, 400, "tool_arguments", "参数错误: 缺少必填参数: file_path", None)),
        ("file_read", {"file_path": "x"}, (200, 500, "tool_failed", "工具执行失败: 文件不存在: /workspace/x", None)),
        (
            "file_read",
            {"file_path": "x/y"},
            (200, 500, "tool_failed", "工具执行失败: 文件不存在: /workspace/x/y", None),
        ),
    ],
)
async def test_a_refusal_names_its_reason(tools: Tools, tool: str, params: Any, refused: Any) -> None:
    assert await tools.refusal("pia", tool, params) == refused
    assert tools.temporary_workspaces == []


@pytest.mark.parametrize(
    "name",
    [
        *("questionnaire_async", "load_skill", "load_workflow", "todo_read", "tool_expand_tools", "sys_finish_task"),
        *("list_mcp_resources", "read_mcp_resource", "get_mcp_prompt"),
    ],
)
async def test_what_means_something_in_a_conversation_only_runs_nowhere_else(tools: Tools, name: str) -> None:
    assert (await tools.refusal("pia", name, {}))[2] == "tool_needs_run"


async def test_a_body_of_the_wrong_shape_is_422(tools: Tools) -> None:
    assert (await tools.send("pia", "", {})).status_code == 422
    assert (await tools.send("pia", "grep", [])).status_code == 422


async def test_without_an_agent_the_workspace_is_empty_and_gone_afterwards(tools: Tools) -> None:
    await tools.run("pia", "file_write", {"file_path": "a.txt", "content": "x"})
    assert (await tools.run("pia", "list_dir", {}))["entries"] == []
    assert tools.temporary_workspaces == []


async def test_a_strangers_ids_and_smuggled_arguments_reach_nothing(tools: Tools) -> None:
    agent = await tools.agent("pia")
    await tools.run("pia", "file_write", {"file_path": "own.txt", "content": "x"}, agent_id=agent)
    foreign = await tools.refusal("quin", "list_dir", {}, agent_id=agent)
    unknown = await tools.refusal("quin", "list_dir", {}, agent_id=UNKNOWN_AGENT)
    assert foreign[:3] == unknown[:3] == (200, 404, "agent_not_found")
    smuggled = {"agent_id": agent, "workspace": "/", "user_id": tools.crowd.ids["pia"], "path": "."}
    assert (await tools.run("quin", "list_dir", smuggled, user_id=tools.crowd.ids["pia"]))["entries"] == []
    for path in ("/etc", "../..", "/proc/self"):
        assert (await tools.refusal("quin", "list_dir", {"path": path}))[1] in (400, 500)


async def test_an_own_session_gives_its_workspace_and_a_foreign_one_counts_as_absent(tools: Tools, provider) -> None:
    owned = await objects_of(tools.crowd.house, await tools.crowd.client("pia"), provider)
    await tools.run("pia", "file_write", {"file_path": "s.txt", "content": "x"}, session_id=owned["session_id"])
    found = await tools.run("pia", "list_dir", {}, agent_id=owned["agent_id"])
    assert "s.txt" in [entry["name"] for entry in found["entries"]]
    assert (await tools.run("quin", "list_dir", {}, session_id=owned["session_id"]))["entries"] == []


async def test_too_many_calls_in_a_minute_are_refused_with_the_time_to_wait(tools: Tools) -> None:
    for _ in range(12):
        await tools.run("pia", "list_dir", {})
    limited = await tools.send("pia", "list_dir", {})
    assert (limited.status_code, limited.json()["error_detail"], limited.headers["Retry-After"]) == (
        200,
        "throttled",
        "60",
    )
    await tools.run("quin", "list_dir", {})
    tools.crowd.house.clock.move(seconds=61)
    await tools.run("pia", "list_dir", {})


async def test_what_changes_something_is_written_down_and_what_reads_is_not(tools: Tools) -> None:
    agent = await tools.agent("pia")
    await tools.run("pia", "list_dir", {}, agent_id=agent)
    await tools.run("pia", "file_write", {"file_path": "a", "content": "secret"}, agent_id=agent)
    await tools.refusal(
        "pia", "file_update", {"file_path": "a", "search_pattern": "none", "replacement": ""}, agent_id=agent
    )
    entries = (await tools.crowd.get("admin", "/api/audit?action=tool.executed"))["items"]
    assert [(entry["actor"]["username"], entry["object"], entry["detail"]) for entry in entries] == [
        (
            "pia",
            {"type": "tool", "id": name, "owner_id": tools.crowd.ids["pia"]},
            {"effect": "write", "agent_id": agent},
        )
        for name in ("file_update", "file_write")
    ]


async def test_a_long_result_is_cut_and_kept_whole_in_the_workspace(tools: Tools) -> None:
    agent = await tools.agent("pia")
    text = "".join(f"row {number:05d}\n" for number in range(20_000))
    await tools.run("pia", "file_write", {"file_path": "big.txt", "content": text}, agent_id=agent)
    cut = await tools.run("pia", "file_read", {"file_path": "big.txt", "end_line": None}, agent_id=agent)
    assert isinstance(cut, dict)
    assert [f"row {number:05d}" in cut["content"] for number in (0, 10_000, 19_999)] == [True, False, True]
    folder = await tools.run("pia", "list_dir", {"path": ".clary/results"}, agent_id=agent)
    assert len(folder["entries"]) == 1
    assert f".clary/results/{folder['entries'][0]['name']}" in str(cut)


async def test_a_command_is_denied_fails_or_ends_with_its_time_limit(tools: Tools) -> None:
    if not (await tools.listed("pia"))[SHELL]["available"]:
        assert (await tools.refusal("pia", SHELL, {"command": "true"}))[2] == "tool_unavailable"
        return
    agent = await tools.agent("pia", commandPolicy={"deny": ["rm"]})
    denied = await tools.refusal("pia", SHELL, {"command": "ls; rm x"}, agent_id=agent)
    assert denied[1:4] == (500, "tool_failed", "工具执行失败: 不允许执行该命令: rm")
    # A command that fails is a result.
    assert (await tools.run("pia", SHELL, {"command": "false"}, agent_id=agent))["return_code"] == 1
    slow = await tools.refusal("pia", SHELL, {"command": "sleep 60", "timeout": 1}, agent_id=agent)
    assert slow == (200, 504, "tool_timeout", "工具执行超时", None)
    await tools.run("pia", SHELL, {"command": "mkdir -p a/b; chmod 0 a; ln -s / out; setsid sleep 60 & exit 0"})
    assert tools.temporary_workspaces == []


async def test_no_page_inside_is_fetched(tools: Tools) -> None:
    inside = "http://169.254.169.254/latest"
    found = await tools.run("pia", "fetch_webpages", {"urls": [inside, "file:///etc/passwd", "http://[::]/"]})
    told = "目标地址不被允许，内网地址需由管理员加入出站白名单"
    assert found["status"] == "error"
    assert [(page["http_status"], page["content"], page["error"]) for page in found["results"]] == [
        (None, "", told)
    ] * 3
