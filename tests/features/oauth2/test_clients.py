"""Clients: from configuration, by administrators, registered by themselves (platform.md 6.1, 6.7)."""

import json
from pathlib import Path
from typing import Any

import httpx2
import pytest

from clary.settings import SettingsError
from features.oauth2.party import CALLBACK, Party
from support.crowd import Crowd
from support.house import House, house_in, settings_in
from support.terminal import clary

pytestmark = pytest.mark.anyio

SECRET = "a-secret-of-the-configuration"


async def test_an_administrator_makes_changes_and_deletes_clients(crowd: Crowd) -> None:
    body = {"client_name": "App", "redirect_uris": [CALLBACK], "scope": "openid read"}
    _, _, made = await crowd.call("admin", "POST", "/api/oauth2/clients", body)
    secret = made.pop("client_secret")
    assert (made["client_id"][:3], len(made["client_id"]), len(secret)) == ("oc_", 27, 43)
    assert {key: made[key] for key in made if key not in ("client_id", "created_at")} == {
        "client_name": "App",
        "client_uri": None,
        "redirect_uris": [CALLBACK],
        "token_endpoint_auth_method": "client_secret_basic",
        "grant_types": ["authorization_code", "refresh_token"],
        "response_types": ["code"],
        "scope": "openid read",
        "skip_consent": False,
        "require_pkce": False,
        "introspect_all": False,
        "enabled": True,
        "source": "admin",
        "last_used_at": None,
    }
    path = f"/api/oauth2/clients/{made['client_id']}"
    _, _, changed = await crowd.call("admin", "PUT", path, {"scope": "openid", "skip_consent": True})
    assert (changed["scope"], changed["skip_consent"], changed["client_name"]) == ("openid", True, "App")
    listed = await crowd.get("admin", "/api/oauth2/clients?q=app")
    assert (listed["total"], listed["items"]) == (1, [changed])
    renewed = (await crowd.call("admin", "POST", path + "/secret", {}))[2]["client_secret"]
    assert renewed != secret
    assert (await crowd.call("admin", "DELETE", path))[0] == 200
    assert (await crowd.call("admin", "DELETE", path))[:2] == (404, "client_not_found")
    acts = (await crowd.get("admin", "/api/audit?action=oauth2."))["items"][::-1]
    assert [entry["action"] for entry in acts] == [
        "oauth2.client_created",
        "oauth2.client_updated",
        "oauth2.client_updated",
        "oauth2.client_deleted",
    ]
    assert secret not in json.dumps(acts)
    assert renewed not in json.dumps(acts)


@pytest.mark.parametrize(
    "fields",
    [
        {"redirect_uris": []},
        {"redirect_uris": ["http://app.example.com/cb"]},
        {"redirect_uris": ["https://app.example.com/cb#f"]},
        {"redirect_uris": ["https://user@app.example.com/cb"]},
        {"redirect_uris": ["https://*.example.com/cb"]},
        {"redirect_uris": ["https://app.example.com/../cb"]},
        {"redirect_uris": ["javascript:alert(1)"]},
        {"redirect_uris": ["com.example.app:/cb"]},
        {"redirect_uris": [CALLBACK] * 21},
        {"client_name": "x" * 101},
        {"client_uri": "http://example.com"},
        {"client_id": "a b"},
        {"client_secret": "short"},
        {"scope": "openid root"},
        {"grant_types": ["password"]},
        {"token_endpoint_auth_method": "private_key_jwt"},
    ],
)
async def test_a_client_that_breaks_a_rule_is_refused(crowd: Crowd, fields: dict[str, Any]) -> None:
    body = {"redirect_uris": [CALLBACK], **fields}
    assert (await crowd.call("admin", "POST", "/api/oauth2/clients", body))[0] == 422
    assert (await crowd.get("admin", "/api/oauth2/clients"))["total"] == 0


async def test_an_id_belongs_to_one_client_and_a_public_one_may_have_a_private_scheme(crowd: Crowd) -> None:
    body = {"client_id": "app-1", "redirect_uris": ["com.example.app:/cb"], "token_endpoint_auth_method": "none"}
    assert (await crowd.call("admin", "POST", "/api/oauth2/clients", body))[2]["client_secret"] is None
    assert (await crowd.call("admin", "POST", "/api/oauth2/clients", body))[:2] == (409, "client_exists")
    assert (await crowd.call("admin", "POST", "/api/oauth2/clients/app-1/secret", {}))[:2] == (422, "validation_error")
    (listed,) = (await crowd.get("admin", "/api/oauth2/clients"))["items"]
    assert listed["token_endpoint_auth_method"] == "none"


