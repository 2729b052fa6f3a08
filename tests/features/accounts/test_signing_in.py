"""Sign-in, session, refresh and sign-out (platform.md 2.1, 4.3, 4.6, 4.7; abuse cases A4, A7)."""

import asyncio
import base64
import json
from pathlib import Path
from typing import Any

import httpx2
import pytest

from support.house import ADMIN_PASSWORD, PASSWORD, House, bearer, house_in, login
from support.schema import stored_bytes

pytestmark = pytest.mark.anyio

ALIASES = [
    ("/api/auth/login", "/api/auth/session", "/api/auth/refresh", "/api/auth/logout"),
    ("/api/user/login", "/api/user/check_login", "/api/user/refresh-token", "/api/user/logout"),
]


async def whoami(client: httpx2.AsyncClient, **headers: str) -> httpx2.Response:
    return await client.get("/api/auth/session", headers=headers)


def told(answer: httpx2.Response) -> tuple[int, int, str | None, str]:
    body = answer.json()
    return answer.status_code, body["code"], body.get("error_detail"), body["message"]


@pytest.mark.parametrize(("sign_in", "session", "refresh", "sign_out"), ALIASES)
async def test_a_person_signs_in_asks_refreshes_and_signs_out(
    house: House, sign_in: str, session: str, refresh: str, sign_out: str
) -> None:
    user_id = await house.make_user("Zoë", email=" Zoe@Example.org ", phonenum="")
    async with house.browser() as client:
        answer = await client.post(sign_in, json={"username_or_email": "ZOË", "password": PASSWORD})
        tokens = answer.json()["data"]
        assert told(answer)[3] == "登录成功"
        assert {name: type(value) for name, value in tokens.items()} == {
            "access_token": str,
            "refresh_token": str,
            "expires_in": int,
        }
        shown = (await client.get(session)).json()["data"]
        assert shown == {
            "user": {
                "userid": user_id,
                "username": "Zoë",
                "nickname": "Zoë",
                "phonenum": "",
                "email": "zoe@example.org",
                "role": "user",
                "avatar": "",
                "avatar_url": "",
                "groups": [],
            },
            "has_provider": False,
            "has_agent": False,
            "auth_method": "password",
            "expires_at": "2026-04-02T03:04:05.000000Z",
        }
        renewed = await client.post(refresh, json={"refresh_token": tokens["refresh_token"]})
        assert "set-cookie" not in renewed.headers
        assert (await whoami(client, **bearer(renewed.json()["data"]))).status_code == 200
        left = await client.post(sign_out)
        assert (told(left)[1], left.json()["data"]) == (200, {})
        assert 'clary_session=""; HttpOnly; Max-Age=0; Path=/; SameSite=lax' in left.headers["set-cookie"]
        again = await client.post(refresh, json={"refresh_token": renewed.json()["data"]["refresh_token"]})
        assert told(again)[:3] == (401, 401, "unauthenticated")


async def test_an_email_signs_in_as_well(house: House) -> None:
    await house.make_user("mailer", email="m@example.org")
    async with house.browser() as client:
        await login(client, " M@example.ORG")


async def test_signing_out_kills_cookie_and_token_at_once(house: House) -> None:
    async with house.browser() as client, house.browser() as program:
        tokens = await login(client, "admin", ADMIN_PASSWORD)
        cookie = {"Cookie": f"clary_session={client.cookies['clary_session']}"}
        assert (await whoami(program, **cookie)).status_code == 200
        assert (await whoami(program, **bearer(tokens))).status_code == 200
        await client.post("/api/auth/logout", json={})
        assert told(await whoami(program, **cookie)) == (401, 401, "unauthenticated", "登录过期")
        assert told(await whoami(program, **bearer(tokens))) == (401, 401, "unauthenticated", "登录过期")
        for spent, message in ((tokens["refresh_token"], "登录过期"), ("clt_x", "Token非法")):
            refused = await program.post("/api/auth/refresh", json={"refresh_token": spent})
            assert told(refused) == (401, 401, "unauthenticated", message)


async def test_an_anonymous_sign_out_is_401_and_clears_the_cookie(house: House) -> None:
    async with house.browser() as client:
        answer = await client.post("/api/auth/logout")
    assert told(answer)[:3] == (401, 401, "unauthenticated")
    assert answer.headers["www-authenticate"] == "Bearer"
    assert "Max-Age=0" in answer.headers["set-cookie"]


