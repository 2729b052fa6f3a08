"""What the server says about itself (platform.md 9.1, 9.2)."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from clary.features.system.service import LiveValues, SystemFacts, SystemService
from support.house import ADMIN_PASSWORD, House, SteppedClock, bearer, house_in, login

pytestmark = pytest.mark.anyio

VALUES = LiveValues(
    allow_registration=False,
    registration_domains=(),
    instance_name="Clary",
    announcement="",
    user_directory="all",
    share_mode="explicit",
    outbound_allow=(),
    api_key_max_days=0,
    max_active_runs_per_user=8,
    demo_model=True,
    skill_approval="scan",
)
PUBLIC = {
    "allow_registration": False,
    "auth_mode": "native",
    "auth_providers": [
        {
            "id": "native",
            "type": "native",
            "protocol": "native",
            "login_url": "",
            "name": "账号密码",
            "button_text": "使用账号密码登录",
            "description": "输入账号和密码进入工作台",
            "icon": "key-round",
        }
    ],
    "default_auth_provider": "native",
    "has_local_auth": True,
    "has_oauth_auth": False,
    "oauth_enabled": False,
    "native_login_admin_only": False,
    "oauth_provider_name": None,
    "instance_name": "House",
    "announcement": "",
    "languages": ["zh-CN", "en-US"],
    "share_mode": "link",
    "demo_model": False,
    "mail": False,
    "limits": {"upload_max_mb": 7, "password_min": 8},
}


async def test_strangers_learn_how_to_sign_in_and_no_more(tmp_path: Path) -> None:
    async with (
        house_in(tmp_path, instance_name="House", share_mode="link", demo_model=False, upload_max_mb=7) as house,
        house.browser() as client,
    ):
        strange = (await client.get("/api/system/info")).json()
        await login(client, "admin", ADMIN_PASSWORD)
        known = (await client.get("/api/system/info")).json()["data"]
    assert (strange["message"], strange["data"]) == ("获取系统信息成功", PUBLIC)
    assert set(known) - set(PUBLIC) == {"version", "features"}
    assert set(known["features"]) == {"sandbox", "scheduler", "mcp_server", "v1", "ocr"}


@pytest.mark.parametrize("path", ["/api/auth/providers", "/api/user/auth-providers"])
async def test_the_ways_to_sign_in_speak_the_callers_language(house: House, path: str) -> None:
    async with house.browser() as client:
        chinese = (await client.get(path)).json()
        english = (await client.get(path, headers={"X-Locale": "en-US"})).json()
    assert (chinese["message"], chinese["data"]) == ("获取认证 Providers 成功", PUBLIC["auth_providers"])
    assert english["data"][0]["button_text"] == "Sign in with a password"


async def test_health_answers_while_the_database_is_away(house: House) -> None:
    await house.services.database.close()
    async with house.browser() as client:
        answer = (await client.get("/api/health")).json()
    assert answer["data"] == {"status": "healthy", "timestamp": house.clock.epoch(), "service": "Clary"}
    assert answer["message"] == "服务运行正常"


@pytest.mark.parametrize("path", ["/api/health", "/api/ready", "/active"])
async def test_no_credential_is_looked_up_for_health(house: House, path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async with house.browser() as client:
        headers = bearer(await login(client, "admin", ADMIN_PASSWORD))

    async def identify(_request: object) -> None:
        raise AssertionError("the database was asked")

    monkeypatch.setattr(house.services.identity.authenticator, "identify", identify)
    async with house.browser() as client:
        assert (await client.get(path, headers=headers)).status_code == 200


async def test_active_is_one_plain_sentence(house: House) -> None:
    async with house.browser() as client:
        answer = await client.get("/active")
    assert (answer.headers["content-type"], answer.text) == ("application/json", '"Service is available."')


async def test_a_ready_server_names_every_check(house: House) -> None:
    async with house.browser() as client:
        answer = (await client.get("/api/ready")).json()
    assert answer["data"] == {
        "status": "ready",
        "checks": {
            "database": "ok",
            "migrations": "ok",
            "secret_key": "ok",
            "data_dir": "ok",
            "object_store": "off",
            "event_log": "ok",
            "jobs": "ok",
        },
    }


async def test_the_server_listens_until_it_has_drained(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    services, held, drained = house.services, asyncio.Event(), asyncio.Event()
    monkeypatch.setattr(services.execution, "drain", held.wait)
    services.drain_soon(drained.set)
    async with asyncio.timeout(30), house.browser() as client:
        while not services.system.draining:
            await asyncio.sleep(0)
        answer = await client.get("/api/ready")
        assert (answer.status_code, answer.json()["error_detail"], drained.is_set()) == (503, "draining", False)
        held.set()
        await drained.wait()


async def test_a_draining_server_is_not_ready(house: House) -> None:
    house.services.system.draining = True
    async with house.browser() as client:
        answer = await client.get("/api/ready")
    assert (answer.status_code, answer.json()["error_detail"]) == (503, "draining")
    assert answer.headers["retry-after"] == "5"


async def test_a_server_that_cannot_work_says_what_fails_and_asks_again_after_two_seconds() -> None:
    asked: list[str] = []
    broken = True

    def check(name: str) -> Callable[[], Awaitable[bool]]:
        async def look() -> bool:
            asked.append(name)
            if broken:
                raise OSError
            return True

        return look

    clock = SteppedClock()
    facts = SystemFacts("1", 100)
    checks = {"database": check("database"), "jobs": None}
    system = SystemService(facts=facts, live=lambda: VALUES, checks=checks, features=dict[str, bool], clock=clock)
    for _ in range(2):
        with pytest.raises(Exception, match="Not ready: database"):
            await system.readiness()
    broken = False
    clock.move(seconds=2.1)
    assert await system.readiness() == {"status": "ready", "checks": {"database": "ok", "jobs": "off"}}
    assert asked == ["database", "database"]


async def test_many_askers_share_one_look(house: House) -> None:
    async with house.browser() as client:
        answers = await asyncio.gather(*(client.get("/api/ready") for _ in range(10)))
    assert {answer.status_code for answer in answers} == {200}