async def test_an_old_secret_works_as_long_as_was_wanted(party: Party) -> None:
    made = await party.make_client()
    path = f"/api/oauth2/clients/{made['client_id']}/secret"
    async with party.house.browser() as admin:
        await admin.post("/api/auth/login", json={"username_or_email": "admin", "password": "First-Admin-4711"})
        fresh = (await admin.post(path, json={"overlap_seconds": 60})).json()["data"]["client_secret"]

    async def status(secret: str) -> int:
        form = {"token": "cla_x"}
        return (await party.app.post("/oauth2/introspect", data=form, auth=(made["client_id"], secret))).status_code

    assert [await status(each) for each in (made["client_secret"], fresh)] == [200, 200]
    party.house.clock.move(seconds=61)
    assert [await status(each) for each in (made["client_secret"], fresh)] == [401, 200]


async def test_a_disabled_client_is_unknown_and_its_tokens_stop(party: Party) -> None:
    tokens = await party.tokens()
    async with party.house.browser() as admin:
        await admin.post("/api/auth/login", json={"username_or_email": "admin", "password": "First-Admin-4711"})
        await admin.put(f"/api/oauth2/clients/{party.client['client_id']}", json={"enabled": False})
    headers = {"Authorization": f"Bearer {tokens['access_token']}"}
    assert (await party.app.get("/api/auth/session", headers=headers)).status_code == 401
    assert (await party.app.get("/oauth2/userinfo", headers=headers)).status_code == 401
    assert (await party.refresh(tokens["refresh_token"])).json()["error"] == "invalid_client"
    assert (await party.ask()).status_code == 401


async def test_the_configuration_wins_is_locked_and_takes_away(tmp_path: Path) -> None:
    entry = {"client_id": "grafana", "client_secret": SECRET, "redirect_uri": CALLBACK, "skip_consent": True}
    async with house_in(tmp_path, oauth2_clients=[entry]) as house:
        (shown,) = await clients_of(house)
        assert (shown["source"], shown["skip_consent"], shown["redirect_uris"]) == ("config", True, [CALLBACK])
        async with house.browser() as admin:
            await admin.post("/api/auth/login", json={"username_or_email": "admin", "password": "First-Admin-4711"})
            for method, path, body in (("PUT", "", {"scope": "openid"}), ("POST", "/secret", {}), ("DELETE", "", None)):
                answer = await admin.request(method, f"/api/oauth2/clients/grafana{path}", json=body)
                assert answer.json()["error_detail"] == "client_locked"
        async with house.browser() as app:
            known = await app.post("/oauth2/introspect", data={"token": "x"}, auth=("grafana", SECRET))
        assert known.json() == {"active": False}
    async with house_in(tmp_path) as house:
        (shown,) = await clients_of(house)
        assert shown["enabled"] is False


async def clients_of(house: House) -> list[dict[str, Any]]:
    """All clients as an admin sees them."""
    async with house.browser() as admin:
        await admin.post("/api/auth/login", json={"username_or_email": "admin", "password": "First-Admin-4711"})
        return (await admin.get("/api/oauth2/clients")).json()["data"]["items"]


@pytest.mark.parametrize(
    "entries",
    [
        "{broken",
        '{"client_id": "a"}',
        [{"client_id": "aa", "redirect_uris": [CALLBACK + "#f"]}],
        [{"client_id": "aa", "redirect_uris": [CALLBACK], "client_secret": "short"}],
        [{"redirect_uris": [CALLBACK]}],
        [{"client_id": "aa"}],
        [{"client_id": "aa", "redirect_uris": [CALLBACK]}] * 2,
    ],
)
def test_a_faulty_entry_stops_the_start(tmp_path: Path, entries: Any) -> None:
    with pytest.raises(SettingsError, match="CLARY_OAUTH2_CLIENTS"):
        settings_in(tmp_path, oauth2_clients=entries)


