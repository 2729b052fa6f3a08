"""CORS, cross-site requests, hosts and cookies (platform.md 2.3 to 2.7, abuse case A6)."""

from pathlib import Path
from typing import Any

import pytest

from support.house import ADMIN_PASSWORD, BASE_URL, SECRET_KEY, House, bearer, house_in, login

pytestmark = pytest.mark.anyio

LISTED = "https://app.example.org"
JSON = "application/json"
ATTACKS: list[dict[str, str]] = [
    {"Content-Type": "text/plain"},
    {"Content-Type": "application/x-www-form-urlencoded"},
    {"Content-Type": "multipart/form-data; boundary=x"},
    {},
    {"Content-Type": JSON, "Origin": "https://evil.example"},
    {"Content-Type": JSON, "Origin": "null"},
    {"Content-Type": JSON, "Origin": "https://sub.testserver"},
    {"Content-Type": JSON, "Origin": "https://testserver"},
    {"Content-Type": JSON, "Sec-Fetch-Site": "cross-site"},
    {"Content-Type": JSON, "Sec-Fetch-Site": "same-site"},
    {"Content-Type": "text/plain", "Sec-Fetch-Site": "same-origin"},
    {"Content-Type": "application/json; charset=gbk", "Sec-Fetch-Site": "same-origin"},
]
OWN: list[dict[str, str]] = [
    {},
    {"Origin": BASE_URL},
    {"Sec-Fetch-Site": "same-origin"},
    {"Sec-Fetch-Site": "none"},
    {"Sec-Fetch-Site": "cross-site", "Origin": BASE_URL},
]


@pytest.mark.parametrize("headers", ATTACKS)
async def test_a_cookie_from_elsewhere_changes_nothing(house: House, headers: dict[str, str]) -> None:
    async with house.browser() as client:
        await login(client, "admin", ADMIN_PASSWORD)
        answer = await client.post("/api/user/config", content=b'{"config": {"stolen": 1}}', headers=headers)
        stored = await client.get("/api/user/config")
    assert (answer.status_code, answer.json()["error_detail"]) == (403, "csrf_failed")
    assert stored.json()["data"] == {"config": {}}


@pytest.mark.parametrize("headers", OWN)
async def test_own_pages_and_programs_pass(house: House, headers: dict[str, str]) -> None:
    async with house.browser() as client:
        await login(client, "admin", ADMIN_PASSWORD)
        answer = await client.post("/api/user/config", json={"config": {"own": 1}}, headers=headers)
    assert answer.json()["data"] == {"config": {"own": 1}}


async def test_a_token_needs_no_own_origin(house: House) -> None:
    async with house.browser() as client, house.browser() as program:
        tokens = await login(client, "admin", ADMIN_PASSWORD)
        headers = {**bearer(tokens), "Origin": "https://evil.example"}
        answer = await program.post("/api/user/config", json={"config": {}}, headers=headers)
    assert answer.json()["code"] == 200


@pytest.mark.parametrize("path", ["/api/auth/login", "/api/user/login"])
async def test_nobody_can_be_signed_in_from_a_foreign_page(house: House, path: str) -> None:
    async with house.browser(Origin="https://evil.example") as client:
        answer = await client.post(path, json={"username_or_email": "admin", "password": ADMIN_PASSWORD})
    assert (answer.status_code, answer.json()["error_detail"]) == (403, "csrf_failed")
    assert "set-cookie" not in answer.headers


async def test_a_foreign_page_may_ask_for_new_tokens_which_change_no_cookie(house: House) -> None:
    async with house.browser() as client, house.browser(Origin="https://evil.example") as elsewhere:
        tokens = await login(client, "admin", ADMIN_PASSWORD)
        answer = await elsewhere.post("/api/auth/refresh", json={"refresh_token": tokens["refresh_token"]})
    assert (answer.status_code, "set-cookie" in answer.headers) == (200, False)


@pytest.mark.parametrize("path", ["/api/auth/logout", "/api/user/logout"])
async def test_a_foreign_page_ends_no_session(house: House, path: str) -> None:
    async with house.browser() as client:
        await login(client, "admin", ADMIN_PASSWORD)
        attack = await client.post(path, headers={"Origin": "https://evil.example"})
        assert (await client.get("/api/auth/session")).status_code == 200
    assert (attack.status_code, attack.json()["error_detail"]) == (403, "csrf_failed")
    assert "set-cookie" not in attack.headers


@pytest.mark.parametrize("path", ["/api/auth/logout", "/api/user/logout"])
@pytest.mark.parametrize("headers", [*ATTACKS, *OWN])
async def test_signing_out_without_an_identity_is_401_and_clears_the_cookie_from_anywhere(
    house: House, path: str, headers: dict[str, str]
) -> None:
    async with house.browser() as client:
        answer = await client.post(path, headers={**headers, "Cookie": "clary_session=outdated"})
    assert (answer.status_code, answer.json()["error_detail"]) == (401, "unauthenticated")
    assert answer.headers["set-cookie"].startswith("clary_session=")
    assert "Max-Age=0" in answer.headers["set-cookie"]


