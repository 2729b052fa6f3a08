"""Commands as a person types them, each in a process of its own."""

import os
import subprocess
import sys
from pathlib import Path


def clary(folder: Path, *arguments: str, stdin: str = "", **environment: str) -> subprocess.CompletedProcess[str]:
    """Runs a command on a data directory."""
    clean = {key: value for key, value in os.environ.items() if not key.startswith("CLARY_")}
    return subprocess.run(
        [sys.executable, "-m", "clary.cli", *arguments],
        env={**clean, "CLARY_DATA_DIR": str(folder / "data"), **environment},
        cwd=folder,
        input=stdin,
        text=True,
        capture_output=True,
        timeout=60,
        check=False,
    )