async def register(client: httpx2.AsyncClient, **fields: Any) -> httpx2.Response:
    """A client registers itself."""
    return await client.post("/oauth2/register", json={"redirect_uris": [CALLBACK], **fields})


async def test_a_client_registers_itself_where_that_is_on(tmp_path: Path) -> None:
    async with house_in(tmp_path, oauth2_dynamic_registration=True) as house, house.browser() as app:
        made = await register(app, client_name="<b>Tool</b>", logo_uri="javascript:x", contacts=["a@b.c"])
        body = made.json()
        assert (made.status_code, made.headers["cache-control"], body["source"]) == (201, "no-store", "registered")
        assert (body["scope"], body["token_endpoint_auth_method"]) == (
            "openid profile email read chat mcp",
            "client_secret_basic",
        )
        assert (len(body["client_secret"]), body["client_secret_expires_at"]) == (43, 0)
        cut = await register(app, scope="admin openid write chat")
        assert (cut.status_code, cut.json()["scope"]) == (201, "openid chat")
        refused = [
            ({"redirect_uris": ["http://evil.example/cb"]}, "invalid_redirect_uri"),
            ({"redirect_uris": ["javascript:alert(1)"]}, "invalid_redirect_uri"),
            ({"redirect_uris": []}, "invalid_redirect_uri"),
            ({"scope": "admin write"}, "invalid_client_metadata"),
            ({"grant_types": ["implicit"]}, "invalid_client_metadata"),
            ({"client_name": "x" * 101}, "invalid_client_metadata"),
        ]
        for fields, error in refused:
            answer = await register(app, **fields)
            assert (answer.status_code, answer.json()["error"]) == (400, error), fields
        for _ in range(12):
            await register(app)
        throttled = await register(app)
        assert (throttled.status_code, throttled.json()["error"]) == (429, "temporarily_unavailable")
        assert int(throttled.headers["retry-after"]) > 0


async def test_a_registered_client_without_a_token_goes_after_a_day_and_its_name_is_only_text(tmp_path: Path) -> None:
    async with house_in(tmp_path, oauth2_dynamic_registration=True) as house, house.browser() as app:
        await house.make_user("pia")
        async with house.browser(**{"Accept-Language": "en"}) as browser:
            await browser.post("/api/auth/login", json={"username_or_email": "pia", "password": "Some-Person-4711"})
            party = Party(house, browser, app)
            party.client = (await register(app, client_name="<b>Tool</b>", token_endpoint_auth_method="none")).json()
            page = await browser.get((await party.ask(scope="openid")).headers["location"])
        assert "&lt;b&gt;Tool&lt;/b&gt;" in page.text
        assert "<b>" not in page.text
        assert "registered by itself and is not checked" in page.text
        assert "frame-ancestors 'none'" in page.headers["content-security-policy"]
        assert "form-action 'self' https://app.example.com" in page.headers["content-security-policy"]
        house.clock.move(hours=25)
        await house.services.identity.oauth.server.clients.sweep()
        assert await clients_of(house) == []


def test_clients_are_kept_from_the_terminal(tmp_path: Path) -> None:
    added = clary(tmp_path, "oauth2", "client", "add", "App", "--redirect", CALLBACK, "--scope", "openid read")
    client_id, secret = (line.split(": ")[1] for line in added.stdout.splitlines()[:2])
    assert (client_id[:3], len(secret)) == ("oc_", 43)
    assert clary(tmp_path, "oauth2", "client", "update", client_id, "--disable").returncode == 0
    (listed,) = json.loads(clary(tmp_path, "oauth2", "client", "list", "--json").stdout)
    assert (listed["enabled"], listed["scope"], "client_secret" in listed) == (False, "openid read", False)
    renewed = clary(tmp_path, "oauth2", "client", "secret", client_id).stdout
    assert renewed.startswith("client_secret: ")
    assert secret not in renewed
    wrong = clary(tmp_path, "oauth2", "client", "add", "App", "--redirect", "http://app.example.com/cb")
    assert (wrong.returncode, wrong.stderr.count("\n")) == (1, 1)
    assert clary(tmp_path, "oauth2", "client", "delete", client_id).stdout == f"deleted {client_id}\n"
    gone = clary(tmp_path, "oauth2", "client", "delete", client_id)
    assert (gone.returncode, gone.stderr) == (1, "Client not found\n")
