"""What administrators change over HTTP, and what people change about themselves (platform.md 4.8)."""

from typing import Any

import pytest

from support.crowd import Answer, Crowd
from support.house import House, bearer, login

pytestmark = pytest.mark.anyio


async def user(crowd: Crowd, user_id: str) -> dict[str, Any]:
    """A user as the list shows one."""
    items = (await crowd.get("admin", "/api/user/list"))["items"]
    return next(item for item in items if item["user_id"] == user_id)


async def acts(crowd: Crowd, query: str) -> list[dict[str, Any]]:
    """Entries of the audit log, oldest first."""
    return (await crowd.get("admin", f"/api/audit?page_size=200&{query}"))["items"][::-1]


async def change(crowd: Crowd, user_id: str, **fields: Any) -> Answer:
    """An administrator changes a user."""
    return await crowd.call("admin", "POST", "/api/user/update", {"user_id": user_id, **fields})


async def test_an_update_changes_what_was_sent_and_null_clears(crowd: Crowd) -> None:
    (pia,) = await crowd.add("pia", email="pia@example.com", phonenum="1")
    assert await change(crowd, pia, nickname="P", email=" New@Example.com ") == (200, None, {"user_id": pia})
    assert await change(crowd, pia, phonenum=None) == (200, None, {"user_id": pia})
    assert await change(crowd, pia, created_at="2020", id="x") == (200, None, {"user_id": pia})
    shown = await user(crowd, pia)
    assert (shown["nickname"], shown["email"], shown["phonenum"]) == ("P", "new@example.com", None)
    details = [entry["detail"] for entry in await acts(crowd, f"action=user.updated&object_id={pia}")]
    assert details == [
        {"email": {"old": "pia@example.com", "new": "new@example.com"}, "nickname": {"old": None, "new": "P"}},
        {"phonenum": {"old": "1", "new": None}},
    ]


async def test_an_update_that_breaks_a_rule_changes_nothing(crowd: Crowd) -> None:
    pia, _ = await crowd.add("pia", "max"), await crowd.add("mia", email="mia@example.com")
    refusals = [
        await change(crowd, "0" * 32, nickname="x"),
        await change(crowd, pia[0], nickname="x", email="MIA@example.com"),
        await change(crowd, pia[0], nickname="x", email="nonsense"),
        await change(crowd, pia[0], nickname="x", role="boss"),
        await change(crowd, pia[0], nickname="x\x07"),
    ]
    assert [(code, slug) for code, slug, _ in refusals] == [
        (404, "user_not_found"),
        (409, "email_taken"),
        (400, "email_invalid"),
        (422, "validation_error"),
        (422, "validation_error"),
    ]
    assert (await user(crowd, pia[0]))["nickname"] == "pia"


async def test_role_and_lock_are_written_down_and_act_at_once(crowd: Crowd) -> None:
    (pia,) = await crowd.add("pia")
    await crowd.get("pia", "/api/auth/session")
    await change(crowd, pia, role="admin")
    assert (await crowd.call("pia", "GET", "/api/user/list"))[0] == 200
    await change(crowd, pia, role="user", disabled=True)
    assert (await crowd.call("pia", "GET", "/api/auth/session"))[0] == 401
    assert "pia" not in [each["label"] for each in await crowd.get("admin", "/api/user/options")]
    await change(crowd, pia, disabled=False)
    named = [(entry["action"], entry["detail"]) for entry in await acts(crowd, f"object_id={pia}&action=user.")]
    assert named == [
        ("user.created", {"username": "pia", "email": None, "role": "user"}),
        ("user.role_changed", {"role": {"old": "user", "new": "admin"}}),
        ("user.role_changed", {"role": {"old": "admin", "new": "user"}}),
        ("user.disabled", {}),
        ("user.enabled", {}),
    ]


