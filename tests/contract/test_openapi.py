"""The committed API document is the one the routes give."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def test_the_committed_document_is_what_the_routes_generate() -> None:
    done = subprocess.run(
        [sys.executable, "tools/make_openapi.py", "--check"], cwd=ROOT, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, "contract/openapi.json is stale: run `make openapi`\n" + done.stderr[-500:]
