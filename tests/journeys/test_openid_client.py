"""The authorization server against a strict independent client, through a real browser (platform.md 6)."""

import json
import shutil
import socket
from pathlib import Path

import pytest

from support.programs import finished
from support.server_process import ADMIN_PASSWORD, running

pytestmark = pytest.mark.anyio

ROOT = Path(__file__).resolve().parents[2]
SECRET = "a-secret-of-the-test-app"


@pytest.mark.timeout(180)
async def test_a_strict_client_goes_the_whole_way_through_a_browser(tmp_path: Path) -> None:
    assert shutil.which("node"), "the strict client needs Node"
    assert (ROOT / "tests/openid/node_modules").is_dir(), "the strict client is not installed: make openid"
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    entry = {
        "client_id": "test-app",
        "client_name": "Test App",
        "client_secret": SECRET,
        "redirect_uris": [f"http://127.0.0.1:{port}/cb"],
        "scope": "openid profile email read",
    }
    async with running(tmp_path / "data", CLARY_OAUTH2_CLIENTS=json.dumps([entry])) as server:
        status, said = await finished(
            "node",
            "relying-party.mjs",
            cwd=ROOT / "tests/openid",
            CLARY_URL=server.url,
            CLARY_USER="admin",
            CLARY_PASSWORD=ADMIN_PASSWORD,
            CLIENT_ID="test-app",
            CLIENT_SECRET=SECRET,
            APP_PORT=str(port),
        )
    assert (status, said.splitlines()[-1:]) == (0, ["the whole way"]), said[-3000:]
