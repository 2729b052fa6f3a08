"""Identity from a trusted proxy, and what it does to accounts (platform.md 3.1, 3.2, 5.4, 16.2 A5, A16)."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest

from clary.features.audit.service import CLI
from support.house import ADMIN_PASSWORD, PASSWORD, House, bearer, house_in, login

pytestmark = pytest.mark.anyio

PROXY = "192.0.2.10"
Headers = Sequence[tuple[str, str]] | dict[str, str]


@asynccontextmanager
async def behind_proxy(folder: Path, **values: Any) -> AsyncIterator[House]:
    """A server in mode `trusted_proxy`."""
    settings = {"auth_mode": "trusted_proxy", "trusted_identity_proxy_ips": (PROXY,), **values}
    async with house_in(folder, **settings) as house:
        yield house


async def session(house: House, headers: Headers, address: str = PROXY) -> httpx2.Response:
    """Who am I, with these headers from an address."""
    async with house.browser(address) as client:
        return await client.get("/api/auth/session", headers=headers)


async def user(house: House, name: str, **more: str) -> dict[str, Any]:
    """The user whom the proxy names; headers by their ends (`Groups="a,b"`)."""
    sent: Any = {"X-Clary-User": name, **{f"X-Clary-{key}": value.encode() for key, value in more.items()}}
    answer = (await session(house, sent)).json()
    assert answer["code"] == 200, answer
    return answer["data"]["user"]


async def groups(house: House, name: str, **more: str) -> list[str]:
    """The names of the user's groups, a second later."""
    await user(house, name, **more)
    house.clock.move(seconds=2)
    return [group["name"] for group in (await user(house, name, **more))["groups"]]


async def test_a_person_is_made_at_first_sight_and_known_again(tmp_path: Path) -> None:
    async with behind_proxy(tmp_path) as house:
        first = await user(house, " pia@corp ", Email="Pia@Corp.example", Name="Pia 派")
        answer = await session(house, {"X-Sage-Internal-UserId": "pia@corp"})
    assert first == {
        "userid": "pia@corp",
        "username": "pia-corp",
        "nickname": "Pia 派",
        "phonenum": "",
        "email": "pia@corp.example",
        "role": "user",
        "avatar": "",
        "avatar_url": "",
        "groups": [],
    }
    assert answer.json()["data"]["user"]["userid"] == "pia@corp"
    assert answer.json()["data"]["auth_method"] == "trusted_proxy"


@pytest.mark.parametrize(
    ("headers", "address"),
    [
        ({"X-Clary-User": "pia"}, "192.0.2.11"),
        ({"X-Clary-User": "pia", "X-Forwarded-For": PROXY}, "192.0.2.11"),
        ({"X_Clary_User": "pia"}, PROXY),
        ({"X-Clary-User": "  "}, PROXY),
        ({"X-Clary-User": "pia", "X-Sage-Internal-UserId": "eve"}, PROXY),
        ([("X-Clary-User", "pia"), ("X-Clary-User", "eve")], PROXY),
        ({"X-Clary-User": "x" * 129}, PROXY),
        ({"X-Clary-User": "a\x01b"}, PROXY),
    ],
)
async def test_what_is_no_clear_word_of_the_proxy_is_nobody(tmp_path: Path, headers: Headers, address: str) -> None:
    async with behind_proxy(tmp_path) as house:
        answer = await session(house, headers, address)
        async with house.services.database.read() as db:
            people = await house.services.accounts.list_people(db, user_ids=["pia", "eve"])
    assert (answer.status_code, people) == (401, {})


async def test_contradictions_are_refused_and_repeats_of_one_value_are_not(tmp_path: Path) -> None:
    async with behind_proxy(tmp_path) as house:
        refused = await session(house, [("X-Clary-User", "pia"), ("X-Clary-User", "eve")])
        same = await session(house, [("X-Clary-User", "pia"), ("X-Sage-Internal-UserId", " pia ")])
    assert refused.json()["message"] == "Token非法"
    assert same.status_code == 200


async def test_in_another_mode_and_without_a_list_the_header_has_no_effect(tmp_path: Path) -> None:
    async with house_in(tmp_path / "native", trusted_identity_proxy_ips=(PROXY,)) as house:
        assert (await session(house, {"X-Clary-User": "pia"})).status_code == 401
    async with behind_proxy(tmp_path / "empty", trusted_identity_proxy_ips=()) as house:
        assert (await session(house, {"X-Clary-User": "pia"})).status_code == 401