async def test_a_stale_bearer_falls_back_to_the_cookie_and_never_breaks_a_public_route(house: House) -> None:
    stale = {"Authorization": "bearer not-a-token"}
    async with house.browser() as client, house.browser() as stranger:
        await login(client, "admin", ADMIN_PASSWORD)
        assert (await whoami(client, **stale)).status_code == 200
        assert (await stranger.get("/api/system/info", headers=stale)).status_code == 200
        assert told(await whoami(stranger, **stale))[3] == "Token非法"
        assert told(await whoami(stranger))[3] == "未登录"
        assert told(await whoami(stranger, Cookie="clary_session=planted"))[3] == "Token非法"


@pytest.mark.parametrize("place", ["query", "x-api-key", "basic"])
async def test_a_token_is_read_from_its_own_header_only(house: House, place: str) -> None:
    async with house.browser() as client, house.browser() as program:
        token = (await login(client, "admin", ADMIN_PASSWORD))["access_token"]
        path = "/api/auth/session" + (f"?access_token={token}&token={token}" if place == "query" else "")
        headers = {"x-api-key": {"X-Api-Key": token}, "basic": {"Authorization": f"Basic {token}"}}.get(place, {})
        answer = await program.get(path, headers=headers)
    assert told(answer)[3] == "未登录"


def forged(token: str, *, header: dict[str, Any] | None = None, claims: dict[str, Any] | None = None) -> str:
    """The token with parts of it replaced, under its old signature."""
    parts = token.split(".")
    for place, change in ((0, header), (1, claims)):
        if change is not None:
            body = json.loads(base64.urlsafe_b64decode(parts[place] + "=="))
            body = {key: value for key, value in {**body, **change}.items() if value is not None}
            parts[place] = base64.urlsafe_b64encode(json.dumps(body).encode()).decode().rstrip("=")
    return ".".join(parts)


@pytest.mark.parametrize(
    ("header", "claims"),
    [
        ({"alg": "none"}, None),
        ({"alg": "RS256"}, None),
        ({"kid": "another"}, None),
        (None, {"sub": "someone-else"}),
        (None, {"exp": None}),
        (None, {"exp": 4_000_000_000}),
    ],
)
async def test_a_changed_token_is_forged(
    house: House, header: dict[str, Any] | None, claims: dict[str, Any] | None
) -> None:
    async with house.browser() as client, house.browser() as program:
        token = (await login(client, "admin", ADMIN_PASSWORD))["access_token"]
        for bad in (forged(token, header=header, claims=claims), token + "x", token.rsplit(".", 1)[0] + "."):
            answer = await whoami(program, Authorization=f"Bearer {bad}")
            assert told(answer) == (401, 401, "unauthenticated", "Token非法")


async def test_an_access_token_lives_an_hour_and_says_nothing_personal(house: House) -> None:
    async with house.browser() as client, house.browser() as program:
        tokens = await login(client, "admin", ADMIN_PASSWORD)
        header, claims = (
            json.loads(base64.urlsafe_b64decode(part + "==")) for part in tokens["access_token"].split(".")[:2]
        )
        assert (set(claims), claims["iss"]) == ({"iss", "sub", "sid", "jti", "iat", "exp"}, "clary")
        assert (header["alg"], claims["exp"] - claims["iat"]) == ("HS256", 3600)
        house.clock.move(seconds=3599)
        assert (await whoami(program, **bearer(tokens))).status_code == 200
        house.clock.move(seconds=1)
        assert told(await whoami(program, **bearer(tokens)))[3] == "登录过期"


async def test_a_refresh_token_used_twice_ends_the_session(house: House) -> None:
    async with house.browser() as client, house.browser() as program:
        first = await login(client, "admin", ADMIN_PASSWORD)
        second = (await program.post("/api/auth/refresh", json={"refresh_token": first["refresh_token"]})).json()[
            "data"
        ]
        reused = await program.post("/api/auth/refresh", json={"refresh_token": first["refresh_token"]})
        assert told(reused) == (401, 401, "refresh_reused", "登录过期")
        assert (await whoami(client)).status_code == 401
        assert (await whoami(program, **bearer(second))).status_code == 401