async def test_a_listed_origin_is_echoed_with_credentials_even_on_errors(tmp_path: Path) -> None:
    async with house_in(tmp_path, cors_allowed_origins=(LISTED,)) as house, house.browser() as client:
        for path in ("/api/health", "/api/nothing", "/api/auth/session"):
            answer = await client.get(path, headers={"Origin": LISTED})
            assert answer.headers["access-control-allow-origin"] == LISTED
            assert answer.headers["access-control-allow-credentials"] == "true"
            assert "X-Request-Id" in answer.headers["access-control-expose-headers"]
            assert "Origin" in answer.headers["vary"]
        stranger = await client.get("/api/health", headers={"Origin": "https://evil.example"})
    assert "access-control-allow-origin" not in stranger.headers


async def test_a_preflight_is_answered_before_anything_else(tmp_path: Path) -> None:
    headers = {"Origin": LISTED, "Access-Control-Request-Method": "POST"}
    async with house_in(tmp_path, cors_allowed_origins=(LISTED,)) as house, house.browser() as client:
        for path in ("/api/user/config", "/api/nothing"):
            answer = await client.options(path, headers=headers)
            assert answer.status_code == 204
            assert answer.headers["access-control-max-age"] == "600"
            assert "Authorization" in answer.headers["access-control-allow-headers"]


async def test_an_open_list_never_allows_credentials(tmp_path: Path) -> None:
    async with house_in(tmp_path, cors_allowed_origins=("*",)) as house, house.browser() as client:
        answer = await client.get("/api/health", headers={"Origin": "https://evil.example"})
        await login(client, "admin", ADMIN_PASSWORD)
        attack = await client.post("/api/user/config", json={"config": {}}, headers={"Origin": "https://evil.example"})
    assert answer.headers["access-control-allow-origin"] == "*"
    assert "access-control-allow-credentials" not in answer.headers
    assert attack.status_code == 403


async def test_without_a_list_no_origin_is_allowed(house: House) -> None:
    async with house.browser() as client:
        answer = await client.get("/api/health", headers={"Origin": LISTED})
    assert not [name for name in answer.headers if name.startswith("access-control-")]


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("clary.example.org", 200),
        ("CLARY.example.org:443", 200),
        ("localhost:8000", 200),
        ("127.0.0.1:8000", 200),
        ("[::1]:8000", 200),
        ("evil.example", 400),
        ("clary.example.org.evil.example", 400),
    ],
)
async def test_in_production_only_own_hosts_are_answered(tmp_path: Path, host: str, status: int) -> None:
    values: dict[str, Any] = {"env": "production", "public_url": "https://clary.example.org", "secret_key": SECRET_KEY}
    async with house_in(tmp_path, **values) as house, house.browser() as client:
        answer = await client.get("/api/health", headers={"Host": host})
    assert answer.status_code == status
    assert answer.headers["strict-transport-security"] == "max-age=31536000"
    if status == 400:
        assert answer.json()["error_detail"] == "invalid_host"


async def test_cookies_are_bound_to_this_site(tmp_path: Path) -> None:
    async with house_in(tmp_path, public_url="https://clary.example.org") as house, house.browser() as client:
        answer = await client.post("/api/auth/login", json={"username_or_email": "admin", "password": ADMIN_PASSWORD})
    found = {line.split("=")[0]: _attributes(line) for line in answer.headers.get_list("set-cookie")}
    ours = {"path=/", "httponly", "samesite=lax", "secure"}
    assert found == {
        "clary_session": ours | {"max-age=1209600"},
        "clary_device": ours | {"max-age=15552000"},
    }


def _attributes(line: str) -> set[str]:
    return {part.strip().lower() for part in line.split(";")[1:]}


async def test_forwarded_addresses_count_from_trusted_proxies_only(house: House) -> None:
    """An HTTPS proxy on loopback makes cookies Secure and its host our own; a stranger's headers do nothing."""
    forwarded = {"X-Forwarded-Proto": "https", "X-Forwarded-Host": "clary.example.org", "X-Forwarded-For": "9.9.9.9"}
    body = {"username_or_email": "admin", "password": ADMIN_PASSWORD}
    origin = {"Origin": "https://clary.example.org"}
    async with house.browser("127.0.0.1") as proxy, house.browser() as stranger:
        trusted = await proxy.post("/api/auth/login", json=body, headers={**forwarded, **origin})
        ignored = await stranger.post("/api/auth/login", json=body, headers={**forwarded, **origin})
    assert trusted.status_code == 200
    assert "Secure" in trusted.headers["set-cookie"]
    assert ignored.status_code == 403