async def test_a_proxied_identity_wins_over_every_other_credential(tmp_path: Path) -> None:
    async with behind_proxy(tmp_path) as house, house.browser(PROXY) as client:
        headers = bearer(await login(client, "admin", ADMIN_PASSWORD))
        answer = await client.get("/api/auth/session", headers={**headers, "X-Clary-User": "pia"})
        clash = {"X-Clary-User": "pia", "X-Sage-Internal-UserId": "eve"}
        refused = await client.get("/api/auth/session", headers={**headers, **clash})
    assert answer.json()["data"]["user"]["userid"] == "pia"
    assert refused.status_code == 401


async def test_no_value_becomes_a_local_admin_and_a_user_is_met_by_id(tmp_path: Path) -> None:
    async with behind_proxy(tmp_path) as house:
        async with house.browser() as client:
            own = (await login_as(client, "admin"))["userid"]
        by_name, by_id = await user(house, "admin"), await user(house, own)
        known = await house.make_user("old")
        met = await user(house, known, Groups="x")
    assert (by_name["role"], by_name["username"][:6], by_name["userid"]) == ("user", "admin_", "admin")
    assert (by_id["role"], by_id["userid"] != own) == ("user", True)
    assert met["username"] == "old"


async def login_as(client: httpx2.AsyncClient, name: str) -> dict[str, Any]:
    """The user of a password."""
    headers = bearer(await login(client, name, ADMIN_PASSWORD))
    return (await client.get("/api/auth/session", headers=headers)).json()["data"]["user"]


async def test_passwords_are_for_admins(tmp_path: Path) -> None:
    async with behind_proxy(tmp_path) as house:
        await house.make_user("pia")
        async with house.browser() as client:
            body = {"username_or_email": "pia", "password": PASSWORD}
            right = await client.post("/api/auth/login", json=body)
            wrong = await client.post("/api/auth/login", json={**body, "password": "wrong-wrong"})
            assert client.cookies == {}
            info = (await client.get("/api/system/info")).json()["data"]
            await login(client, "admin", ADMIN_PASSWORD)
            added = await client.post("/api/user/add", json={"username": "no-password"})
    assert [right.json()["error_detail"], wrong.json()["error_detail"]] == ["admin_only_login", "invalid_credentials"]
    assert (info["auth_mode"], info["has_local_auth"], info["native_login_admin_only"]) == ("trusted_proxy", True, True)
    assert added.json()["code"] == 200


async def test_a_password_is_wanted_in_native_mode(house: House) -> None:
    async with house.browser() as client:
        await login(client, "admin", ADMIN_PASSWORD)
        answer = (await client.post("/api/user/add", json={"username": "no-password"})).json()
    assert (answer["code"], answer["error_detail"]) == (422, "validation_error")


async def test_groups_follow_the_header_whenever_its_value_changes(tmp_path: Path) -> None:
    settings = {"trusted_proxy_group_map": {"eng": "Engineering"}, "trusted_proxy_group_create": True}
    async with behind_proxy(tmp_path, **settings) as house:
        assert await groups(house, "pia", Groups="eng, ops,,eng") == ["Engineering", "ops"]
        assert await groups(house, "pia") == ["Engineering", "ops"]
        assert await groups(house, "pia", Groups="ops") == ["ops"]
        assert await groups(house, "pia", Groups="") == []
        known = await house.make_user("old")
        assert await groups(house, known, Groups="ops") == ["ops"]
    async with behind_proxy(tmp_path / "map", trusted_proxy_group_map={"eng": "Engineering"}) as house:
        assert await groups(house, "pia", Groups="eng,ops") == []


@pytest.mark.slow
async def test_ten_thousand_groups_are_bounded_and_none_is_cut_into_another(tmp_path: Path) -> None:
    settings = {"trusted_proxy_group_create": True, "trusted_proxy_admin_groups": ("admins",)}
    async with behind_proxy(tmp_path, **settings) as house:
        many = ",".join(f"g{number}" for number in range(2500))
        assert len(await groups(house, "pia", Groups=many)) == 1000
        near = ",".join(["x" * 60] * 134 + ["admins-of-nothing"])
        assert (await user(house, "eve", Groups=near))["role"] == "user"


