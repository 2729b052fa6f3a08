"""Create, list, change and delete providers (platform.md 8.1, 8.2)."""

from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from clary.features.llm_providers.service import DefaultProvider
from features.llm_providers.stage import ENGLISH, Stage, provider_body, staged

pytestmark = pytest.mark.anyio

PREFIX = "/api/llm-provider"
UNKNOWN = (200, 500, "provider_not_found", "Provider not found")
IS_DEFAULT = (200, 500, "provider_is_default", "Cannot delete default provider")
IS_SYSTEM = (200, 500, "provider_is_system", "Cannot modify system default provider")
KEY_REQUIRED = (200, 400, "provider_key_required", "更换服务地址时必须重新填写 API Key")
ENVIRONMENT = DefaultProvider(
    base_url="https://env.example.com/v1/", api_key="sk-environment-0001", model="env-model", temperature=0.2
)


def whole(**fields: Any) -> dict[str, Any]:
    """The provider object of `provider_body()` as alice first sees it."""
    return {
        "id": "00000000-0000-4000-8000-000000000001",
        "provider_id": "00000000-0000-4000-8000-000000000001",
        "user_id": "alice",
        "name": "m-1@api.example.com",
        "base_url": "https://api.example.com/v1",
        "api_keys": ["sk-s***0001"],
        "model": "m-1",
        "max_tokens": None,
        "max_model_len": None,
        "temperature": None,
        "top_p": None,
        "presence_penalty": None,
        "supports_multimodal": False,
        "supports_structured_output": False,
        "thinking_style": "auto",
        "prices": None,
        "is_default": False,
        "is_system": False,
        "group_ids": [],
        "access": "owner",
        "created_at": "2026-01-02T03:04:06.000000Z",
        "updated_at": "2026-01-02T03:04:06.000000Z",
        **fields,
    }


async def listed(stage: Stage, name: str, query: str = "") -> list[str]:
    return [row["id"] for row in (await stage.person(name).get(f"{PREFIX}/list{query}")).data]


async def test_a_new_provider_comes_back_whole_with_its_key_masked_and_never_as_default(stage: Stage) -> None:
    alice = stage.person("alice")
    made = await alice.post(f"{PREFIX}/create", provider_body(is_default=True, user_id="bob", is_system=True))
    assert made.data == whole()
    assert (await alice.get(f"{PREFIX}/list")).data == [whole()]
    assert made.body["message"] == "success"


async def test_every_field_is_kept_as_sent(stage: Stage) -> None:
    fields = {
        "name": "Mine",
        "max_tokens": 100,
        "max_model_len": 32000,
        "temperature": 0,
        "top_p": 0.5,
        "presence_penalty": -1.5,
        "supports_multimodal": True,
        "supports_structured_output": True,
        "thinking_style": "reasoning_effort",
        "prices": {"currency": "EUR", "per": 1000, "input": 2.5, "output": 10.123456, "cached_input": 0},
    }
    sent = provider_body(**fields, base_url="https://api.example.com:8443/v1//")
    made = await stage.person("alice").post(f"{PREFIX}/create", sent)
    assert made.data == whole(**fields, base_url="https://api.example.com:8443/v1")


async def test_the_key_is_sealed_in_the_file_of_the_database(stage: Stage) -> None:
    await stage.provider("alice")
    async with stage.database.read() as session:
        rows = (await session.execute(text("SELECT * FROM llm_providers"))).all()
    assert "sk-secret-key-0001" not in str(rows)


@pytest.mark.parametrize(
    "fields",
    [
        {"base_url": each}
        for each in (
            "",
            "ftp://example.com/v1",
            "example.com",
            "http://user:pw@example.com/v1",
            "https://example.com/v1?k=1",
            "https://example.com/v1?",
            "https://example.com/v1#x",
            "https://exa mple.com",
            "https://example.com:99999",
            "https://[::1/v1",
            "https://" + "a" * 2050,
        )
    ]
    + [{"api_keys": each} for each in ([], ["a", "b"], [" "], ["a\nb"], ["k" * 4097], ["sk-s***0001"], "sk")]
    + [{"model": ""}, {"model": "m" * 256}, {"model": 7}, {"name": ""}, {"name": "n" * 129}, {"name": "a\nb"}]
    + [{"max_tokens": 0}, {"max_tokens": 10_000_001}, {"max_model_len": 1023}, {"temperature": 2.1}]
    + [{"top_p": -0.1}, {"presence_penalty": -2.1}, {"thinking_style": "psychic"}]
    + [
        {"prices": {"currency": "USD", "input": 1, "output": 1, **each}}
        for each in (
            {"input": -1},
            {"input": 0.0000001},
            {"output": 1_000_001},
            {"currency": "XTS"},
            {"currency": "dollars"},
            {"input": "much"},
            {"input": None},
            {"per": 10},
        )
    ],
    ids=str,
)
async def test_nonsense_is_refused_and_nothing_is_stored(stage: Stage, fields: dict[str, Any]) -> None:
    answer = await stage.person("alice").post(f"{PREFIX}/create", provider_body(**fields))
    assert (answer.status, answer.body["code"], answer.slug) == (422, 422, "validation_error")
    assert await listed(stage, "alice") == []


