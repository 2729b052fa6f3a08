"""What each mode offers (platform.md 3.1, 5.1, 9.1; 16.1 C4)."""

from pathlib import Path
from typing import Any

import pytest

from support.house import house_in
from support.openid import HTML, told

pytestmark = pytest.mark.anyio

PLACE = "https://login.example.com/.well-known/openid-configuration"
ENTRIES: list[dict[str, Any]] = [
    {
        "id": "zeta",
        "name": "Zeta",
        "discovery_url": PLACE,
        "client_id": "MARK-c",
        "client_secret": "MARK-s",
        "default": 1,
    },
    {"id": "beta", "name": "beta", "discovery_url": PLACE, "client_id": "MARK-c", "icon": "github", "description": "B"},
    {"id": "off", "name": "Off", "discovery_url": PLACE, "client_id": "MARK-c", "enabled": False},
    {
        "id": "alpha",
        "type": "oauth2",
        "name": "Alpha",
        "button_text": "Go",
        "client_id": "MARK-c",
        **dict.fromkeys(("authorize_url", "token_url", "userinfo_url"), "https://MARK.example/"),
    },
]
LOGINS = ["/api/auth/upstream/login", "/api/user/oauth/login"]
WITH_ID = [*(f"{path}/zeta" for path in LOGINS), "/api/auth/upstream/callback/zeta", "/api/user/oauth/callback/zeta"]


@pytest.mark.parametrize("mode", ["native", "trusted_proxy"])
async def test_other_modes_have_no_upstream_login(tmp_path: Path, mode: Any) -> None:
    async with house_in(tmp_path, auth_mode=mode, auth_providers=ENTRIES) as house, house.browser() as client:
        for path in LOGINS:
            answer = await client.get(path)
            assert (*told(answer), answer.json()["message"]) == (
                404,
                "no_oauth_provider",
                "未配置可用的 OAuth Provider",
            )
        for path in WITH_ID:
            assert told(await client.get(path)) == (404, "oauth_provider_unknown")
            page = await client.get(path, headers=HTML)
            assert page.headers["location"] == "/login?error=oauth_provider_unknown&next=%2F"
        listed = (await client.get("/api/auth/providers")).json()["data"]
        assert [each["id"] for each in listed] == ["native"]


async def test_mode_oauth_lists_its_providers_and_tells_nothing_else_of_them(tmp_path: Path) -> None:
    values = {"auth_mode": "oauth", "auth_providers": ENTRIES, "api_prefix": "/prod-api"}
    async with house_in(tmp_path, **values) as house, house.browser() as client:
        listed = await client.get("/api/auth/providers")
        alias = await client.get("/api/user/auth-providers", headers={"X-Locale": "en-US"})
        info = (await client.get("/api/system/info")).json()["data"]
        assert told(await client.get("/api/auth/upstream/login/off")) == (404, "oauth_provider_unknown")
    assert listed.json()["data"] == [
        {
            "id": "zeta",
            "type": "oidc",
            "protocol": "oidc",
            "login_url": "/prod-api/api/auth/upstream/login/zeta",
            "name": "Zeta",
            "button_text": "使用Zeta登录",
            "description": "",
            "icon": "",
        },
        {
            "id": "alpha",
            "type": "oidc",
            "protocol": "oauth2",
            "login_url": "/prod-api/api/auth/upstream/login/alpha",
            "name": "Alpha",
            "button_text": "Go",
            "description": "",
            "icon": "",
        },
        {
            "id": "beta",
            "type": "oidc",
            "protocol": "oidc",
            "login_url": "/prod-api/api/auth/upstream/login/beta",
            "name": "beta",
            "button_text": "使用beta登录",
            "description": "B",
            "icon": "github",
        },
    ]
    assert alias.json()["data"][0]["button_text"] == "Sign in with Zeta"
    assert info["auth_providers"] == listed.json()["data"]
    assert "MARK" not in listed.text
    names = ("auth_mode", "default_auth_provider", "oauth_provider_name", "has_local_auth", "has_oauth_auth")
    assert [info[name] for name in names] == ["oauth", "zeta", "Zeta", False, True]
    assert (info["oauth_enabled"], info["native_login_admin_only"]) == (True, False)


async def test_mode_oauth_has_no_passwords(tmp_path: Path) -> None:
    async with house_in(tmp_path, auth_mode="oauth", auth_providers=ENTRIES) as house, house.browser() as client:
        login = await client.post("/api/auth/login", json={"username_or_email": "admin", "password": "x"})
        code = await client.post("/api/auth/register/send-code", json={"email": "a@example.org"})
        empty = await client.post("/api/auth/login", json={})
    assert told(login) == told(empty) == (200, "local_login_disabled")
    assert login.json()["code"] == 400
    assert (told(code), code.json()["code"]) == ((200, "local_registration_disabled"), 400)
