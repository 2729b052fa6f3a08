"""A client, a person at a browser, and the steps between them."""

import base64
import hashlib
import re
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx2

from support.house import ADMIN_PASSWORD, House, bearer, login

VERIFIER = "v" * 64
CHALLENGE = base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).rstrip(b"=").decode()
CALLBACK = "https://app.example.com/cb"


class Party:
    """Pia at her browser, and an app."""

    def __init__(self, house: House, browser: httpx2.AsyncClient, app: httpx2.AsyncClient) -> None:
        self.house = house
        self.browser = browser
        self.app = app
        self.client: dict[str, Any] = {}

    async def make_client(self, **fields: Any) -> dict[str, Any]:
        """A client made by the admin; kept as the one that is used."""
        body = {"client_name": "App", "redirect_uris": [CALLBACK], "scope": "openid profile email read chat", **fields}
        async with self.house.browser() as admin:
            headers = bearer(await login(admin, "admin", ADMIN_PASSWORD))
            answer = (await admin.post("/api/oauth2/clients", json=body, headers=headers)).json()
        assert answer["code"] == 200, answer
        self.client = answer["data"]
        return self.client

    async def ask(self, prefix: str = "/oauth2", **changes: Any) -> httpx2.Response:
        """The authorization request; a value of None leaves a parameter out."""
        sent: dict[str, Any] = {
            "response_type": "code",
            "client_id": self.client["client_id"],
            "redirect_uri": CALLBACK,
            "scope": "openid profile email read",
            "state": "s-1",
            "nonce": "n-1",
            "code_challenge": CHALLENGE,
            "code_challenge_method": "S256",
            **changes,
        }
        wanted = {name: value for name, value in sent.items() if value is not None}
        return await self.browser.get(f"{prefix}/authorize", params=wanted)

    async def consent(self, asked: httpx2.Response, decision: str = "allow", **changes: Any) -> httpx2.Response:
        """Opens the page that the answer leads to, and sends its form."""
        page = await self.browser.get(asked.headers["location"])
        assert page.status_code == 200, page.text
        form: dict[str, Any] = {
            "request": field(page.text, "request"),
            "csrf": field(page.text, "csrf"),
            "decision": decision,
            "scope": re.findall(r'name="scope" value="(\w+)"', page.text),
            **changes,
        }
        return await self.browser.post(asked.headers["location"].partition("?")[0], data=form)

    async def code(self, **changes: Any) -> str:
        """A code, after consent where it is asked."""
        asked = await self.ask(**changes)
        if "/consent?" in asked.headers["location"]:
            asked = await self.consent(asked)
        return query_of(asked)["code"]

    async def redeem(self, code: str | None = None, **changes: Any) -> httpx2.Response:
        """The token request of the client; None leaves a parameter out."""
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": CALLBACK,
            "code_verifier": VERIFIER,
            **self._own(),
            **changes,
        }
        return await self.app.post("/oauth2/token", data={k: v for k, v in form.items() if v is not None})

    async def refresh(self, token: str, **changes: Any) -> httpx2.Response:
        """Redeems a refresh token."""
        form = {"grant_type": "refresh_token", "refresh_token": token, **self._own(), **changes}
        return await self.app.post("/oauth2/token", data={k: v for k, v in form.items() if v is not None})

    async def tokens(self, **changes: Any) -> dict[str, Any]:
        """Tokens, the whole way."""
        answer = await self.redeem(await self.code(**changes))
        assert answer.status_code == 200, answer.text
        return answer.json()

    def _own(self) -> dict[str, str]:
        own = {"client_id": self.client["client_id"]}
        if self.client.get("client_secret") and self.client["token_endpoint_auth_method"] == "client_secret_post":
            own["client_secret"] = self.client["client_secret"]
        return own


def query_of(answer: httpx2.Response) -> dict[str, str]:
    """The parameters of a redirect."""
    assert answer.status_code in (302, 303), answer.text
    return {name: values[0] for name, values in parse_qs(urlsplit(answer.headers["location"]).query).items()}


def field(page: str, name: str) -> str:
    """The value of a hidden field."""
    found = re.search(rf'name="{name}" value="([^"]+)"', page)
    assert found is not None, page
    return found[1]
