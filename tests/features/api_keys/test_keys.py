"""Personal API keys (platform.md 7.1)."""

from pathlib import Path
from typing import Any

import httpx2
import pytest

from clary.adapters.scripted_provider import ScriptedProvider
from permissions.objects import HELLO
from support.crowd import Crowd
from support.house import ADMIN_PASSWORD, BASE_URL, House, bearer, house_in, login
from support.schema import stored_bytes

pytestmark = pytest.mark.anyio


class Keys:
    """Somebody who makes keys, and clients that carry them."""

    def __init__(self, crowd: Crowd, name: str = "pia") -> None:
        self.crowd = crowd
        self.name = name

    async def make(self, **fields: Any) -> dict[str, Any]:
        """A new key with its secret."""
        code, slug, data = await self.crowd.call(self.name, "POST", "/api/user/keys", {"name": "k", **fields})
        assert code == 200, slug
        return data

    async def status(self, key: str, path: str = "/api/auth/session", **options: Any) -> int:
        """The HTTP status of a call with a key."""
        return (await self.answer(key, "GET", path, **options)).status_code

    async def answer(
        self, key: str, method: str, path: str, *, address: str = "203.0.113.7", body: Any = None
    ) -> httpx2.Response:
        """A call with a key and nothing else."""
        async with self.crowd.house.browser(address, Authorization=f"Bearer {key}") as client:
            return await client.request(method, path, json=body)


@pytest.fixture
async def keys(crowd: Crowd) -> Keys:
    """Pia, who has no key as yet."""
    await crowd.add("pia")
    return Keys(crowd)


async def test_a_key_is_shown_whole_once_and_is_stored_as_a_hash(keys: Keys) -> None:
    made = await keys.make(name=" Laptop ")
    secret = made.pop("key")
    assert (secret[:4], len(secret)) == ("clk_", 47)
    assert made == {
        "id": made["id"],
        "name": "Laptop",
        "prefix": secret[:8],
        "scopes": ["read", "chat", "write"],
        "agent_ids": [],
        "addresses": [],
        "budget": None,
        "status": "active",
        "expires_at": None,
        "created_at": "2026-01-02T03:04:05.000000Z",
        "last_used_at": None,
        "last_used_address": None,
    }
    assert await keys.crowd.get("pia", "/api/user/keys") == [made]
    assert secret.encode() not in stored_bytes(keys.crowd.house.services.settings.data_dir)


@pytest.mark.parametrize(
    "fields",
    [
        {"name": ""},
        {"name": "x" * 65},
        {"name": "a\x07"},
        {"scopes": []},
        {"scopes": ["root"]},
        {"agent_ids": ["a"] * 51},
        {"addresses": ["nonsense"]},
        {"addresses": ["10.0.0.1"] * 21},
        {"expires_at": "2020-01-01T00:00:00Z"},
        {"expires_at": "soon"},
        {"expires_at": "9999-12-31T23:59:59-01:00"},
        {"budget": {"tokens_per_day": -1}},
        {"budget": {"currency": "XYZ"}},
    ],
)
async def test_a_key_that_breaks_a_rule_is_refused(keys: Keys, fields: dict[str, Any]) -> None:
    assert (await keys.crowd.call("pia", "POST", "/api/user/keys", {"name": "k", **fields}))[0] == 422
    assert await keys.crowd.get("pia", "/api/user/keys") == []


async def test_a_use_is_noted_to_the_minute_and_once_a_day_and_address_in_the_audit_log(keys: Keys) -> None:
    made = await keys.make()
    for minutes, address in ((0, "198.51.100.1"), (1, "198.51.100.1"), (1, "198.51.100.2"), (1, "198.51.100.1")):
        keys.crowd.house.clock.move(minutes=minutes)
        assert await keys.status(made["key"], address=address) == 200
    (shown,) = await keys.crowd.get("pia", "/api/user/keys")
    assert (shown["last_used_at"], shown["last_used_address"]) == ("2026-01-02T03:07:00.000000Z", "198.51.100.1")
    used = (await keys.crowd.get("admin", "/api/audit?action=key.used"))["items"]
    assert sorted(entry["address"] for entry in used) == ["198.51.100.1", "198.51.100.2"]
    assert used[0]["actor"] == {
        "kind": "key",
        "user_id": keys.crowd.ids["pia"],
        "username": None,
        "key_id": made["id"],
    }
    keys.crowd.house.clock.move(days=1)
    await keys.status(made["key"], address="198.51.100.1")
    async with keys.crowd.house.browser() as admin:
        headers = bearer(await login(admin, "admin", ADMIN_PASSWORD))
        again = (await admin.get("/api/audit?action=key.used", headers=headers)).json()
    assert again["data"]["total"] == 3