async def test_a_wrong_number_of_keys_is_told_in_the_words_of_the_contract(stage: Stage) -> None:
    alice = stage.person("alice")
    none = await alice.post(f"{PREFIX}/create", provider_body(api_keys=[]), headers=ENGLISH)
    lines = await alice.post(f"{PREFIX}/create", provider_body(api_keys=["a\nb"]), headers=ENGLISH)
    assert none.body["message"] == "Invalid request: api_keys: Exactly one API key is required"
    assert lines.body["message"] == "Invalid request: api_keys: API key must be a single line"


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1/v1",
        "http://2130706433/v1",
        "http://[::ffff:127.0.0.1]/v1",
        "http://169.254.169.254",
        "http://10.0.0.1",
    ],
)
async def test_a_private_address_is_refused_unless_an_administrator_lets_it_through(stage: Stage, url: str) -> None:
    answer = await stage.person("alice").post(f"{PREFIX}/create", provider_body(base_url=url))
    assert answer.refusal[:3] == (200, 400, "outbound_blocked")
    assert await stage.provider("alice", base_url="http://10.1.2.3/v1")


async def test_the_hundred_and_first_own_row_is_refused(stage: Stage) -> None:
    alice = stage.person("alice")
    for _ in range(100):
        await stage.provider("alice")
    answer = await alice.post(f"{PREFIX}/create", provider_body())
    assert answer.refusal == (200, 409, "provider_limit", "模型提供商数量已达上限")
    assert await stage.provider("bob")


async def test_the_own_mask_keeps_the_key_and_every_other_mask_is_refused(stage: Stage) -> None:
    alice, key = stage.person("alice"), await stage.provider("alice")
    path = f"{PREFIX}/update/{key}"
    for body in ({"api_keys": ["sk-s***0001"]}, {"api_keys": None}, {"name": "renamed"}):
        assert (await alice.put(path, body)).data["api_keys"] == ["sk-s***0001"]
    for wrong in ("***", "a***b", "sk-s***0002"):
        answer = await alice.put(path, {"api_keys": [wrong]})
        assert (answer.status, answer.slug) == (422, "validation_error")
    assert await opened_key(stage, key) == "sk-secret-key-0001"
    assert (await alice.put(path, {"api_keys": ["short"]})).data["api_keys"] == ["***"]
    assert await opened_key(stage, key) == "short"


async def opened_key(stage: Stage, provider_id: str) -> str:
    async with stage.database.read() as session:
        return (await stage.providers.require_usable(session, user_id="alice", provider_id=provider_id)).api_key


async def test_a_key_never_moves_to_another_origin(stage: Stage) -> None:
    alice, key = stage.person("alice"), await stage.provider("alice")
    path = f"{PREFIX}/update/{key}"
    elsewhere = ("https://evil.example.com/v1", "http://api.example.com/v1", "https://api.example.com:444/v1")
    for url in elsewhere:
        for keys in ({}, {"api_keys": None}, {"api_keys": ["sk-s***0001"]}):
            assert (await alice.put(path, {"base_url": url, **keys})).refusal == KEY_REQUIRED
    deeper = await alice.put(path, {"base_url": "https://API.example.com:443/deeper/"})
    assert deeper.data["base_url"] == "https://API.example.com:443/deeper"
    moved = await alice.put(path, {"base_url": elsewhere[0], "api_keys": ["sk-another-key-0002"]})
    assert (moved.data["base_url"], moved.data["api_keys"]) == (elsewhere[0], ["sk-a***0002"])


