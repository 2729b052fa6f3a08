"""The self-check of what a run wrote (stream-runtime.md 9.11): files exist, and those of known kinds can be parsed."""

import asyncio
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final
from urllib.parse import unquote

from clary.kit import json_text, safe_paths
from clary.kit.text import Locale, Text
from clary.runtime.messages import ToolCall
from clary.runtime.plan import CheckReport
from clary.runtime.tools import Sandbox, SandboxCommand, ToolFailedError
from clary.runtime.toolset import parse_arguments

WRITING_TOOLS: Final = frozenset({"file_write", "file_update"})
PATCH_TOOL: Final = "apply_patch"
MAX_FILES: Final = 20
CHECK_SECONDS: Final = 10.0
RUNNING_TOOLS: Final = frozenset({"execute_shell_command", "execute_python_code", "execute_javascript_code"})
"""What they write is known by the links of the answer only."""
_LINK: Final = re.compile(r"\]\(<?([^)<>\s]{1,1024})")
_ELSEWHERE: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:|//|#|\?")
"""How a link begins that is no path: an address, or a place in the answer itself."""
_ABSOLUTE: Final = re.compile(r"/(?:sage-)?workspace/")
_PYTHON: Final = (
    "import ast,sys\n"
    "p=sys.argv[1]\n"
    "s=open(p,encoding='utf-8').read()\n"
    "k=p.rsplit('.',1)[-1].lower()\n"
    "if k=='py': ast.parse(s)\n"
    "elif k=='json': __import__('json').loads(s)\n"
    "elif k=='toml': __import__('tomllib').loads(s)\n"
    "else:\n"
    "  try: import yaml\n"
    "  except ImportError: sys.exit(0)\n"
    "  list(yaml.safe_load_all(s))\n"
)
_BY_PYTHON: Final = (".py", ".json", ".toml", ".yaml", ".yml")
_BY_NODE: Final = (".js", ".mjs", ".cjs")

_MISSING: Final = Text("文件不存在: {path}", "The file does not exist: {path}")
_BROKEN: Final = Text("文件无法解析: {path}", "The file cannot be parsed: {path}")
_INTRO: Final = Text("自检发现问题，请修正：", "The self-check found faults; please mend them:")


class WorkspaceCheck:
    """Implements `runtime.plan.SelfCheck` on one workspace."""

    def __init__(self, workspace: Path, sandbox: Callable[[], Sandbox], locale: Locale) -> None:
        self._workspace = workspace
        self._sandbox = sandbox
        self._locale: Locale = locale

    async def check(self, calls: Sequence[tuple[ToolCall, str]], answer: str) -> CheckReport | None:
        """See `SelfCheck.check`. Nothing is looked at unless something was written."""
        written = _written(calls)
        if not written and not any(call.name in RUNNING_TOOLS for call, _ in calls):
            return None
        paths = list(dict.fromkeys([*written, *_linked(answer)]))[:MAX_FILES]
        faults = [fault for path in paths if (fault := await self._fault(path)) is not None]
        if not faults:
            return None
        lines = [f"- {fault.render(self._locale)}" for fault in faults]
        return CheckReport("\n".join([_INTRO.render(self._locale), *lines]), tuple(paths))

    async def _fault(self, path: str) -> Text | None:
        try:
            relative = await asyncio.to_thread(safe_paths.locate, self._workspace, path)
            facts = await asyncio.to_thread(safe_paths.stat, self._workspace, relative)
        except safe_paths.PathError:
            return _MISSING.fill(path=path)
        if safe_paths.kind_of(facts) != "file" or await self._parses(relative):
            return None
        return _BROKEN.fill(path=path)

    async def _parses(self, relative: str) -> bool:
        """Whether a file of a known kind can be read as that; unknown when nothing can be run here."""
        argv = _argv(f"/workspace/{relative}")
        sandbox = self._sandbox()
        if argv is None or sandbox.unavailable_reason is not None:
            return True
        command = SandboxCommand(argv, self._workspace, timeout_seconds=CHECK_SECONDS)
        try:
            result = await sandbox.run(command)
        except ToolFailedError:
            return True
        # 127: the program that would tell is not there.
        return result.return_code in (0, 127) or result.timed_out


def _argv(path: str) -> tuple[str, ...] | None:
    lowered = path.lower()
    if lowered.endswith(_BY_PYTHON):
        return ("/usr/bin/env", "python3", "-I", "-c", _PYTHON, path)
    if lowered.endswith(_BY_NODE):
        return ("/usr/bin/env", "node", "--check", path)
    return None


def _linked(answer: str) -> list[str]:
    """Files of the workspace that an answer links; they are relative or begin with `/workspace/` (11 C11)."""
    found: list[str] = []
    for link in _LINK.findall(answer):
        target = link.removeprefix("file://")
        if _ELSEWHERE.match(target) is None and (not target.startswith("/") or _ABSOLUTE.match(target)):
            found.append(unquote(re.split("[#?]", target, maxsplit=1)[0]))
    return found


def _written(calls: Sequence[tuple[ToolCall, str]]) -> list[str]:
    """Paths named in successful calls that write."""
    paths: list[str] = []
    for call, result in calls:
        arguments = parse_arguments(call.arguments) or {}
        if call.name in WRITING_TOOLS and arguments.get("file_path"):
            paths.append(str(arguments["file_path"]))
        elif call.name == PATCH_TOOL:
            paths += _patched(result)
    return paths


def _patched(result: str) -> list[str]:
    try:
        files = json_text.loads(result).get("files", [])
    except (ValueError, AttributeError):
        return []
    return [str(each["path"]) for each in files if each.get("action") != "delete"]
