"""Users: add, list, options, password, settings (platform.md 4.1, 4.2, 4.5, 4.8; abuse case A10)."""

import asyncio
from pathlib import Path
from typing import Any

import httpx2
import pytest

from support.house import ADMIN_PASSWORD, PASSWORD, House, bearer, house_in, login

pytestmark = pytest.mark.anyio


def slug(answer: httpx2.Response) -> tuple[int, int, str | None]:
    body = answer.json()
    return answer.status_code, body["code"], body.get("error_detail")


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"username": "a b"}, (200, 400, "username_invalid")),
        ({"username": "a@b"}, (200, 400, "username_invalid")),
        ({"username": "x" * 65}, (200, 400, "username_invalid")),
        ({"username": "  "}, (200, 400, "username_invalid")),
        ({"username": "a\u0007b"}, (422, 422, "validation_error")),
        ({"username": "ADMIN"}, (200, 409, "username_taken")),
        ({"username": "ａｄｍｉｎ"}, (200, 409, "username_taken")),
        ({"email": "no-address"}, (200, 400, "email_invalid")),
        ({"email": "a@b@c"}, (200, 400, "email_invalid")),
        ({"password": "short"}, (200, 400, "password_too_short")),
        ({"password": " " * 12}, (200, 400, "password_too_short")),
        ({"password": "New-Person"}, (200, 400, "password_is_name")),
        ({"password": "P@EXAMPLE.ORG", "email": "p@example.org"}, (200, 400, "password_is_name")),
        ({"password": "x" * 257}, (422, 422, "validation_error")),
        ({"password": None}, (422, 422, "validation_error")),
        ({"role": "root"}, (422, 422, "validation_error")),
        ({"username": 7}, (422, 422, "validation_error")),
    ],
)
async def test_a_user_that_breaks_a_rule_is_refused(
    house: House, change: dict[str, Any], expected: tuple[int, int, str]
) -> None:
    async with house.browser() as admin:
        await login(admin, "admin", ADMIN_PASSWORD)
        body = {"username": "new-person", "password": PASSWORD, **change}
        assert slug(await admin.post("/api/user/add", json=body)) == expected
        assert (await admin.get("/api/user/list")).json()["data"]["total"] == 1


async def test_names_of_any_script_are_welcome(house: House) -> None:
    for name in ("张三", "Дмитрий", "o_o.-9"):
        await house.make_user(name)
    async with house.browser() as client:
        await login(client, "张三")


async def test_of_many_equal_additions_at_once_one_succeeds(house: House) -> None:
    async with house.browser() as admin:
        await login(admin, "admin", ADMIN_PASSWORD)
        body = {"username": "twin", "password": PASSWORD}
        answers = await asyncio.gather(*(admin.post("/api/user/add", json=body) for _ in range(8)))
    assert sorted(answer.json()["code"] for answer in answers) == [200, *[409] * 7]


async def test_an_email_belongs_to_one_user(house: House) -> None:
    await house.make_user("first", email="one@example.org")
    async with house.browser() as admin:
        await login(admin, "admin", ADMIN_PASSWORD)
        body = {"username": "second", "password": PASSWORD, "email": "ONE@example.org"}
        assert slug(await admin.post("/api/user/add", json=body)) == (200, 409, "email_taken")


async def test_users_pages_are_for_admins(house: House) -> None:
    await house.make_user("plain")
    async with house.browser() as client:
        await login(client, "plain")
        assert slug(await client.get("/api/user/list")) == (200, 403, "forbidden")
        body = {"username": "sneaky", "password": PASSWORD, "role": "admin"}
        assert slug(await client.post("/api/user/add", json=body)) == (200, 403, "forbidden")


async def test_the_list_is_newest_first_paged_and_filtered(house: House) -> None:
    for name in ("ann", "ben", "cy_d"):
        house.clock.move(seconds=1)
        await house.make_user(name, role="admin" if name == "ben" else "user", email=f"{name}@example.org")
    async with house.browser() as admin:
        await login(admin, "admin", ADMIN_PASSWORD)

        async def names(query: str) -> tuple[list[str], int]:
            data = (await admin.get(f"/api/user/list?{query}")).json()["data"]
            return [item["username"] for item in data["items"]], data["total"]

        assert await names("") == (["cy_d", "ben", "ann", "admin"], 4)
        assert await names("page=2&page_size=3") == (["admin"], 4)
        assert await names("page=9&page_size=500") == ([], 4)
        assert await names("q=_") == (["cy_d"], 1)
        assert await names("q=%25") == ([], 0)
        assert await names("q=ANN%40") == (["ann"], 1)
        assert await names("role=admin") == (["ben", "admin"], 2)
        assert await names("status=disabled") == ([], 0)
        assert (await admin.get("/api/user/list?role=root")).status_code == 422
        item = (await admin.get("/api/user/list?q=ann")).json()["data"]["items"][0]
    assert set(item) == {
        "user_id", "username", "nickname", "email", "phonenum", "role", "status", "groups", "auth_sources",
        "created_at", "last_login_at",
    }  # fmt: skip
    assert (item["created_at"], item["last_login_at"], item["groups"]) == ("2026-01-02T03:04:06.000000Z", None, [])


