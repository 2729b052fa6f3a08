"""Programs of the administrator's list, in the real sandbox."""

import json
import os
import shutil
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from anyio import fail_after

from adapters.mcp.stage import Listener
from clary.adapters.mcp import McpGateway, McpLimits, StdioListFile
from clary.adapters.sandbox import BubblewrapSandbox, NoSandbox, SandboxLimits
from clary.features.mcp_servers.ports import Endpoint, McpFailedError, StdioProgram
from clary.kit.safe_http import OutboundGuard
from clary.runtime.tools import Sandbox
from clary.wiring.mcp_programs import SandboxedPrograms

pytestmark = pytest.mark.anyio

SERVER = """
import json, os, sys, time
print("starting", flush=True)
print("a complaint", file=sys.stderr, flush=True)
for line in sys.stdin:
    asked = json.loads(line)
    if "id" not in asked:
        continue
    method, params = asked["method"], asked.get("params", {})
    answer = {"error": {"code": -32601, "message": "no"}}
    if method == "initialize":
        about = {"protocolVersion": "2025-06-18", "capabilities": {"tools": {}}}
        answer = {"result": {**about, "serverInfo": {"name": "program", "version": "1"}}}
    elif method == "tools/list":
        answer = {"result": {"tools": [{"name": "env", "inputSchema": {"type": "object"}}]}}
    elif method == "tools/call":
        if params["arguments"].get("do") == "die":
            sys.exit(3)
        if params["arguments"].get("do") == "flood":
            while True:
                print("x" * 100_000, flush=True)
        text = json.dumps([dict(os.environ), os.getcwd(), os.listdir("/workspace"), os.getpid()])
        answer = {"result": {"content": [{"type": "text", "text": text}]}}
    print(json.dumps({"jsonrpc": "2.0", "id": asked["id"], **answer}), flush=True)
"""
PROGRAM = StdioProgram("prog", "/usr/bin/python3", ("-c", SERVER), (("TOKEN", "own"),))


@pytest.fixture
async def client() -> AsyncIterator[McpGateway]:
    if shutil.which("bwrap") is None and os.environ.get("CLARY_TEST_ALLOW_NO_SANDBOX") == "1":
        pytest.skip("bubblewrap is not installed here, and CLARY_TEST_ALLOW_NO_SANDBOX=1")
    sandbox = BubblewrapSandbox(SandboxLimits(cpu_seconds=60, memory_mb=256))
    await sandbox.probe()
    assert sandbox.unavailable_reason is None
    made = gateway(sandbox)
    yield made
    await made.close()


def gateway(sandbox: Sandbox) -> McpGateway:
    limits = McpLimits(list_seconds=10, call_seconds=10, max_result_bytes=1024 * 1024)
    return McpGateway(OutboundGuard(), limits, SandboxedPrograms(lambda: sandbox))


def at(user: str = "ada", program: StdioProgram = PROGRAM) -> Endpoint:
    return Endpoint("one", "stdio", "", user, program=program)


async def told(client: McpGateway, endpoint: Endpoint, **arguments: Any) -> Any:
    answer = await client.call_tool(endpoint, "env", arguments, Listener().door)
    return json.loads(answer.parts[0].text)


async def test_a_program_has_its_own_environment_and_nothing_of_the_server(
    client: McpGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SERVER_SECRET", "MARK")
    environment, folder, seen, _ = await told(client, at())
    assert environment["TOKEN"] == "own"
    assert "MARK" not in json.dumps(environment)
    assert (folder, seen) == ("/workspace", [])


async def test_each_person_has_a_process_which_ends_with_the_connection(client: McpGateway) -> None:
    mark = uuid4().hex  # the host also runs the programs of tests beside this one
    program = StdioProgram("prog", "/usr/bin/python3", ("-c", SERVER, mark), ())
    await told(client, at("ada", program))
    await told(client, at("bob", program))
    assert len(running(mark)) == 2
    await client.forget("one", user="ada")
    assert len(running(mark)) == 1
    await client.close()
    assert running(mark) == []


async def test_one_that_dies_or_floods_ends_its_call_and_is_started_anew(client: McpGateway) -> None:
    for what, kind in (("die", "unreachable"), ("flood", "too_large")):
        with fail_after(8), pytest.raises(McpFailedError) as failed:
            await told(client, at(), do=what)
        assert failed.value.kind == kind
        assert (await told(client, at()))[1] == "/workspace"


async def test_a_program_that_is_not_there_is_unreachable(client: McpGateway) -> None:
    with fail_after(8), pytest.raises(McpFailedError) as failed:
        await client.list_offer(at(program=StdioProgram("prog", "/usr/bin/none-of-this-name")))
    assert failed.value.kind == "unreachable"


async def test_without_a_sandbox_nothing_is_run() -> None:
    client = gateway(NoSandbox("switched off"))
    with pytest.raises(McpFailedError) as failed:
        await client.list_offer(at())
    assert failed.value.kind == "unreachable"


async def test_only_a_list_that_its_owner_alone_may_write_counts(tmp_path: Path) -> None:
    file = tmp_path / "programs.json"
    file.write_text(json.dumps({"prog": {"command": "/usr/bin/x", "args": ["-a"], "env": {"A": "1"}}, "bad": "x"}))
    programs = StdioListFile(file)
    assert await programs.find("prog") == StdioProgram("prog", "/usr/bin/x", ("-a",), (("A", "1"),))
    assert [await programs.find("bad"), await programs.find("none"), await StdioListFile(None).find("prog")] == [
        None
    ] * 3
    file.chmod(0o666)
    assert await programs.find("prog") is None
    file.chmod(0o600)
    file.write_text("{broken")
    assert await programs.find("prog") is None


def running(mark: str) -> list[str]:
    """Processes on this host of the program that was given this mark."""
    found: list[str] = []
    for each in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = each.read_bytes().split(b"\0")
        except OSError:
            continue
        if words[:2] == [b"/usr/bin/python3", b"-c"] and mark.encode() in words:
            found.append(each.parent.name)
    return found
