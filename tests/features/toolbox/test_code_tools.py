"""execute_python_code, execute_javascript_code (stream-runtime.md 9.5), in the sandbox of this host."""

import os
import shutil

import pytest
from anyio import fail_after

from clary.adapters.sandbox import BubblewrapSandbox, SandboxLimits, visible_programs
from clary.runtime.tools import SandboxResult, ToolFailedError

pytestmark = pytest.mark.anyio
PYTHON = "execute_python_code"
JAVASCRIPT = "execute_javascript_code"


@pytest.fixture
async def real(bench):
    """A bench with the real sandbox."""
    if shutil.which("bwrap") is None and os.environ.get("CLARY_TEST_ALLOW_NO_SANDBOX") == "1":
        pytest.skip("bubblewrap is not installed here, and CLARY_TEST_ALLOW_NO_SANDBOX=1")
    sandbox = BubblewrapSandbox(SandboxLimits(memory_mb=1024))
    await sandbox.probe()
    assert sandbox.unavailable_reason is None
    bench.sandbox = sandbox
    return bench


async def test_python_runs_in_the_workspace_and_finds_its_modules(real) -> None:
    (real.workspace / "helper.py").write_text("VALUE = 6")
    with fail_after(30):
        result = await real.call(PYTHON, code="import os, helper\nprint(os.getcwd(), helper.VALUE * 7, '红')")
    assert result == {
        "success": True,
        "output": "/workspace 42 红\n",
        "stdout": "/workspace 42 红\n",
        "stderr": "",
        "return_code": 0,
    }
    assert sorted(path.name for path in real.workspace.iterdir() if path.name != "__pycache__") == ["helper.py"]


async def test_a_long_script_with_odd_characters_arrives_whole(real) -> None:
    text = "%s \\n 红 '\" $HOME `x` " * 6000
    with fail_after(30):
        result = await real.call(PYTHON, code=f"text = {text!r}\nprint(len(text), text.count('红'))")
    assert result["stdout"] == f"{len(text)} 6000\n"


async def test_code_that_fails_says_why(real) -> None:
    with fail_after(30):
        result = await real.call(PYTHON, code="print('before')\nraise ValueError('odd')")
    assert (result["success"], result["return_code"], result["stdout"]) == (False, 1, "before\n")
    assert result["error"].endswith("ValueError: odd")


async def test_code_that_is_too_slow_is_a_timeout_with_its_output_so_far(real) -> None:
    with fail_after(30), pytest.raises(ToolFailedError) as failure:
        await real.call(PYTHON, code="print('so far')\nimport time\ntime.sleep(600)", timeout=1)
    assert (failure.value.error_type, failure.value.extra["stdout"]) == ("TIMEOUT", "so far\n")


@pytest.mark.skipif(not visible_programs(["node"]), reason="Node.js is not installed where a run would see it")
@pytest.mark.parametrize(
    "code",
    [
        "const value = require('./helper.js'); console.log(value * 7, process.cwd(), '红')",
        "import { readFileSync } from 'node:fs';\nconst text = readFileSync('helper.js', 'utf8');\n"
        "console.log(Number(text.match(/\\d+/)[0]) * 7, process.cwd(), '红')",
    ],
)
async def test_javascript_runs_in_the_workspace_as_script_and_as_module(real, code: str) -> None:
    (real.workspace / "helper.js").write_text("module.exports = 6")
    with fail_after(30):
        result = await real.call(JAVASCRIPT, code=code)
    assert (result["success"], result["stdout"]) == (True, "42 /workspace 红\n"), result


async def test_the_code_is_given_in_pieces_a_kernel_takes(bench) -> None:
    bench.sandbox.result = SandboxResult(-9, "", "", False, True, 1.0)
    code = "x" * 60_000
    result = await bench.call(PYTHON, "en", code=code, timeout=600)
    command = bench.sandbox.commands[0]
    assert (command.argv[0], "".join(command.argv[4:]), len(command.argv)) == ("/bin/sh", code, 7)
    assert command.timeout_seconds == 600.0
    assert result == {
        "success": False,
        "output": "",
        "stdout": "",
        "stderr": "",
        "truncated": True,
        "return_code": -9,
        "error": "The program ended with status -9",
    }


@pytest.mark.parametrize("code", ["a\0b", "x" * (1024 * 1024 + 1)])
async def test_code_that_cannot_be_given_runs_nothing(bench, code: str) -> None:
    with pytest.raises(ToolFailedError):
        await bench.call(PYTHON, code=code)
    bench.sandbox.unavailable_reason = "off"
    with pytest.raises(ToolFailedError):
        await bench.call(JAVASCRIPT, code="1")
    assert bench.sandbox.commands == []