@pytest.mark.parametrize(
    ("directory", "seen"), [("all", ["admin", "ann", "ben"]), ("groups", ["ann"]), ("self", ["ann"])]
)
async def test_the_selector_shows_as_much_as_the_directory_allows(
    tmp_path: Path, directory: str, seen: list[str]
) -> None:
    async with house_in(tmp_path, user_directory=directory) as house:
        ids = {name: await house.make_user(name) for name in ("ben", "ann")}
        async with house.browser() as client, house.browser() as admin:
            await login(client, "ann")
            await login(admin, "admin", ADMIN_PASSWORD)
            own = (await client.get("/api/user/options")).json()["data"]
            all_of_them = (await admin.get("/api/user/options?q=B")).json()["data"]
    assert [option["label"] for option in own] == seen
    assert all_of_them == [{"label": "ben", "value": ids["ben"]}]


async def test_a_new_password_ends_every_other_session_but_not_this_one(house: House) -> None:
    await house.make_user("changer")
    async with house.browser() as client, house.browser() as other, house.browser() as program:
        await login(client, "changer")
        tokens = await login(other, "changer")
        assert (await other.get("/api/auth/session")).status_code == 200
        body = {"old_password": PASSWORD, "new_password": "Changed-Pass-99"}
        answer = await client.post("/api/user/change-password", json=body)
        assert (answer.json()["message"], answer.json()["data"]) == ("密码修改成功", {})
        assert (await client.get("/api/auth/session")).status_code == 200
        assert (await other.get("/api/auth/session")).status_code == 401
        assert (await program.get("/api/auth/session", headers=bearer(tokens))).status_code == 401
        refused = await program.post("/api/auth/refresh", json=tokens)
        assert refused.status_code == 401
        old = await program.post("/api/auth/login", json={"username_or_email": "changer", "password": PASSWORD})
        assert slug(old) == (200, 400, "invalid_credentials")
        await login(program, "changer", "Changed-Pass-99")


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("Wrong-Pass-99", "Changed-Pass-99", "wrong_old_password"),
        (PASSWORD, "short", "password_too_short"),
        (PASSWORD, "changer1", "password_is_name"),
    ],
)
async def test_a_password_change_that_breaks_a_rule_is_refused(house: House, old: str, new: str, expected: str) -> None:
    await house.make_user("changer1")
    async with house.browser() as client, house.browser() as again:
        await login(client, "changer1")
        answer = await client.post("/api/user/change-password", json={"old_password": old, "new_password": new})
        assert slug(answer) == (200, 400, expected)
        await login(again, "changer1")


async def test_guessing_the_old_password_is_braked_like_a_sign_in(house: House) -> None:
    await house.make_user("changer")
    async with house.browser() as client:
        await login(client, "changer")
        body = {"old_password": "Wrong-Pass-99", "new_password": "Changed-Pass-99"}
        for _ in range(5):
            await client.post("/api/user/change-password", json=body)
        answer = await client.post("/api/user/change-password", json={**body, "old_password": PASSWORD})
    assert slug(answer) == (200, 429, "login_throttled")


async def test_settings_are_merged_by_top_level_key_and_read_back_equal(house: House) -> None:
    await house.make_user("config")
    async with house.browser() as client:
        await login(client, "config")

        async def save(config: dict[str, Any]) -> httpx2.Response:
            return await client.post("/api/user/config", json={"config": config})

        assert (await client.get("/api/user/config")).json()["data"] == {"config": {}}
        await save({"a": {"x": 1}, "b": 2, "数": [1.5, True, None, "é\n"]})
        answer = await save({"a": {"y": 2}, "b": None})
        merged = {"a": {"y": 2}, "b": None, "数": [1.5, True, None, "é\n"]}
        assert (answer.json()["message"], answer.json()["data"]) == ("更新配置成功", {"config": merged})
        assert (await save({"_secret": 1})).status_code == 422
        assert (await save({"big": "x" * 65_536})).status_code == 422
        assert (await save({"c": "x" * 40_000})).status_code == 200
        assert (await save({"d": "x" * 40_000})).status_code == 422
        stored = (await client.get("/api/user/config")).json()["data"]["config"]
    assert stored == {**merged, "c": "x" * 40_000}


async def test_settings_written_at_once_are_all_kept(house: House) -> None:
    async with house.browser() as client:
        await login(client, "admin", ADMIN_PASSWORD)
        bodies = [{"config": {f"k{number}": number}} for number in range(10)]
        await asyncio.gather(*(client.post("/api/user/config", json=body) for body in bodies))
        stored = (await client.get("/api/user/config")).json()["data"]["config"]
    assert stored == {f"k{number}": number for number in range(10)}


async def test_server_owned_fields_in_a_body_change_nothing(house: House) -> None:
    user_id = await house.make_user("climber", user_id="chosen", status="disabled", created_at="2001-01-01T00:00:00Z")
    assert user_id != "chosen"
    async with house.browser() as client:
        await login(client, "climber")


async def test_the_first_admin_is_made_once_with_a_password_told_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async with house_in(tmp_path, bootstrap_admin_password=None) as house, house.browser() as client:
        printed = capsys.readouterr().err
        password = printed.split("one-time password ")[1].split()[0]
        assert len(password) == 20
        await login(client, "admin", password)
    async with house_in(tmp_path, bootstrap_admin_password="Another-Pass-4711") as house, house.browser() as client:
        assert "password" not in capsys.readouterr().err
        await login(client, "admin", password)
