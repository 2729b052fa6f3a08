"""Puts the built console into the wheel when it is there, so that people who install Clary need no Node."""

from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class ConsoleHook(BuildHookInterface):  # type: ignore[type-arg]
    """Adds `console/dist` as `clary/console`."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Called by hatchling before it collects files."""
        dist = Path(self.root) / "console" / "dist"
        if version != "editable" and (dist / "index.html").is_file():
            build_data["force_include"][str(dist)] = "clary/console"