async def test_a_key_dies_by_its_end_its_owner_and_its_address(keys: Keys) -> None:
    ending = await keys.make(expires_at="2026-01-02T03:04:15Z")
    bound = await keys.make(addresses=["10.1.0.0/16", "203.0.113.9"])
    assert [await keys.status(bound["key"], address=address) for address in ("10.1.2.3", "203.0.113.9")] == [200, 200]
    assert await keys.status(bound["key"], address="10.2.0.1") == 401
    assert await keys.status(ending["key"]) == 200
    keys.crowd.house.clock.move(seconds=11)
    assert await keys.status(ending["key"]) == 401
    listed = {each["id"]: each["status"] for each in await keys.crowd.get("pia", "/api/user/keys")}
    assert (listed[ending["id"]], listed[bound["id"]]) == ("expired", "active")
    user = {"user_id": keys.crowd.ids["pia"]}
    await keys.crowd.call("admin", "POST", "/api/user/update", {**user, "disabled": True})
    assert await keys.status(bound["key"], address="10.1.2.3") == 401
    await keys.crowd.call("admin", "POST", "/api/user/update", {**user, "disabled": False})
    assert await keys.status(bound["key"], address="10.1.2.3") == 200
    refused = (await keys.crowd.get("admin", "/api/audit?action=key.refused"))["items"]
    assert [entry["detail"]["reason"] for entry in refused] == ["user_disabled", "expired", "address"]


async def test_what_is_no_key_is_told_from_what_was_one(keys: Keys) -> None:
    made = await keys.make()
    await keys.crowd.call("pia", "DELETE", f"/api/user/keys/{made['id']}")
    texts = [(await keys.answer(key, "GET", "/api/auth/session")).json()["message"] for key in (made["key"], "clk_x")]
    assert texts == ["登录过期", "Token非法"]


async def test_a_key_elsewhere_than_in_the_header_is_not_read(keys: Keys) -> None:
    key = (await keys.make())["key"]
    async with keys.crowd.house.browser() as client:
        for path, headers in (
            (f"/api/auth/session?access_token={key}&api_key={key}", {}),
            ("/api/auth/session", {"X-API-Key": key}),
            ("/api/auth/session", {"Cookie": f"clary_session={key}"}),
            ("/api/auth/session", {"Authorization": f"Basic {key}"}),
        ):
            assert (await client.get(path, headers=headers)).status_code == 401


async def test_a_change_acts_at_once(keys: Keys) -> None:
    made = await keys.make()
    path = f"/api/user/keys/{made['id']}"
    assert (await keys.answer(made["key"], "POST", "/api/user/config", body={"config": {}})).json()["code"] == 200
    _, _, changed = await keys.crowd.call("pia", "PUT", path, {"scopes": ["read"], "name": "narrow"})
    assert (changed["scopes"], changed["name"]) == (["read"], "narrow")
    assert (await keys.answer(made["key"], "POST", "/api/user/config", body={"config": {}})).json()["code"] == 403
    _, _, rotated = await keys.crowd.call("pia", "POST", path + "/rotate", {"overlap_seconds": 30})
    assert (rotated["id"], rotated["key"] != made["key"]) == (made["id"], True)
    assert [await keys.status(key) for key in (made["key"], rotated["key"])] == [200, 200]
    keys.crowd.house.clock.move(seconds=31)
    assert [await keys.status(key) for key in (made["key"], rotated["key"])] == [401, 200]
    _, _, again = await keys.crowd.call("pia", "POST", path + "/rotate", {})
    assert [await keys.status(key) for key in (rotated["key"], again["key"])] == [401, 200]
    await keys.crowd.call("pia", "DELETE", path)
    assert await keys.status(again["key"]) == 401
    actions = (await keys.crowd.get("admin", f"/api/audit?object_type=key&object_id={made['id']}"))["items"]
    assert [each["action"] for each in actions if each["action"] not in ("key.used", "key.refused")] == [
        "key.deleted",
        "key.rotated",
        "key.rotated",
        "key.updated",
        "key.created",
    ]


async def test_null_takes_the_end_away_and_absent_fields_stay(keys: Keys) -> None:
    made = await keys.make(expires_at="2026-02-01T00:00:00Z", budget={"tokens_per_day": 5}, addresses=["10.0.0.1"])
    _, _, changed = await keys.crowd.call("pia", "PUT", f"/api/user/keys/{made['id']}", {"expires_at": None})
    assert (changed["expires_at"], changed["addresses"]) == (None, ["10.0.0.1"])
    assert changed["budget"]["tokens_per_day"] == 5


async def test_scope_admin_is_for_admins_and_without_it_an_admin_sees_only_what_is_his_own(keys: Keys) -> None:
    refused = await keys.crowd.call("pia", "POST", "/api/user/keys", {"name": "k", "scopes": ["admin"]})
    assert refused[:2] == (403, "forbidden")
    _, _, agent = await keys.crowd.call("pia", "POST", "/api/agent/create", {"name": "hers"})
    root = Keys(keys.crowd, "admin")
    plain, full = await root.make(scopes=["read"]), await root.make(scopes=["read", "admin"])
    path = f"/api/agent/{agent['agent_id']}"
    codes = [(await root.answer(key["key"], "GET", path)).json()["code"] for key in (plain, full)]
    assert codes == [404, 200]
    assert (await root.answer(full["key"], "GET", "/api/user/list")).json()["code"] == 200
    await keys.crowd.call("admin", "POST", "/api/user/update", {"user_id": keys.crowd.ids["pia"], "role": "admin"})
    hers = await keys.make(scopes=["read", "admin"])
    await keys.crowd.call("admin", "POST", "/api/user/update", {"user_id": keys.crowd.ids["pia"], "role": "user"})
    assert (await keys.answer(hers["key"], "GET", "/api/user/list")).json()["code"] == 403


