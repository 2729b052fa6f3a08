"""The gate to Jaeger (platform.md 12.1, 16.1 C14, 16.2 A36)."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from support.house import ADMIN_PASSWORD, House, bearer, house_in, login
from support.open_stream import OpenStream

pytestmark = pytest.mark.anyio
GATE = "/api/observability/jaeger"


@pytest.fixture
async def gated(tmp_path: Path) -> AsyncIterator[House]:
    """A house with a Jaeger, behind a proxy that puts a path in front."""
    values: dict[str, Any] = {
        "jaeger_public_url": "https://traces.example.org/jaeger",
        "api_prefix": "/prod-api",
        "web_base_path": "/web",
    }
    async with house_in(tmp_path, **values) as built:
        await built.make_user("alice")
        yield built


async def ask(house: House, path: str, name: str | None = None, method: str = "GET", **headers: str) -> httpx2.Response:
    """An answer; redirects are not followed."""
    async with house.browser() as client:
        if name is not None:
            await login(client, name, ADMIN_PASSWORD) if name == "admin" else await login(client, name)
        given = {each.replace("_", "-"): value for each, value in headers.items()}
        return await client.request(method, GATE + path, headers=given)


def told(answer: httpx2.Response) -> tuple[int, str | None]:
    """Status, and where to go or why not."""
    if "location" in answer.headers:
        return answer.status_code, answer.headers["location"]
    return answer.status_code, answer.json()["error_detail"] if answer.content else None


async def test_proxies_ask_who_may_in(gated: House) -> None:
    answer = await ask(gated, "/auth", "admin")
    assert (answer.status_code, answer.content) == (204, b"")
    admin = answer.headers["x-clary-userid"]
    names = {
        f"x-{brand}-{name}": value
        for brand in ("clary", "sage")
        for name, value in (("userid", admin), ("username", "admin"), ("role", "admin"))
    }
    assert {name: answer.headers[name] for name in names} == names
    assert told(await ask(gated, "/auth")) == (401, "unauthenticated")
    assert told(await ask(gated, "/auth", "alice")) == (403, "forbidden")


async def test_who_is_refused_hears_what_is_wrong_with_the_credential(gated: House) -> None:
    async with gated.browser() as client:
        tokens = await login(client, "alice")
    gated.clock.move(days=1)
    said = [
        (await ask(gated, "/auth", Accept_Language="en", **credential)).json()["message"]
        for credential in ({}, {"Authorization": "Bearer nonsense"}, bearer(tokens))
    ]
    assert said == ["Not signed in", "Invalid token", "Login expired"]


async def test_names_are_sent_in_percent_encoding(gated: House) -> None:
    await gated.make_user("管理员", role="admin")
    answer = await ask(gated, "/auth", "管理员")
    assert answer.headers["x-sage-username"] == "%E7%AE%A1%E7%90%86%E5%91%98"


async def test_coming_in_leads_to_the_target_or_to_the_sign_in(gated: House) -> None:
    target = "/jaeger/search?service=clary&limit=2"
    asked = "/login?next=%2Fjaeger%2Fsearch%3Fservice%3Dclary%26limit%3D2"
    assert told(await ask(gated, asked, "admin")) == (302, target)
    login_page = "/web/login?next=%2Fjaeger%2Fsearch%3Fservice%3Dclary%26limit%3D2&local_only=1"
    assert told(await ask(gated, asked)) == (302, login_page)
    assert told(await ask(gated, asked, "alice")) == (403, "forbidden")
    assert told(await ask(gated, "/login", "admin")) == (302, "/jaeger/")
    assert told(await ask(gated, "/login", "admin", X_Original_URI="/jaeger/trace/1")) == (302, "/jaeger/trace/1")
    assert told(await ask(gated, "/login?next=//evil", "admin", X_Original_URI="/jaeger/x")) == (302, "/jaeger/x")


@pytest.mark.parametrize(
    "next",
    [
        "//evil.example",
        "/%5Cevil",
        "/%252f%252fevil",
        "https://evil.example/",
        "/x%0d%0aSet-Cookie:a=b",
        "javascript:1",
    ],
)
async def test_no_target_leads_away(gated: House, next: str) -> None:
    status, location = told(await ask(gated, f"/login?next={next}", "admin"))
    assert (status, location) == (302, "/jaeger/")


async def test_paths_are_redirected_with_query_and_encoding(gated: House) -> None:
    there = "https://traces.example.org/jaeger"
    assert told(await ask(gated, "", "admin")) == (307, f"{there}/")
    for method in ("GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"):
        answer = await ask(gated, "/api/a%20b/%E4%B8%AD?tags=%7B%22a%22%7D&x=", "admin", method)
        assert told(answer) == (307, f"{there}/api/a%20b/%E4%B8%AD?tags=%7B%22a%22%7D&x="), method
    back = "/prod-api/api/observability/jaeger/login?next=%2Fprod-api%2Fapi%2Fobservability%2Fjaeger%2Fsearch%3Fa%3D1"
    assert told(await ask(gated, "/search?a=1")) == (307, back)
    assert told(await ask(gated, "/search", "alice")) == (403, "forbidden")
    assert (await ask(gated, "/search", "admin", "HEAD")).headers["location"] == f"{there}/search"


async def test_a_preflight_is_answered_as_one_and_no_other_question_is(gated: House) -> None:
    preflight = {"Origin": "https://app.example.org", "Access-Control-Request-Method": "GET"}
    assert told(await ask(gated, "/search", method="OPTIONS", **preflight)) == (204, None)
    for some in ({}, *({name: value} for name, value in preflight.items())):
        assert (await ask(gated, "/search", method="OPTIONS", **some)).status_code == 307
        assert told(await ask(gated, "/search", "alice", "OPTIONS", **some)) == (403, "forbidden")
        # Anywhere else it is answered as a preflight is.
        async with gated.browser() as client:
            assert (await client.options("/api/user/config", headers=some)).status_code == 204


@pytest.mark.parametrize(
    "path", ["/../x", "/a/%2e%2e/b", "/a/..%2fb", "/%252e%252e/x", "/a%0d%0aLocation:b", "/a%00", "/.", "/a%5c..%5cb"]
)
async def test_paths_that_others_might_read_differently_are_refused(gated: House, path: str) -> None:
    async with gated.browser() as client:
        token = bearer(await login(client, "admin", ADMIN_PASSWORD))
    # As it stands: a client would tidy it up.
    stream = OpenStream(gated.app, "GET", GATE + path, None, token)
    await stream.begun()
    assert (stream.status, b'"path_invalid"' in await stream.piece()) == (400, True)


async def test_a_path_of_two_slashes_stays_on_jaeger(gated: House) -> None:
    status, location = told(await ask(gated, "//evil.example", "admin"))
    assert (status, location) == (307, "https://traces.example.org/jaeger//evil.example")


async def test_without_a_jaeger_an_admin_is_told(house: House) -> None:
    assert told(await ask(house, "/search", "admin")) == (503, "jaeger_unset")


async def test_where_others_sign_in_the_page_is_not_narrowed(tmp_path: Path) -> None:
    entry = {
        "id": "corp",
        "type": "oauth2",
        "name": "Corp",
        "client_id": "c",
        "client_secret": "secret-of-corp",
        "authorize_url": "https://idp.example.org/a",
        "token_url": "https://idp.example.org/t",
        "userinfo_url": "https://idp.example.org/u",
    }
    async with house_in(tmp_path, auth_mode="oauth", auth_providers=[entry]) as house:
        assert told(await ask(house, "/login")) == (302, "/login?next=%2Fjaeger%2F")