async def test_null_clears_the_optional_numbers_and_nothing_else(stage: Stage) -> None:
    prices = {"currency": "USD", "per": 1000000, "input": 1, "output": 2}
    numbers = {"max_tokens": 9, "max_model_len": 2048, "temperature": 1, "top_p": 1, "presence_penalty": 1}
    key = await stage.provider("alice", **numbers, prices=prices, supports_multimodal=True)
    alice, path = stage.person("alice"), f"{PREFIX}/update/{key}"
    kept = await alice.put(path, {"name": None, "base_url": None, "model": None, "supports_multimodal": None})
    assert kept.data == whole(
        **numbers, prices=prices, supports_multimodal=True, updated_at="2026-01-02T03:04:07.000000Z"
    )
    cleared = await alice.put(path, {**dict.fromkeys(numbers), "prices": None})
    assert cleared.data == whole(supports_multimodal=True, updated_at="2026-01-02T03:04:08.000000Z")


async def test_one_row_of_an_owner_is_the_default_and_cannot_be_deleted(stage: Stage) -> None:
    alice, bobs = stage.person("alice"), await stage.provider("bob")
    first, second = await stage.provider("alice"), await stage.provider("alice")
    await stage.person("bob").put(f"{PREFIX}/update/{bobs}", {"is_default": True})
    for key in (first, second):
        assert (await alice.put(f"{PREFIX}/update/{key}", {"is_default": True})).data["is_default"] is True
    marks = {row["id"]: row["is_default"] for row in (await alice.get(f"{PREFIX}/list")).data}
    assert marks == {second: True, first: False}
    assert (await alice.delete(f"{PREFIX}/delete/{second}")).refusal == IS_DEFAULT
    assert (await stage.person("root").delete(f"{PREFIX}/delete/{second}")).refusal == IS_DEFAULT
    assert (await stage.person("bob").get(f"{PREFIX}/list")).data[0]["is_default"] is True
    await alice.put(f"{PREFIX}/update/{second}", {"is_default": False})
    assert (await alice.delete(f"{PREFIX}/delete/{second}")).data == {"provider_id": second, "agents": []}
    assert await listed(stage, "alice") == [first]


async def test_deleting_takes_the_provider_out_of_the_agents_that_name_it(stage: Stage) -> None:
    key = await stage.provider("alice")
    main = await stage.agent("alice", name="main", llm_provider_id=key)
    small = await stage.agent("alice", name="small", fast_llm_provider_id=key)
    await stage.agent("alice", name="free")
    answer = await stage.person("alice").delete(f"{PREFIX}/delete/{key}")
    assert answer.data == {"provider_id": key, "agents": [main, small]}
    agent = (await stage.person("alice").get(f"/api/agent/{small}")).data
    assert (agent["llm_provider_id"], agent["fast_llm_provider_id"], agent["version"]) == (None, None, 1)


async def test_a_strangers_row_answers_like_an_unknown_one(stage: Stage) -> None:
    key, bob = await stage.provider("alice"), stage.person("bob")
    for each in (key, "00000000-0000-4000-8000-999999999999", "no-uuid", "demo2", "%00", "x" * 300):
        assert (await bob.put(f"{PREFIX}/update/{each}", {"name": "x"})).refusal == UNKNOWN
        assert (await bob.delete(f"{PREFIX}/delete/{each}")).refusal == UNKNOWN
        assert (await bob.post(f"{PREFIX}/verify-capabilities/{each}", {})).refusal == UNKNOWN
    assert await listed(stage, "alice") == [key]
    problem = await bob.delete(f"{PREFIX}/delete/{key}", headers={"Accept": "application/problem+json"})
    assert (problem.status, problem.body["status"], problem.body["code"]) == (404, 404, "provider_not_found")


async def test_an_admin_lists_and_changes_the_rows_of_others(stage: Stage) -> None:
    key, root = await stage.provider("alice"), stage.person("root")
    assert await listed(stage, "root") == []
    assert await listed(stage, "root", "?user_id=alice") == [key]
    assert await listed(stage, "bob", "?user_id=alice") == []
    changed = await root.put(f"{PREFIX}/update/{key}", {"name": "by root"})
    assert (changed.data["access"], changed.data["user_id"], changed.data["name"]) == ("admin", "alice", "by root")


