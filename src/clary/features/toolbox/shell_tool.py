"""execute_shell_command."""

import asyncio
import re
from typing import Any, ClassVar, Final

from clary.features.toolbox.definition import DefinedTool, Parameter, ToolDefinition
from clary.features.toolbox.workspace_files import refusals_in, shown
from clary.kit import safe_paths
from clary.kit.text import Text
from clary.runtime.tools import SandboxCommand, SandboxResult, ToolContext, ToolFailedError, WorkspaceFullError
from clary.runtime.toolset import words

DEFAULT_SECONDS: Final = 30
MAX_SECONDS: Final = 600
MAX_COMMAND_BYTES: Final = 100_000
"""A little below what a kernel takes as one argument."""
_MAX_VARIABLES: Final = 100
_VARIABLE: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,127}")
_SHELL: Final = 'if [ -x /bin/bash ]; then exec /bin/bash -c "$1"; fi; exec /bin/sh -c "$1"'

_UNAVAILABLE: Final = Text("沙箱不可用，无法执行命令", "The sandbox is not available; commands cannot be run")
_NOT_STARTED: Final = Text("命令未能启动", "The command could not be started")
_TIMED_OUT: Final = Text("命令在 {seconds} 秒后超时，已终止", "The command was stopped after {seconds} seconds")
_TOO_LONG: Final = Text("命令过长，请写入脚本文件再执行", "The command is too long; write a script file and run that")
_BAD_TEXT: Final = Text("命令包含不允许的字符", "The command holds characters that are not allowed")
_BAD_VARIABLES: Final = Text("env_vars 无效", "env_vars is invalid")
_NO_FOLDER: Final = Text("工作目录不是文件夹: {path}", "The working folder is not a folder: {path}")


class ShellTool(DefinedTool):
    """A command in the sandbox."""

    definition: ClassVar[ToolDefinition] = ToolDefinition(
        name="execute_shell_command",
        description=Text(
            "在隔离的沙箱中执行 shell 命令，工作区位于 /workspace，没有网络。",
            "Runs a shell command in an isolated sandbox; the workspace is at /workspace, there is no network.",
        ),
        parameters=(
            Parameter(
                "command", {"type": "string", "minLength": 1}, Text("要执行的命令", "The command"), required=True
            ),
            Parameter(
                "workdir",
                {"type": "string"},
                Text("工作目录，默认 /workspace", "Working folder, /workspace by default"),
            ),
            Parameter(
                "timeout",
                {"type": "integer", "minimum": 1, "maximum": MAX_SECONDS, "default": DEFAULT_SECONDS},
                Text("超时秒数，最多 600", "Seconds until it is stopped, at most 600"),
            ),
            Parameter(
                "env_vars",
                {"type": "object", "additionalProperties": {"type": ["string", "number", "boolean"]}},
                Text("附加的环境变量", "Additional environment variables"),
            ),
        ),
        effect="external",
        parallel_safe=False,
        timeout_seconds=None,
    )

    async def run(self, arguments: dict[str, Any], context: ToolContext) -> dict[str, Any]:
        """See `Tool.run`. A command that fails is a success of the tool: `success` tells.

        Raises:
            ToolFailedError: `TIMEOUT` with the output so far; not started; no sandbox.
        """
        if context.sandbox.unavailable_reason is not None:
            raise ToolFailedError(words(_UNAVAILABLE, context.language))
        command = await self._command(arguments, context)
        try:
            result = await context.sandbox.run(command, context.progress)
        except WorkspaceFullError:
            raise
        except ToolFailedError:
            raise ToolFailedError(words(_NOT_STARTED, context.language)) from None
        if result.timed_out:
            message = words(_TIMED_OUT.fill(seconds=f"{command.timeout_seconds:g}"), context.language)
            raise ToolFailedError(message, "TIMEOUT", **_output(result))
        return {"success": result.return_code == 0, **_output(result), "return_code": result.return_code}

    async def _command(self, arguments: dict[str, Any], context: ToolContext) -> SandboxCommand:
        script = str(arguments["command"])
        language = context.language
        try:
            size = len(script.encode())
        except UnicodeEncodeError:
            raise ToolFailedError(words(_BAD_TEXT, language), "INVALID_ARGUMENTS") from None
        if "\0" in script:
            raise ToolFailedError(words(_BAD_TEXT, language), "INVALID_ARGUMENTS")
        if size > MAX_COMMAND_BYTES:
            raise ToolFailedError(words(_TOO_LONG, language), "INVALID_ARGUMENTS")
        workdir = await asyncio.to_thread(_working_folder, arguments.get("workdir") or ".", context)
        return SandboxCommand(
            argv=("/bin/sh", "-c", _SHELL, "sh", script),
            workspace=context.workspace,
            workdir=workdir,
            environment=_variables(arguments.get("env_vars") or {}, context),
            timeout_seconds=float(arguments.get("timeout", DEFAULT_SECONDS)),
        )


def _output(result: SandboxResult) -> dict[str, Any]:
    output = {"stdout": result.stdout, "stderr": result.stderr, "execution_time": round(result.seconds, 3)}
    return {**output, "truncated": True} if result.truncated else output


def _working_folder(path: str, context: ToolContext) -> str:
    with refusals_in(context.language, path):
        relative = safe_paths.locate(context.workspace, path)
        facts = safe_paths.stat(context.workspace, relative)
    if safe_paths.kind_of(facts) != "directory":
        raise ToolFailedError(words(_NO_FOLDER.fill(path=shown(relative)), context.language))
    return f"/workspace/{relative}" if relative else "/workspace"


def _variables(wanted: dict[str, Any], context: ToolContext) -> tuple[tuple[str, str], ...]:
    variables = tuple((name, _as_text(value)) for name, value in wanted.items())
    for name, value in variables:
        if _VARIABLE.fullmatch(name) is None or "\0" in value or len(value) > MAX_COMMAND_BYTES // 4:
            raise ToolFailedError(words(_BAD_VARIABLES, context.language), "INVALID_ARGUMENTS")
    if len(variables) > _MAX_VARIABLES:
        raise ToolFailedError(words(_BAD_VARIABLES, context.language), "INVALID_ARGUMENTS")
    return variables


def _as_text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