async def test_a_key_never_opens_what_needs_a_person(keys: Keys) -> None:
    key = (await keys.make())["key"]
    for method, path, body in (
        ("GET", "/api/user/keys", None),
        ("POST", "/api/user/keys", {"name": "more"}),
        ("PUT", "/api/user/profile", {"nickname": "x"}),
        ("POST", "/api/user/change-password", {"old_password": "a", "new_password": "b"}),
        ("GET", "/api/user/sessions", None),
        ("GET", "/api/user/audit", None),
        ("POST", "/api/auth/logout", None),
    ):
        answer = (await keys.answer(key, method, path, body=body)).json()
        assert (answer["code"], answer["error_detail"]) == (403, "forbidden"), path


async def test_a_key_for_some_agents_knows_no_other(tmp_path: Path) -> None:
    async with ScriptedProvider() as model, house_in(tmp_path, outbound_allow=("127.0.0.1",)) as house:
        async with house.browser() as client:
            headers = bearer(await login(client, "admin", ADMIN_PASSWORD))
            row = {"base_url": model.url, "api_keys": ["sk-1234567890"], "model": "m"}
            provider = (await client.post("/api/llm-provider/create", json=row, headers=headers)).json()["data"]["id"]
            wanted = {"llm_provider_id": provider}
            one, two = [
                (await client.post("/api/agent/create", json={"name": name, **wanted}, headers=headers)).json()["data"]
                for name in ("one", "two")
            ]
            body = {"name": "k", "agent_ids": [one["id"]]}
            key = (await client.post("/api/user/keys", json=body, headers=headers)).json()["data"]["key"]
        async with house.browser(Authorization=f"Bearer {key}") as limited:
            listed = (await limited.get("/api/agent/list")).json()["data"]
            codes = [(await limited.get(f"/api/agent/{each}")).json()["code"] for each in (two["id"], "default_agent")]
            slugs = [
                (await limited.post("/api/stream", json={**HELLO, **agent})).json().get("error_detail")
                for agent in ({"agent_id": two["id"]}, {"agent_id": "default_agent"}, {})
            ]
            allowed = await limited.post("/api/chat", json={**HELLO, "agent_id": one["id"]})
        assert [each["name"] for each in listed] == ["one"]
        assert codes == [404, 404]
        assert slugs == ["agent_not_found"] * 3
        assert allowed.status_code == 200


async def test_nobody_holds_more_than_fifty(keys: Keys) -> None:
    for _ in range(50):
        await keys.make()
    assert (await keys.crowd.call("pia", "POST", "/api/user/keys", {"name": "k"}))[:2] == (409, "key_limit")


async def test_admins_see_and_revoke_keys_of_others_and_never_a_secret(keys: Keys) -> None:
    made, pia = await keys.make(), keys.crowd.ids["pia"]
    listed = await keys.crowd.get("admin", f"/api/user/{pia}/keys")
    assert [each["id"] for each in listed] == [made["id"]]
    assert "key" not in listed[0]
    assert (await keys.crowd.call("admin", "DELETE", f"/api/user/{'0' * 32}/keys/{made['id']}"))[1] == "user_not_found"
    assert (await keys.crowd.call("admin", "DELETE", f"/api/user/{pia}/keys/{made['id']}"))[0] == 200
    assert await keys.status(made["key"]) == 401


async def test_the_longest_life_is_a_limit_and_the_default(tmp_path: Path) -> None:
    async with house_in(tmp_path, api_key_max_days=10) as house, house.browser() as client:
        headers = bearer(await login(client, "admin", ADMIN_PASSWORD))
        far = {"name": "k", "expires_at": "2026-02-01T00:00:00Z"}
        assert (await client.post("/api/user/keys", json=far, headers=headers)).json()["code"] == 422
        made = (await client.post("/api/user/keys", json={"name": "k"}, headers=headers)).json()["data"]
        cleared = await client.put(f"/api/user/keys/{made['id']}", json={"expires_at": None}, headers=headers)
    assert [made["expires_at"], cleared.json()["data"]["expires_at"]] == ["2026-01-12T03:04:05.000000Z"] * 2


async def test_a_key_needs_no_origin(house: House) -> None:
    async with house.browser() as client:
        headers = bearer(await login(client, "admin", ADMIN_PASSWORD))
        key = (await client.post("/api/user/keys", json={"name": "k"}, headers=headers)).json()["data"]["key"]
    async with house.browser(Authorization=f"Bearer {key}", Origin="https://evil.example") as client:
        answer = await client.post(f"{BASE_URL}/api/user/config", json={"config": {}})
    assert answer.json()["code"] == 200
