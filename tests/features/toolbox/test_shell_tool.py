"""execute_shell_command through the sandbox port (stream-runtime.md 9.5)."""

import pytest

from clary.features.toolbox.service import denied_word
from clary.runtime.tools import SandboxResult, ToolFailedError

pytestmark = pytest.mark.anyio
SHELL = "execute_shell_command"


async def test_the_result_has_the_documented_keys_and_progress_is_heard(bench) -> None:
    assert await bench.call(SHELL, command="echo out") == {
        "success": True,
        "stdout": "out\n",
        "stderr": "",
        "execution_time": 0.123,
        "return_code": 0,
    }
    assert bench.heard == [("stdout", "out\n")]


async def test_a_command_gets_what_was_asked(bench) -> None:
    (bench.workspace / "sub").mkdir()
    await bench.call(
        SHELL, command="x", workdir="/workspace/sub", timeout="600", env_vars={"A": "b c", "N": 5, "F": True}
    )
    command = bench.sandbox.commands[0]
    assert command.argv[-1] == "x"
    assert (command.workspace, command.workdir, command.timeout_seconds) == (bench.workspace, "/workspace/sub", 600.0)
    assert command.environment == (("A", "b c"), ("N", "5"), ("F", "true"))
    await bench.call(SHELL, command="x")
    assert (bench.sandbox.commands[1].workdir, bench.sandbox.commands[1].timeout_seconds) == ("/workspace", 30.0)


async def test_a_failing_command_is_no_failure_of_the_tool(bench) -> None:
    bench.sandbox.result = SandboxResult(2, "", "no", False, True, 1.0)
    result = await bench.call(SHELL, command="false")
    assert (result["success"], result["return_code"], result["stderr"], result["truncated"]) == (False, 2, "no", True)


async def test_a_slow_command_is_a_timeout_with_its_output_so_far(bench) -> None:
    bench.sandbox.result = SandboxResult(None, "so far", "", True, False, 5.0)
    with pytest.raises(ToolFailedError) as failure:
        await bench.call(SHELL, "en", command="sleep 9", timeout=5)
    assert failure.value.error_type == "TIMEOUT"
    assert failure.value.message == "The command was stopped after 5 seconds"
    assert failure.value.extra == {"stdout": "so far", "stderr": "", "execution_time": 5.0}


@pytest.mark.parametrize(
    "arguments",
    [
        {"command": "true", "timeout": 601},
        {"command": "true", "timeout": 0},
        {"command": ""},
        {"command": "x" * 100_001},
        {"command": "true", "env_vars": {"A=B": "x"}},
        {"command": "true", "env_vars": {"": "x"}},
        {"command": "true", "env_vars": {f"V{n}": "x" for n in range(101)}},
        {"command": "true", "env_vars": {"A": ["x"]}},
    ],
)
async def test_bad_arguments_run_nothing(bench, arguments) -> None:
    with pytest.raises(ToolFailedError) as failure:
        await bench.call(SHELL, **arguments)
    assert failure.value.error_type == "INVALID_ARGUMENTS"
    assert bench.sandbox.commands == []


async def test_a_working_folder_must_be_one(bench) -> None:
    (bench.workspace / "file").touch()
    for workdir in ("file", "none"):
        with pytest.raises(ToolFailedError, match=f"/workspace/{workdir}"):
            await bench.call(SHELL, command="true", workdir=workdir)


async def test_without_a_sandbox_nothing_runs_and_nothing_is_offered(bench) -> None:
    offered = bench.toolbox.available(bench.sandbox)
    bench.sandbox.unavailable_reason = "off"
    assert set(offered) - set(bench.toolbox.available(bench.sandbox)) == {
        SHELL,
        "execute_python_code",
        "execute_javascript_code",
    }
    with pytest.raises(ToolFailedError):
        await bench.call(SHELL, command="true")
    assert bench.sandbox.commands == []


@pytest.mark.parametrize(
    "command",
    [
        "rm -rf x",
        "ls; rm x",
        "true && /bin/rm x",
        "false || rm x",
        "echo x | xargs rm",
        "A=1 B=2 rm x",
        "env -u HOME A=b rm x",
        "timeout 5 rm x",
        "sudo -u root rm x",
        "(rm x)",
        'echo "$(rm x)"',
        "if true; then rm x; fi",
        "echo a\nrm x",
        "'r'm x",
    ],
)
def test_a_denied_first_word_is_found(command: str) -> None:
    assert denied_word(command, ["curl", "rm"]) == "rm"


@pytest.mark.parametrize(
    "command", ["echo rm", "echo 'a; rm b'", "ls # ; rm x", "for f in rm; do echo $f; done", "rmdir x"]
)
def test_words_that_start_no_program_are_not_denied(command: str) -> None:
    assert denied_word(command, ["rm"]) is None


async def test_an_agents_denied_words_are_refused_before_anything_runs(bench) -> None:
    tool = bench.toolbox.get(SHELL, denied_commands=("rm",))
    context = bench.context()
    with pytest.raises(ToolFailedError) as failure:
        await tool.run({"command": "ls; rm x"}, context)
    assert (failure.value.error_type, failure.value.message) == ("PERMISSION_DENIED", "不允许执行该命令: rm")
    assert (await tool.run({"command": "ls"}, context))["success"] is True
    assert len(bench.sandbox.commands) == 1
