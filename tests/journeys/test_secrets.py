"""A busy server's log, its answers and its files hold no password, token or key that was used (A27, A28)."""

import asyncio
import json
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from support.schema import stored_bytes
from support.server_process import ADMIN_PASSWORD, ServerProcess, running, signed_in

pytestmark = pytest.mark.anyio

PASSWORD, NEW_PASSWORD, WRONG_PASSWORD = "Busy-Person-4711", "Busy-Person-4712", "Wrong-Guess-4713"
PROVIDER_KEY, TRIED_KEY = "sk-kept-0123456789abcdef", "sk-tried-0123456789abcdef"
# Nobody listens there.
NOWHERE = "http://127.0.0.1:9/v1"


class Busy:
    """Somebody who does a lot, mostly wrongly; keeps what was answered and every secret that was in play."""

    def __init__(self, server: ServerProcess, session: aiohttp.ClientSession) -> None:
        self._server, self._session = server, session
        self.answers: list[str] = []

    def cookies(self) -> set[str]:
        """The values of its cookies now."""
        return {cookie.value for cookie in self._session.cookie_jar}

    async def call(self, method: str, path: str, body: Any = None, token: str = "", **headers: str) -> Any:
        """Sends, keeps the answer, and returns its data."""
        given = {**headers, "Authorization": f"Bearer {token}"} if token else headers
        raw = body if isinstance(body, bytes) else json.dumps(body).encode() if body is not None else None
        kind = {"Content-Type": "application/json"} if raw is not None else {}
        async with self._session.request(method, self._server.url + path, data=raw, headers={**kind, **given}) as got:
            text = await got.text()
            assert got.status < 500, text
        self.answers.append(text)
        return json.loads(text).get("data") if text.startswith("{") else None


async def test_no_secret_reaches_a_log_an_error_or_a_file(tmp_path: Path) -> None:
    async with asyncio.timeout(60):
        async with running(tmp_path / "data", CLARY_LOG_LEVEL="debug", CLARY_LOG_FORMAT="json") as server:
            await (await signed_in(server)).data(
                "POST", "/api/user/add", {"username": "busy", "password": PASSWORD, "email": "busy@example.org"}
            )
            async with aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as session:
                busy = Busy(server, session)
                given, secrets = await _work(busy)
        log = server.log.read_text()
    assert [name for name in given if name in log] == []
    assert [secret for secret in secrets if secret in log] == []
    # The answer that hands a secret out is not among these.
    assert [secret for secret in secrets for answer in busy.answers if secret in answer] == []
    assert "busy@example.org" not in log
    stored = stored_bytes(tmp_path / "data")
    assert [secret for secret in secrets if secret.encode() in stored] == []


async def _work(busy: Busy) -> tuple[set[str], set[str]]:
    """Returns what else a log must not show, and the secrets."""
    tokens = await busy.call("POST", "/api/auth/login", {"username_or_email": "busy", "password": PASSWORD})
    busy.answers.pop()
    token, spent = tokens["access_token"], tokens["refresh_token"]
    cookies = busy.cookies()
    for name in ("busy", "busy@example.org", "nobody"):
        await busy.call("POST", "/api/auth/login", {"username_or_email": name, "password": WRONG_PASSWORD})
    await busy.call("POST", "/api/auth/login", {"username_or_email": 1, "password": PASSWORD})
    await busy.call("POST", "/api/auth/login", b'{"username_or_email": "busy", "password": "' + PASSWORD.encode())
    await busy.call("POST", "/api/auth/login", {"password": [PASSWORD]})
    changed = {"old_password": WRONG_PASSWORD, "new_password": NEW_PASSWORD}
    await busy.call("POST", "/api/user/change-password", changed, token)
    await busy.call("POST", "/api/user/change-password", {**changed, "old_password": PASSWORD}, token)
    await busy.call("GET", f"/api/auth/session?access_token={token}&password={NEW_PASSWORD}")
    await busy.call("GET", "/api/auth/session", token=token[:-3] + "abc")
    await busy.call("GET", f"/api/nothing/{token}")
    provider = {"name": "mine", "base_url": NOWHERE, "api_keys": [PROVIDER_KEY], "model": "m"}
    row = await busy.call("POST", "/api/llm-provider/create", provider, token)
    await busy.call("GET", "/api/llm-provider/list", token=token)
    await busy.call("POST", "/api/llm-provider/create", {**provider, "api_keys": TRIED_KEY}, token)
    await busy.call("POST", "/api/llm-provider/create", {**provider, "api_keys": [TRIED_KEY, "x"]}, token)
    await busy.call("POST", "/api/llm-provider/verify", {**provider, "api_keys": [TRIED_KEY]}, token)
    await busy.call("POST", "/api/llm-provider/verify-multimodal", {**provider, "api_keys": [TRIED_KEY]}, token)
    await busy.call("POST", f"/api/llm-provider/verify-capabilities/{row['id']}", {}, token)
    renewed = await busy.call("POST", "/api/auth/refresh", {"refresh_token": spent})
    busy.answers.pop()
    await busy.call("POST", "/api/auth/refresh", {"refresh_token": spent})
    await busy.call("GET", "/api/auth/session", token=renewed["access_token"])
    await busy.call("POST", "/api/auth/logout", {})
    secrets = {PASSWORD, NEW_PASSWORD, WRONG_PASSWORD, PROVIDER_KEY, TRIED_KEY, ADMIN_PASSWORD}
    secrets |= cookies | {token, spent, renewed["access_token"], renewed["refresh_token"]}
    return {token.rsplit(".", 1)[1], "password=", "Bearer "}, secrets
