"""A provider that lies when a test tells it to. Everything it says can be replaced; it counts what it is asked."""

import base64
import hashlib
import json
import time
import warnings
from collections import Counter
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx2
from aiohttp import web
from joserfc import jws
from joserfc.errors import SecurityWarning
from joserfc.jwk import ECKey, OctKey, OKPKey, RSAKey

SECRET = "a-secret-of-a-hostile-client-4711"
CLIENT = "clary"
KEYS: dict[str, Any] = {
    "RS256": RSAKey.generate_key(2048, {"kid": "rsa", "use": "sig"}),
    "PS256": RSAKey.generate_key(2048, {"kid": "pss", "use": "sig"}),
    "ES256": ECKey.generate_key("P-256", {"kid": "ec", "use": "sig"}),
    "EdDSA": OKPKey.generate_key("Ed25519", {"kid": "ed", "use": "sig"}),
}
STRANGER = RSAKey.generate_key(2048, {"kid": "rsa"})
SHARED = OctKey.import_key(SECRET)
Json = dict[str, Any]


class Hostile:
    """State of the provider; tests change its fields."""

    def __init__(self) -> None:
        self.issuer = ""
        self.person: Json = {"sub": "somebody"}
        self.nonce = ""
        self.header: Json = {"alg": "RS256", "kid": "rsa"}
        self.twist: Callable[[Json], Json] = lambda claims: claims
        self.userinfo: Json | None = None
        self.emails: Any = []
        self.key: Any = None
        self.document: Json = {}
        self.token_answer: tuple[int, Any] | None = None
        self.broken: set[str] = set()
        self.hits: Counter[str] = Counter()
        self.forms: list[dict[str, str]] = []
        self.credentials: list[str] = []

    def entry(self, provider_id: str = "corp", **more: Any) -> Json:
        """Its entry as an OpenID provider."""
        place = f"{self.issuer}/.well-known/openid-configuration"
        return {
            "id": provider_id,
            "name": provider_id.title(),
            "discovery_url": place,
            "client_id": CLIENT,
            "client_secret": SECRET,
            **more,
        }

    def plain_entry(self, provider_id: str = "hub", **more: Any) -> Json:
        """Its entry as a provider of OAuth 2 alone."""
        return {
            "id": provider_id,
            "type": "oauth2",
            "client_id": CLIENT,
            "client_secret": SECRET,
            "authorize_url": f"{self.issuer}/authorize?kept=yes",
            "token_url": f"{self.issuer}/token",
            "userinfo_url": f"{self.issuer}/userinfo",
            "emails_url": f"{self.issuer}/emails",
            "subject_claim": "id",
            "username_claim": "login",
            **more,
        }

    def id_token(self) -> str:
        """What it vouches for."""
        now = int(time.time())
        claims = {"iss": self.issuer, "aud": CLIENT, "iat": now, "exp": now + 600, "nonce": self.nonce, **self.person}
        key = self.key or KEYS.get(self.header["alg"], KEYS["RS256"])
        payload = json.dumps(self.twist(claims))
        if self.header["alg"] == "none":
            parts = [json.dumps(self.header), payload, ""]
            return ".".join(base64.urlsafe_b64encode(part.encode()).rstrip(b"=").decode() for part in parts)
        algorithms = ["HS256", *KEYS]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", SecurityWarning)
            return jws.serialize_compact(self.header, payload, key, registry=jws.JWSRegistry(algorithms=algorithms))

    async def answer(self, request: web.Request) -> web.Response:
        """Every endpoint."""
        self.hits[request.path] += 1
        if request.path in self.broken:
            return web.json_response({"error": "MARK"}, status=500)
        if request.path == "/.well-known/openid-configuration":
            names = {"authorization_endpoint": "authorize", "token_endpoint": "token", "jwks_uri": "jwks"}
            document: Json = {"issuer": self.issuer, **{key: f"{self.issuer}/{each}" for key, each in names.items()}}
            document = {**document, **self.document}
            if self.userinfo is not None:
                document["userinfo_endpoint"] = f"{self.issuer}/userinfo"
            return web.json_response(document)
        if request.path == "/jwks":
            return web.json_response({"keys": [each.as_dict(private=False) for each in KEYS.values()]})
        if request.path == "/token":
            self.forms.append({name: str(value) for name, value in (await request.post()).items()})
            self.credentials.append(request.headers.get("Authorization", ""))
            if self.token_answer is not None:
                return web.json_response(self.token_answer[1], status=self.token_answer[0])
            return web.json_response({"access_token": "at", "token_type": "Bearer", "id_token": self.id_token()})
        return web.json_response(self.emails if request.path == "/emails" else self.userinfo or self.person)


@asynccontextmanager
async def hostile_provider() -> AsyncGenerator[Hostile]:
    """One on a free loopback port."""
    hostile, app = Hostile(), web.Application()
    app.router.add_route("*", "/{path:.*}", hostile.answer)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    hostile.issuer = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield hostile
    finally:
        await runner.cleanup()


async def begin(
    client: httpx2.AsyncClient, hostile: Hostile, provider_id: str = "corp", query: str = "", **headers: str
) -> dict[str, str]:
    """Begins a flow and lets the provider know its nonce; the parameters of the request."""
    answer = await client.get(f"/api/auth/upstream/login/{provider_id}{query}", headers=headers)
    assert answer.status_code == 302, answer.text
    query_of = parse_qs(urlsplit(answer.headers["location"]).query)
    found = {name: values[0] for name, values in query_of.items()}
    hostile.nonce = found.get("nonce", "")
    return found


async def come_back(
    client: httpx2.AsyncClient, state: str, provider_id: str = "corp", *, accept: str = "*/*", **more: str
) -> httpx2.Response:
    """The callback, as the provider would send the browser to it."""
    params = {"code": "a-code", "state": state, **more}
    return await client.get(f"/api/auth/upstream/callback/{provider_id}", params=params, headers={"Accept": accept})


async def try_in(
    client: httpx2.AsyncClient, hostile: Hostile, provider_id: str = "corp", *, query: str = ""
) -> httpx2.Response:
    """A whole sign-in."""
    begun = await begin(client, hostile, provider_id, query)
    return await come_back(client, begun["state"], provider_id)


def half_hash(token: str) -> bytes:
    """Left half of SHA-256."""
    return hashlib.sha256(token.encode()).digest()[:16]