async def test_system_rows_are_made_by_admins_and_shown_to_their_groups(stage: Stage) -> None:
    stage.groups.members["grp"] = {"member"}
    for_all = await stage.provider("root", is_system=True)
    for_group = await stage.provider("root", is_system=True, group_ids=["grp"])
    assert await listed(stage, "root") == []
    assert await listed(stage, "bob", "?include=system") == [for_all, "demo"]
    assert await listed(stage, "member", "?include=system") == [for_group, for_all, "demo"]
    seen = (await stage.person("member").get(f"{PREFIX}/list?include=system")).data[0]
    assert (seen["user_id"], seen["access"], seen["is_system"], seen["group_ids"]) == ("", "system", True, [])
    for method in ("put", "delete"):
        path = f"{PREFIX}/{'update' if method == 'put' else 'delete'}/{for_group}"
        body = {"name": "x"} if method == "put" else None
        assert (await stage.person("member").call(method.upper(), path, body)).refusal == IS_SYSTEM
        assert (await stage.person("bob").call(method.upper(), path, body)).refusal == UNKNOWN
    assert (await stage.person("root").delete(f"{PREFIX}/delete/{for_group}")).data["provider_id"] == for_group


async def test_a_row_an_admin_takes_back_belongs_to_the_admin(stage: Stage) -> None:
    key, root = await stage.provider("alice"), stage.person("root")
    given = await root.put(f"{PREFIX}/update/{key}", {"is_system": True})
    assert (given.data["user_id"], given.data["is_system"]) == ("", True)
    assert await listed(stage, "alice") == []
    taken = await root.put(f"{PREFIX}/update/{key}", {"is_system": False})
    assert (taken.data["user_id"], taken.data["is_system"], taken.data["access"]) == ("root", False, "owner")


async def test_a_user_cannot_make_a_system_row(stage: Stage) -> None:
    key = await stage.provider("alice")
    changed = await stage.person("alice").put(f"{PREFIX}/update/{key}", {"is_system": True, "group_ids": ["g"]})
    assert changed.data == whole(updated_at="2026-01-02T03:04:07.000000Z")


async def test_the_built_in_rows_are_shown_masked_and_changed_by_nobody(tmp_path: Path) -> None:
    async with staged(tmp_path, default=ENVIRONMENT) as stage:
        rows = (await stage.person("bob").get(f"{PREFIX}/list?include=system", headers=ENGLISH)).data
        assert [row["id"] for row in rows] == ["system-default", "demo"]
        default, demo = rows
        assert default == whole(
            id="system-default",
            provider_id="system-default",
            user_id="",
            name="Default LLM Provider",
            base_url="https://env.example.com/v1",
            api_keys=["sk-e***0001"],
            model="env-model",
            max_tokens=4096,
            max_model_len=54000,
            temperature=0.2,
            is_default=True,
            is_system=True,
            access="system",
            created_at=None,
            updated_at=None,
        )
        assert (demo["name"], demo["base_url"], demo["api_keys"]) == (
            "Clary demo model (not a real model)",
            "",
            [],
        )
        for name in ("bob", "root"):
            person = stage.person(name)
            assert (await person.delete(f"{PREFIX}/delete/system-default")).refusal == IS_DEFAULT
            assert (await person.delete(f"{PREFIX}/delete/demo")).refusal == IS_SYSTEM
            for key in ("system-default", "demo"):
                assert (await person.put(f"{PREFIX}/update/{key}", {"name": "x"})).refusal == IS_SYSTEM
                assert (await person.post(f"{PREFIX}/verify-capabilities/{key}", {})).refusal == IS_SYSTEM


async def test_without_its_setting_a_built_in_row_is_unknown(tmp_path: Path) -> None:
    async with staged(tmp_path, demo_model=False) as stage:
        assert await listed(stage, "bob", "?include=system") == []
        for key in ("system-default", "demo"):
            assert (await stage.person("bob").delete(f"{PREFIX}/delete/{key}")).refusal == UNKNOWN


async def test_who_has_no_login_or_not_the_scope_gets_nowhere(stage: Stage) -> None:
    key = await stage.provider("alice")
    routes = [
        ("POST", "/create"),
        ("PUT", f"/update/{key}"),
        ("DELETE", f"/delete/{key}"),
        ("POST", "/verify"),
        ("POST", "/verify-multimodal"),
        ("POST", "/verify-capabilities"),
        ("POST", f"/verify-capabilities/{key}"),
    ]
    for method, path in [*routes, ("GET", "/list")]:
        answer = await stage.person(None).call(method, PREFIX + path, provider_body() if method != "GET" else None)
        assert answer.refusal == (401, 401, "unauthenticated", "未登录")
    for method, path in routes:
        answer = await stage.person("alice/read").call(method, PREFIX + path, provider_body())
        assert answer.refusal == (200, 403, "forbidden", "权限不足")
    assert len((await stage.person("alice/read").get(f"{PREFIX}/list")).data) == 1
