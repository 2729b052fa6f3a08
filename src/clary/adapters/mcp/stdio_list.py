"""The administrator's file of programs that may serve MCP over standard input and output (product.md 8.7)."""

import asyncio
import stat
from pathlib import Path
from typing import Any, cast

import structlog

from clary.features.mcp_servers.ports import StdioProgram
from clary.kit import json_text

log = structlog.get_logger()


class StdioListFile:
    """Fills the port `StdioPrograms`. A file that others than its owner may write counts as none."""

    def __init__(self, path: Path | None) -> None:
        self._path = path

    async def find(self, program_id: str) -> StdioProgram | None:
        """See the port."""
        if self._path is None:
            return None
        try:
            entries = await asyncio.to_thread(_read, self._path)
        except (OSError, ValueError):
            log.warning("mcp_stdio_list_unreadable")
            return None
        return _program(program_id, entries.get(program_id))


def _read(path: Path) -> dict[str, Any]:
    if path.stat().st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        raise ValueError("writable by others")
    value = json_text.loads_strict(path.read_bytes())
    return cast("dict[str, Any]", value) if isinstance(value, dict) else {}


def _program(program_id: str, entry: Any) -> StdioProgram | None:
    if not isinstance(entry, dict):
        return None
    fields = cast("dict[str, Any]", entry)
    command, args, env = fields.get("command"), fields.get("args", []), fields.get("env", {})
    if not isinstance(command, str) or not isinstance(args, list) or not isinstance(env, dict):
        return None
    words, values = cast("list[Any]", args), cast("dict[str, Any]", env)
    return StdioProgram(
        program_id,
        command,
        tuple(str(each) for each in words),
        tuple((name, str(value)) for name, value in values.items()),
    )
