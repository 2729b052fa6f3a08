"""Regenerates `contract/openapi.json` from the routes; `--check` only compares. Usage: python tools/make_openapi.py."""

import json
import sys
import tempfile
from pathlib import Path

from clary.asgi import create_api
from clary.settings import Settings
from clary.wiring import build_services

TARGET = Path(__file__).resolve().parents[1] / "contract" / "openapi.json"


def generated() -> str:
    """The document, in a stable form."""
    with tempfile.TemporaryDirectory() as folder:
        api = create_api(build_services(Settings(data_dir=Path(folder))))
        return json.dumps(api.openapi(), indent=1, sort_keys=True, ensure_ascii=False) + "\n"


def main() -> int:
    """Exit status 1 when the committed document differs."""
    text = generated()
    if "--check" in sys.argv:
        return int(not TARGET.exists() or TARGET.read_text("utf-8") != text)
    TARGET.write_text(text, "utf-8")
    print(f"{TARGET.name}: {len(text)} characters")
    return 0


if __name__ == "__main__":
    sys.exit(main())
