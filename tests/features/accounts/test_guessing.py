"""Brakes on guessing, and answers that do not tell who exists (platform.md 4.4; abuse cases A8, A11)."""

import asyncio

import httpx2
import pytest
from sqlalchemy import func, select

from clary.features.accounts.tables import LoginSessionRow, ThrottleCounterRow, UserRow
from support.house import ADMIN_PASSWORD, PASSWORD, House, bearer, login

pytestmark = pytest.mark.anyio


async def attempt(client: httpx2.AsyncClient, name: str, password: str = "Wrong-password-1") -> dict[str, object]:
    answer = await client.post("/api/auth/login", json={"username_or_email": name, "password": password})
    body = answer.json()
    return {
        "http": answer.status_code,
        "code": body["code"],
        "slug": body.get("error_detail"),
        "wait": answer.headers.get("retry-after"),
    }


WRONG = {"http": 200, "code": 400, "slug": "invalid_credentials", "wait": None}


def throttled(seconds: int) -> dict[str, object]:
    return {"http": 200, "code": 429, "slug": "login_throttled", "wait": str(seconds)}


@pytest.mark.parametrize("name", ["known", "nobody", "no.such@example.org"])
async def test_five_failures_are_free_then_waiting_doubles(house: House, name: str) -> None:
    await house.make_user("known")
    async with house.browser() as client:
        assert [await attempt(client, name) for _ in range(5)] == [WRONG] * 5
        assert await attempt(client, name) == throttled(2)
        house.clock.move(seconds=2)
        assert await attempt(client, name) == WRONG
        assert await attempt(client, name) == throttled(4)
        for wait in (4, 8, 16, 32, 64, 128, 256, 512, 900, 900):
            house.clock.move(seconds=wait)
            assert await attempt(client, name) == WRONG
        assert await attempt(client, name) == throttled(900)
        house.clock.move(hours=1)
        assert await attempt(client, name) == WRONG


async def test_the_right_password_waits_as_well_and_then_clears_the_count(house: House) -> None:
    await house.make_user("owner")
    async with house.browser() as client:
        for _ in range(5):
            await attempt(client, "owner")
        assert await attempt(client, "owner", PASSWORD) == throttled(2)
        house.clock.move(seconds=2)
        assert (await attempt(client, "OWNER", PASSWORD))["code"] == 200
        assert await attempt(client, "owner") == WRONG


async def test_many_guesses_at_once_do_not_slip_past_the_count(house: House) -> None:
    async with house.browser() as client:
        answers = await asyncio.gather(*(attempt(client, "admin") for _ in range(40)))
    assert [answer["slug"] for answer in answers].count("invalid_credentials") == 5


async def test_one_ipv6_network_is_one_address(house: House) -> None:
    async with house.browser("2001:db8::1") as one, house.browser("2001:db8::ffff:2") as two:
        for _ in range(5):
            await attempt(one, "admin")
        assert await attempt(two, "admin") == throttled(2)


async def test_an_address_that_fails_everywhere_waits_a_minute(house: House) -> None:
    async with house.browser() as client:
        for number in range(50):
            assert await attempt(client, f"name{number}") == WRONG
        assert await attempt(client, "admin", ADMIN_PASSWORD) == throttled(60)
        house.clock.move(seconds=60)
        assert (await attempt(client, "admin", ADMIN_PASSWORD))["code"] == 200


async def test_an_attack_from_many_addresses_never_locks_the_owner_out(house: House) -> None:
    await house.make_user("owner")
    async with house.browser() as device, house.browser("192.0.2.1") as home:
        await login(device, "owner")
        await login(home, "owner")
        marked = {"clary_device": device.cookies["clary_device"]}
    for number in range(25):
        async with house.browser(f"198.51.100.{number}") as attacker:
            for _ in range(4):
                await attempt(attacker, "owner")
    async with house.browser("198.51.100.200") as stranger, house.browser("198.51.100.201") as other:
        assert await attempt(stranger, "owner") == WRONG
        assert await attempt(other, "owner", PASSWORD) == throttled(10)
    async with house.browser("192.0.2.1") as home:
        assert (await attempt(home, "owner", PASSWORD))["code"] == 200
    async with house.browser("198.51.100.202") as away:
        away.cookies.update(marked)
        assert (await attempt(away, "owner", PASSWORD))["code"] == 200


async def test_an_answer_never_tells_who_exists(house: House) -> None:
    """Unknown, wrong and disabled read alike, byte for byte but for time and request id."""
    await house.make_user("known", email="known@example.org")
    gone = await house.make_user("gone")
    async with house.services.database.write() as db:
        (await db.get_one(UserRow, gone)).status = "disabled"
    bodies: list[dict[str, object]] = []
    async with house.browser() as client:
        for name in ("known", "known@example.org", "gone", "nobody", "nobody@example.org", "no body", "", "x" * 1024):
            sent = {"username_or_email": name, "password": "Wrong-password-1"}
            answer = await client.post("/api/auth/login", json=sent)
            assert "set-cookie" not in answer.headers
            bodies.append({**answer.json(), "timestamp": 0, "request_id": ""})
    assert bodies == [bodies[0]] * len(bodies)
    assert bodies[0]["error_detail"] == "invalid_credentials"


async def test_a_planted_device_mark_is_replaced_at_sign_in(house: House) -> None:
    async with house.browser() as client:
        client.cookies.set("clary_device", "planted")
        await login(client, "admin", ADMIN_PASSWORD)
        mine = next(cookie.value for cookie in client.cookies.jar if cookie.name == "clary_device" and cookie.domain)
        assert mine != "planted"


async def test_a_disabled_account_is_told_only_to_its_owner(house: House) -> None:
    user_id = await house.make_user("gone")
    async with house.services.database.write() as db:
        (await db.get_one(UserRow, user_id)).status = "disabled"
    async with house.browser() as client:
        assert await attempt(client, "gone") == WRONG
        assert await attempt(client, "gone", PASSWORD) == {**WRONG, "code": 403, "slug": "account_disabled"}


async def test_a_disabled_user_is_out_within_a_second(house: House) -> None:
    user_id = await house.make_user("leaver")
    async with house.browser() as client:
        tokens = await login(client, "leaver")
        async with house.services.database.write() as db:
            (await db.get_one(UserRow, user_id)).status = "disabled"
        house.clock.move(seconds=1.01)
        assert (await client.get("/api/auth/session")).status_code == 401
    async with house.browser(**bearer(tokens)) as program:
        assert (await program.get("/api/auth/session")).status_code == 401
        renewed = await program.post("/api/auth/refresh", json={"refresh_token": tokens["refresh_token"]})
        assert renewed.status_code == 401


async def test_counters_and_dead_sessions_are_swept_away(house: House) -> None:
    async with house.browser() as client:
        await login(client, "admin", ADMIN_PASSWORD)
        await attempt(client, "nobody")
    house.clock.move(days=31)
    await house.services.accounts.sweep()
    async with house.services.database.read() as db:
        left = [await db.scalar(select(func.count()).select_from(row)) for row in (LoginSessionRow, ThrottleCounterRow)]
    assert left == [0, 0]
