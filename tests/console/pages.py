"""What tests of the console's pages need."""

import shutil
from pathlib import Path

CONSOLE = Path(__file__).resolve().parents[2] / "console"


def need_a_built_console() -> None:
    """Says what to do where it cannot work."""
    assert shutil.which("node"), "the console's journeys need Node"
    assert (CONSOLE / "dist" / "index.html").is_file(), "the console is not built: make console"
