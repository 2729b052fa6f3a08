"""execute_python_code, execute_javascript_code."""

import re
from dataclasses import dataclass
from typing import Any, ClassVar, Final

from clary.features.toolbox.definition import DefinedTool, Parameter, ToolDefinition
from clary.features.toolbox.filling import run_within
from clary.features.toolbox.ports import Room
from clary.kit.text import Text
from clary.runtime.tools import SandboxCommand, SandboxResult, ToolContext, ToolFailedError
from clary.runtime.toolset import words

DEFAULT_SECONDS: Final = 30
MAX_SECONDS: Final = 600
MAX_CODE_BYTES: Final = 1024 * 1024
_PIECE_CHARACTERS: Final = 25_000
"""A kernel takes at most 128 KiB as one argument, and a character is at most four bytes."""
_MAX_ERROR_CHARACTERS: Final = 2000
_MODULE: Final = re.compile(r"^[ \t]*(?:import[ \t]+[\w{*'\"]|export[ \t]+[\w{*])", re.MULTILINE)

_UNAVAILABLE: Final = Text("沙箱不可用，无法执行代码", "The sandbox is not available; code cannot be run")
_NOT_STARTED: Final = Text("代码未能启动", "The code could not be started")
_TIMED_OUT: Final = Text("代码在 {seconds} 秒后超时，已终止", "The code was stopped after {seconds} seconds")
_TOO_LONG: Final = Text("代码超过 1 MiB", "The code is over 1 MiB")
_BAD_TEXT: Final = Text("代码包含不允许的字符", "The code holds characters that are not allowed")
_ENDED: Final = Text("程序以状态 {code} 结束", "The program ended with status {code}")

CODE: Final = Parameter("code", {"type": "string", "minLength": 1}, Text("要执行的代码", "The code"), required=True)
TIMEOUT: Final = Parameter(
    "timeout",
    {"type": "integer", "minimum": 1, "maximum": MAX_SECONDS, "default": DEFAULT_SECONDS},
    Text("超时秒数，最多 600", "Seconds until it is stopped, at most 600"),
)


@dataclass(frozen=True, slots=True)
class Interpreter:
    """How a script is run inside: a line of shell that finds it in `$0`, and variables."""

    script: str
    start: str
    environment: tuple[tuple[str, str], ...] = ()


PYTHON: Final = Interpreter("/tmp/script.py", 'exec python3 -u "$0"', (("PYTHONPATH", "/workspace"),))  # noqa: S108
# From standard input, so that `require` and `import` look in the working folder.
NODE: Final = Interpreter("/tmp/script.js", 'exec node - < "$0"')  # noqa: S108
NODE_MODULE: Final = Interpreter("/tmp/script.mjs", 'exec node --input-type=module - < "$0"')  # noqa: S108


class PythonTool(DefinedTool):
    """Python in the sandbox."""

    definition: ClassVar[ToolDefinition] = ToolDefinition(
        name="execute_python_code",
        description=Text(
            "在隔离的沙箱中执行 Python 代码，工作目录为 /workspace，没有网络；用 print 输出结果。",
            "Runs Python code in an isolated sandbox; the working folder is /workspace, there is no network; print "
            "what you want to see.",
        ),
        parameters=(CODE, TIMEOUT),
        effect="external",
        parallel_safe=False,
        timeout_seconds=None,
    )

    def __init__(self, room: Room) -> None:
        self._room = room

    async def run(self, arguments: dict[str, Any], context: ToolContext) -> dict[str, Any]:
        """See `run_script`."""
        return await run_script(PYTHON, arguments, context, self._room)


class JavaScriptTool(DefinedTool):
    """JavaScript in the sandbox, by Node.js."""

    definition: ClassVar[ToolDefinition] = ToolDefinition(
        name="execute_javascript_code",
        description=Text(
            "在隔离的沙箱中用 Node.js 执行 JavaScript 代码，工作目录为 /workspace，没有网络；用 console.log 输出结果。",
            "Runs JavaScript code by Node.js in an isolated sandbox; the working folder is /workspace, there is no "
            "network; console.log what you want to see.",
        ),
        parameters=(CODE, TIMEOUT),
        effect="external",
        parallel_safe=False,
        timeout_seconds=None,
    )

    def __init__(self, room: Room) -> None:
        self._room = room

    async def run(self, arguments: dict[str, Any], context: ToolContext) -> dict[str, Any]:
        """See `run_script`."""
        is_module = _MODULE.search(str(arguments["code"])) is not None
        return await run_script(NODE_MODULE if is_module else NODE, arguments, context, self._room)


async def run_script(
    interpreter: Interpreter, arguments: dict[str, Any], context: ToolContext, room: Room
) -> dict[str, Any]:
    """Runs code to its end: `{success, output, stdout, stderr, return_code, error?}` (stream-runtime.md 9.5).

    Code that fails is a success of the tool: `success` tells, and `error` why.

    Raises:
        ToolFailedError: `TIMEOUT` with the output so far; not started; no sandbox; no room.
    """
    language = context.language
    if context.sandbox.unavailable_reason is not None:
        raise ToolFailedError(words(_UNAVAILABLE, language))
    command = _command(interpreter, str(arguments["code"]), arguments.get("timeout", DEFAULT_SECONDS), context)
    result = await run_within(room, command, context, words(_NOT_STARTED, language))
    if result.timed_out:
        message = words(_TIMED_OUT.fill(seconds=f"{command.timeout_seconds:g}"), language)
        raise ToolFailedError(message, "TIMEOUT", **_output(result))
    outcome = {"success": result.return_code == 0, **_output(result), "return_code": result.return_code}
    if result.return_code:
        said = result.stderr.strip()[-_MAX_ERROR_CHARACTERS:]
        outcome["error"] = said or words(_ENDED.fill(code=result.return_code), language)
    return outcome


def _command(interpreter: Interpreter, code: str, seconds: float, context: ToolContext) -> SandboxCommand:
    language = context.language
    try:
        size = len(code.encode())
    except UnicodeEncodeError:
        raise ToolFailedError(words(_BAD_TEXT, language), "INVALID_ARGUMENTS") from None
    if "\0" in code:
        raise ToolFailedError(words(_BAD_TEXT, language), "INVALID_ARGUMENTS")
    if size > MAX_CODE_BYTES:
        raise ToolFailedError(words(_TOO_LONG, language), "INVALID_ARGUMENTS")
    pieces = [code[at : at + _PIECE_CHARACTERS] for at in range(0, len(code), _PIECE_CHARACTERS)]
    # printf is part of the shell, so the script is not limited by what a program takes as arguments.
    shell = f'printf %s "$@" > "$0" && {interpreter.start}'
    return SandboxCommand(
        argv=("/bin/sh", "-c", shell, interpreter.script, *pieces),
        workspace=context.workspace,
        environment=interpreter.environment,
        timeout_seconds=float(seconds),
    )


def _output(result: SandboxResult) -> dict[str, Any]:
    output = {"output": result.stdout, "stdout": result.stdout, "stderr": result.stderr}
    return {**output, "truncated": True} if result.truncated else output
