"""Commands as a person types them, each in a process of its own."""

import os
import subprocess
import tempfile
from pathlib import Path

from support.schema import database_environment
from support.warm import WarmProcess


def clary(folder: Path, *arguments: str, stdin: str = "", **environment: str) -> subprocess.CompletedProcess[str]:
    """Runs a command on a data directory."""
    clean = {key: value for key, value in os.environ.items() if not key.startswith("CLARY_")}
    here = {"CLARY_DATA_DIR": str(folder / "data"), **database_environment(folder / "data")}
    with tempfile.TemporaryDirectory() as place:
        said, warned, typed = (Path(place) / name for name in ("stdout", "stderr", "stdin"))
        typed.write_text(stdin)
        process = WarmProcess(
            arguments,
            environment={**clean, **here, **environment},
            folder=folder,
            stdin=typed,
            stdout=said,
            stderr=warned,
        )
        status = process.wait_for(60)
        return subprocess.CompletedProcess(list(arguments), status, said.read_text(), warned.read_text())