async def test_of_two_refreshes_at_once_one_gets_a_pair(house: House) -> None:
    async with house.browser() as client, house.browser() as program:
        body = {"refresh_token": (await login(client, "admin", ADMIN_PASSWORD))["refresh_token"]}
        answers = await asyncio.gather(*(program.post("/api/auth/refresh", json=body) for _ in range(2)))
        assert sorted(answer.status_code for answer in answers) == [200, 401]
        assert (await whoami(client)).status_code == 401


async def test_refreshes_are_limited_per_address(house: House) -> None:
    async with house.browser() as client, house.browser("198.51.100.1") as elsewhere:
        answers = [await client.post("/api/auth/refresh", json={"refresh_token": "clt_no"}) for _ in range(61)]
        other = await elsewhere.post("/api/auth/refresh", json={"refresh_token": "clt_no"})
    assert [answer.status_code for answer in answers[:60]] == [401] * 60
    assert told(answers[60])[:3] == (200, 429, "throttled")
    assert answers[60].headers["retry-after"] == "60"
    assert other.status_code == 401


async def test_a_cookie_lives_while_it_is_used_and_is_sent_again_hourly(house: House) -> None:
    async with house.browser() as client:
        await login(client, "admin", ADMIN_PASSWORD)
        sent: list[bool] = []
        for hours in (0.5, 0.6, 0.5):
            house.clock.move(hours=hours)
            sent.append("set-cookie" in (await whoami(client)).headers)
        assert sent == [False, True, False]
        for _ in range(6):
            house.clock.move(days=13)
            assert (await whoami(client)).status_code == 200
        house.clock.move(days=11, hours=23)
        assert told(await whoami(client))[3] == "登录过期"


async def test_an_idle_cookie_dies_after_two_weeks_while_its_refresh_token_lives(house: House) -> None:
    async with house.browser() as client, house.browser() as program:
        tokens = await login(client, "admin", ADMIN_PASSWORD)
        house.clock.move(days=14, seconds=1)
        assert (await whoami(client)).status_code == 401
        renewed = await program.post("/api/auth/refresh", json={"refresh_token": tokens["refresh_token"]})
        assert (await whoami(program, **bearer(renewed.json()["data"]))).status_code == 200
        house.clock.move(days=30)
        late = await program.post("/api/auth/refresh", json=renewed.json()["data"])
        assert told(late) == (401, 401, "unauthenticated", "登录过期")


async def test_signing_in_again_gives_a_new_id_and_ends_the_old_session(house: House) -> None:
    """Also after an hour, when the old cookie would have been sent again (session fixation, A7)."""
    async with house.browser() as client, house.browser() as keeper:
        await login(client, "admin", ADMIN_PASSWORD)
        old = client.cookies["clary_session"]
        house.clock.move(hours=2)
        await login(client, "admin", ADMIN_PASSWORD)
        assert client.cookies["clary_session"] != old
        assert (await whoami(client)).status_code == 200
        assert (await whoami(keeper, Cookie=f"clary_session={old}")).status_code == 401


async def test_signing_out_after_an_hour_leaves_no_cookie(house: House) -> None:
    async with house.browser() as client:
        await login(client, "admin", ADMIN_PASSWORD)
        house.clock.move(hours=2)
        answer = await client.post("/api/auth/logout")
    assert ["Max-Age=0" in line for line in answer.headers.get_list("set-cookie")] == [True]


async def test_logins_survive_a_restart_and_the_key_is_private(tmp_path: Path) -> None:
    async with house_in(tmp_path) as house, house.browser() as client:
        tokens = await login(client, "admin", ADMIN_PASSWORD)
        cookie = client.cookies["clary_session"]
    key = tmp_path / "data" / "secret.key"
    assert (key.stat().st_mode & 0o777, key.parent.stat().st_mode & 0o777) == (0o600, 0o700)
    async with house_in(tmp_path) as house, house.browser() as client:
        assert (await whoami(client, **bearer(tokens))).status_code == 200
        assert (await whoami(client, Cookie=f"clary_session={cookie}")).status_code == 200


async def test_the_database_holds_no_usable_secret(tmp_path: Path) -> None:
    """Abuse case A28."""
    async with house_in(tmp_path) as house, house.browser() as client:
        tokens = await login(client, "admin", ADMIN_PASSWORD)
        secrets = [*client.cookies.values(), tokens["access_token"], tokens["refresh_token"], ADMIN_PASSWORD]
    stored = stored_bytes(tmp_path / "data")
    assert not [secret for secret in secrets if secret.encode() in stored]