async def test_a_role_by_mapping_comes_and_goes_and_the_last_admin_keeps_it(tmp_path: Path) -> None:
    settings = {"trusted_proxy_role": True, "trusted_proxy_admin_groups": ("admins",)}

    async def role(house: House, **more: str) -> str:
        house.clock.move(seconds=2)
        return (await user(house, "pia", **more))["role"]

    async with behind_proxy(tmp_path, **settings) as house:
        assert [
            await role(house, Groups="ops", Role="user"),
            await role(house, Groups="ops,admins", Role="user"),
            await role(house),
            await role(house, Role="user"),
            await role(house, Role="admin"),
            await role(house, Groups="ops"),
            await role(house, Groups="admins"),
            await role(house, Groups=""),
            await role(house, Groups="admins", Role="user"),
            await role(house, Groups="ops", Role="user"),
            await role(house, Role="admin"),
        ] == ["user", "admin", "admin", "user", "admin", "user", "admin", "user", "admin", "user", "admin"]
        async with house.browser() as client:
            own = (await login_as(client, "admin"))["userid"]
        await house.services.user_administration.set_disabled(user_id=own, disabled=True, by=CLI)
        assert await role(house, Groups="ops", Role="user") == "admin"
    async with behind_proxy(tmp_path / "untrusted") as house:
        assert (await user(house, "pia", Role="admin", Groups="admins"))["role"] == "user"


async def test_a_role_that_is_taken_back_ends_tokens_given_out_elsewhere(tmp_path: Path) -> None:
    ended: list[str] = []

    class Elsewhere:
        async def end_tokens(self, db: Any, *, user_id: str) -> None:
            ended.append(user_id)

    async with behind_proxy(tmp_path, trusted_proxy_role=True) as house:
        house.services.identity.identities.add_tokens(Elsewhere())
        for role in ("admin", "admin", "user", "user"):
            house.clock.move(seconds=2)
            await user(house, "pia", Role=role)
    assert ended == ["pia"]


async def test_a_disabled_or_deleted_person_stays_out(tmp_path: Path) -> None:
    async with behind_proxy(tmp_path) as house:
        await user(house, "pia")
        await house.services.user_administration.set_disabled(user_id="pia", disabled=True, by=CLI)
        answer = await session(house, {"X-Clary-User": "pia"})
        assert (answer.status_code, answer.json()["message"]) == (401, "登录过期")
        await house.services.user_administration.set_disabled(user_id="pia", disabled=False, by=CLI)
        assert (await user(house, "pia"))["userid"] == "pia"


async def test_own_headers_may_have_other_names_or_be_off(tmp_path: Path) -> None:
    settings = {"trusted_proxy_user_header": "Remote-User", "trusted_proxy_name_header": ""}
    async with behind_proxy(tmp_path, **settings) as house:
        answer = (await session(house, {"Remote-User": "pia", "X-Clary-Name": "Pia"})).json()
        assert (await session(house, {"X-Clary-User": "eve"})).status_code == 401
    assert answer["data"]["user"]["nickname"] == "pia"


async def test_signing_out_names_the_proxys_own_address(tmp_path: Path) -> None:
    url = "https://proxy.example/out"
    async with behind_proxy(tmp_path, trusted_proxy_logout_url=url) as house, house.browser(PROXY) as client:
        answer = await client.post("/api/auth/logout", headers={"X-Clary-User": "pia"})
    assert answer.json()["data"] == {"logout_url": url}


async def test_linked_identities_are_listed_and_the_last_way_in_stays(tmp_path: Path) -> None:
    async with behind_proxy(tmp_path) as house, house.browser(PROXY) as client:
        headers = {"X-Clary-User": "pia", "X-Clary-Name": "Pia"}
        listed = (await client.get("/api/user/identities", headers=headers)).json()["data"]
        assert [{**each, "linked_at": ""} for each in listed] == [
            {"provider_id": "trusted_proxy", "name": "Pia", "username": "pia", "email": None, "linked_at": ""}
        ]
        unknown = await client.delete("/api/user/identities/none", headers=headers)
        last = await client.delete("/api/user/identities/trusted_proxy", headers=headers)
        await house.services.user_administration.reset_password(user_id="pia", by=CLI)
        useless = await client.delete("/api/user/identities/trusted_proxy", headers=headers)
        await house.services.user_administration.set_role(user_id="pia", role="admin", by=CLI)
        gone = await client.delete("/api/user/identities/trusted_proxy", headers=headers)
    slugs = [answer.json()["error_detail"] for answer in (unknown, last, useless)]
    assert slugs == ["identity_not_found", "last_credential", "last_credential"]
    assert gone.json()["code"] == 200