async def test_the_last_administrator_stays_one(crowd: Crowd) -> None:
    admin = (await crowd.get("admin", "/api/auth/session"))["user"]["userid"]
    assert (await change(crowd, admin, role="user", nickname="x"))[1] == "last_admin"
    assert (await change(crowd, admin, disabled=True))[1] == "last_admin"
    assert (await user(crowd, admin))["nickname"] == "admin"


async def test_a_generated_password_is_shown_once_and_a_given_one_never(crowd: Crowd) -> None:
    (pia,) = await crowd.add("pia")
    await crowd.get("pia", "/api/auth/session")
    path = "/api/user/reset-password"
    _, _, made = await crowd.call("admin", "POST", path, {"user_id": pia})
    assert (await crowd.call("pia", "GET", "/api/auth/session"))[0] == 401
    async with crowd.house.browser() as client:
        await login(client, "pia", made["password"])
    assert await crowd.call("admin", "POST", path, {"user_id": pia, "new_password": "Another-4711"}) == (200, None, {})
    assert (await crowd.call("admin", "POST", path, {"user_id": pia, "new_password": "short"}))[1] == (
        "password_too_short"
    )
    async with crowd.house.browser() as client:
        await login(client, "pia", "Another-4711")
    assert made["password"] not in repr(await acts(crowd, ""))


async def test_a_profile_changes_three_fields_and_nothing_else(crowd: Crowd) -> None:
    (pia,) = await crowd.add("pia", email="pia@example.com")
    body = {"nickname": "P", "phonenum": "1", "avatar_url": "https://example.com/p.png"}
    code, _, shown = await crowd.call("pia", "PUT", "/api/user/profile", {**body, "role": "admin", "email": "x@y.z"})
    assert (code, shown) == (
        200,
        {
            "userid": pia,
            "username": "pia",
            "nickname": "P",
            "phonenum": "1",
            "email": "pia@example.com",
            "role": "user",
            "avatar": "https://example.com/p.png",
            "avatar_url": "https://example.com/p.png",
        },
    )
    _, _, cleared = await crowd.call("pia", "PUT", "/api/user/profile", {"nickname": "", "avatar_url": ""})
    assert (cleared["nickname"], cleared["phonenum"], cleared["avatar_url"]) == ("pia", "1", "")
    for avatar in ("javascript:alert(1)", "http://example.com/p.png", "/etc/passwd", "https://", "x" * 600):
        assert (await crowd.call("pia", "PUT", "/api/user/profile", {"avatar_url": avatar}))[0] == 422, avatar


async def test_own_sessions_are_listed_and_ended(house: House) -> None:
    await house.make_user("pia")
    await house.make_user("eve")
    async with house.browser("198.51.100.1", **{"User-Agent": "Phone"}) as phone, house.browser() as desk:
        other, here = bearer(await login(phone, "pia")), bearer(await login(desk, "pia"))
        shown = (await desk.get("/api/user/sessions", headers=here)).json()["data"]
        by_agent = {each["user_agent"]: each for each in shown}
        assert len(shown) == 2
        assert {key: by_agent["Phone"][key] for key in ("current", "method", "address", "created_at")} == {
            "current": False,
            "method": "password",
            "address": "198.51.100.1",
            "created_at": "2026-01-02T03:04:05.000000Z",
        }
        async with house.browser() as eve:
            stolen = await eve.delete(
                f"/api/user/sessions/{by_agent['Phone']['id']}", headers=bearer(await login(eve, "eve"))
            )
        assert stolen.json()["error_detail"] == "session_not_found"
        ended = await desk.delete(f"/api/user/sessions/{by_agent['Phone']['id']}", headers=here)
        assert ended.json()["data"] == {}
        phone.cookies.clear()
        assert (await phone.get("/api/auth/session", headers=other)).status_code == 401
        await login(phone, "pia")
        assert (await desk.delete("/api/user/sessions", headers=here)).json()["data"] == {"ended": 1}
        assert [each["current"] for each in (await desk.get("/api/user/sessions", headers=here)).json()["data"]] == [
            True
        ]
