"""A real OpenID provider (`oidc-provider` of npm) on a free loopback port, and the steps of a browser through it."""

import json
import re
import socket
import subprocess
from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import httpx2

from support.house import BASE_URL, House, house_in

FOLDER = Path(__file__).resolve().parents[1] / "openid"
SECRET = "a-secret-of-the-client-4711"
CALLBACK = f"{BASE_URL}/api/auth/upstream/callback"
PROVIDER_IDS = ("corp", "other", "post", "open", "group", "mail")
HTML = {"Accept": "text/html,application/xhtml+xml"}


@dataclass(frozen=True)
class OpenIdProvider:
    """A running one."""

    issuer: str

    def entry(self, provider_id: str = "corp", **more: Any) -> dict[str, Any]:
        """Its entry in `CLARY_AUTH_PROVIDERS`."""
        secret = {} if provider_id == "open" else {"client_secret": SECRET}
        return {
            "id": provider_id,
            "name": provider_id.title(),
            "client_id": f"clary-{provider_id}",
            "discovery_url": f"{self.issuer}/.well-known/openid-configuration",
            "scope": "openid profile email groups",
            **secret,
            **more,
        }

    def say(self, login: str, /, **claims: Any) -> None:
        """What it says about somebody from now on."""
        httpx2.post(f"{self.issuer}/people", json={login: claims}).raise_for_status()


def _clients() -> list[dict[str, Any]]:
    methods = {"post": "client_secret_post", "open": "none"}
    return [
        {
            "client_id": f"clary-{each}",
            "redirect_uris": [f"{CALLBACK}/{each}", f"{BASE_URL}/api/user/oauth/callback/{each}"],
            "post_logout_redirect_uris": [f"{BASE_URL}/login"],
            "token_endpoint_auth_method": methods.get(each, "client_secret_basic"),
            **({} if each == "open" else {"client_secret": SECRET}),
        }
        for each in PROVIDER_IDS
    ]


@contextmanager
def openid_provider() -> Generator[OpenIdProvider]:
    """Starts one and stops it."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = ["node", "provider.mjs", str(port), json.dumps(_clients()), "{}"]
    with subprocess.Popen(command, cwd=FOLDER, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        try:
            assert process.stdout is not None
            assert any(line.strip() == "ready" for line in process.stdout), "the provider did not start"
            yield OpenIdProvider(f"http://127.0.0.1:{port}")
        finally:
            process.terminate()


async def approve(address: str, *, name: str) -> str:
    """Goes through the provider's pages as `name`, who consents; returns where it sends the browser back to."""
    async with httpx2.AsyncClient() as browser:
        for _ in range(12):
            answer = await browser.get(address)
            if answer.status_code == 200:
                prompt = re.search(r'name="prompt" value="(\w+)"', answer.text)
                action = re.search(r'action="([^"]+)"', answer.text)
                assert prompt is not None, answer.text
                assert action is not None, answer.text
                form = {"prompt": prompt[1], "login": name, "password": "any"}
                answer = await browser.post(str(answer.url.join(action[1])), data=form)
            assert answer.is_redirect, (answer.status_code, answer.text)
            address = str(answer.url.join(answer.headers["location"]))
            if address.startswith(BASE_URL):
                return address
    raise AssertionError("the provider never sent the browser back")


async def sign_in(
    client: httpx2.AsyncClient, name: str, *, provider_id: str = "corp", query: str = "", **headers: str
) -> httpx2.Response:
    """The whole way of one browser; the answer of the callback."""
    begun = await client.get(f"/api/auth/upstream/login/{provider_id}{query}", headers=headers)
    assert begun.status_code == 302, begun.text
    back = await approve(begun.headers["location"], name=name)
    return await client.get(back, headers=headers)


async def whoami(client: httpx2.AsyncClient) -> dict[str, Any]:
    """The session of a client, which must have one."""
    answer = await client.get("/api/auth/session")
    assert answer.status_code == 200, answer.text
    return answer.json()["data"]


def told(answer: httpx2.Response) -> tuple[int, str]:
    """Status and slug of a refusal; the redirect of a browser counts as one."""
    if answer.status_code == 302:
        return 302, dict(parse_qsl(urlsplit(answer.headers["location"]).query))["error"]
    return answer.status_code, answer.json()["error_detail"]


@asynccontextmanager
async def oauth_house(folder: Path, *entries: dict[str, Any], **values: Any) -> AsyncGenerator[House]:
    """A house in mode `oauth`, with a clock that agrees with the provider's."""
    async with house_in(folder, auth_mode="oauth", auth_providers=list(entries), **values) as house:
        house.clock.moment = datetime.now(UTC)
        yield house
