"""Settings that change while the server runs (platform.md 9.3; 16.1 C11; 16.2 A35)."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from clary.adapters.scripted_provider import Gate, Say
from clary.features.audit.service import SYSTEM
from clary.features.system.service import RuntimeSettings
from clary.kit.safe_http import OutboundBlockedError
from clary.wiring.upkeep import SETTINGS_SECONDS
from features.chat.world import chat_in, end_of, said
from support.crowd import Answer, Crowd
from support.house import SECRET_KEY, House, house_in

pytestmark = pytest.mark.anyio

UPDATE = "/api/system/update_settings"
DEFAULTS: dict[str, Any] = {
    "allow_registration": False,
    "registration_domains": [],
    "instance_name": "Clary",
    "announcement": "",
    "user_directory": "all",
    "share_mode": "explicit",
    "outbound_allow": [],
    "api_key_max_days": 0,
    "max_active_runs_per_user": 8,
    "demo_model": True,
    "skill_approval": "scan",
}
OTHERS: dict[str, Any] = {
    "allow_registration": True,
    "registration_domains": ["example.org"],
    "instance_name": "House",
    "announcement": "Closed on Sunday",
    "user_directory": "groups",
    "share_mode": "link",
    "outbound_allow": ["10.1.2.3:8080"],
    "api_key_max_days": 30,
    "max_active_runs_per_user": 2,
    "demo_model": False,
    "skill_approval": "admin",
}


@asynccontextmanager
async def crowd_in(folder: Path, **values: Any) -> AsyncGenerator[Crowd]:
    """People in a house with these settings."""
    async with house_in(folder, **values) as house, AsyncExitStack() as stack:
        yield Crowd(house, stack)


async def put(crowd: Crowd, name: str = "admin", /, **settings: Any) -> Answer:
    """A change by somebody."""
    return await crowd.call(name, "POST", UPDATE, settings)


async def shown(crowd: Crowd) -> dict[str, Any]:
    """What the page of settings gets."""
    return (await crowd.get("admin", "/api/system/settings"))["settings"]


async def entries(crowd: Crowd) -> list[dict[str, Any]]:
    """What the audit log says about settings, newest first."""
    return (await crowd.get("admin", "/api/audit?action=settings.updated"))["items"]


def second_process(house: House) -> RuntimeSettings:
    """The settings as another process on the same database holds them."""
    identity = house.services.identity
    return RuntimeSettings(
        database=house.services.database, audit=identity.audit, start=identity.live.values, locked=frozenset()
    )


async def test_every_setting_starts_with_its_default(crowd: Crowd) -> None:
    assert await shown(crowd) == {
        key: {"value": value, "source": "default", "editable": True} for key, value in DEFAULTS.items()
    }


async def test_production_starts_without_the_demo_model(tmp_path: Path) -> None:
    async with crowd_in(tmp_path, env="production", public_url="http://127.0.0.1:8000", secret_key=SECRET_KEY) as crowd:
        assert crowd.house.services.identity.live.values.demo_model is False


@pytest.mark.parametrize("key", OTHERS)
async def test_each_setting_changes_alone_and_is_audited_with_old_and_new(crowd: Crowd, key: str) -> None:
    assert await put(crowd, **{key: OTHERS[key]}) == (200, None, {})
    expected = {name: {"value": value, "source": "default", "editable": True} for name, value in DEFAULTS.items()}
    expected[key] = {"value": OTHERS[key], "source": "database", "editable": True}
    assert await shown(crowd) == expected
    [entry] = await entries(crowd)
    assert entry["detail"] == {key: {"old": DEFAULTS[key], "new": OTHERS[key]}}
    assert (entry["actor"]["username"], entry["outcome"]) == ("admin", "success")


async def test_the_answer_speaks_both_languages(crowd: Crowd) -> None:
    admin = await crowd.client("admin")
    chinese = (await admin.post(UPDATE, json={"announcement": "a"})).json()
    english = (await admin.post(UPDATE, json={"announcement": "b"}, headers={"X-Locale": "en-US"})).json()
    assert (chinese["message"], english["message"]) == ("系统设置更新成功", "Settings saved")


async def test_settings_outlive_the_process(tmp_path: Path) -> None:
    async with crowd_in(tmp_path) as crowd:
        assert (await put(crowd, **OTHERS))[0] == 200
    async with crowd_in(tmp_path) as crowd:
        found = await shown(crowd)
        live = crowd.house.services.identity.live.values
    assert {key: entry["value"] for key, entry in found.items()} == OTHERS
    assert (live.instance_name, live.outbound_allow) == ("House", ("10.1.2.3:8080",))


async def test_a_variable_that_is_set_wins_and_locks_its_key(tmp_path: Path) -> None:
    async with crowd_in(tmp_path) as crowd:
        await put(crowd, instance_name="Chosen", share_mode="link")
    async with crowd_in(tmp_path, instance_name="Fixed") as crowd:
        found = await shown(crowd)
        assert found["instance_name"] == {"value": "Fixed", "source": "environment", "editable": False}
        assert found["share_mode"] == {"value": "link", "source": "database", "editable": True}
        admin = await crowd.client("admin")
        body = {"announcement": "half", "instance_name": "Mine"}
        refusal = (await admin.post(UPDATE, json=body, headers={"X-Locale": "en-US"})).json()
        assert (refusal["code"], refusal["error_detail"]) == (409, "settings_locked")
        assert refusal["message"] == "This setting is fixed by the environment: instance_name"
        assert (await shown(crowd))["announcement"]["value"] == ""
        assert len(await entries(crowd)) == 1


async def test_a_variable_counts_as_set_when_the_environment_names_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CLARY_ALLOW_REGISTRATION", "false")
    monkeypatch.setenv("CLARY_OUTBOUND_ALLOW", "")
    async with crowd_in(tmp_path) as crowd:
        fixed = {key for key, entry in (await shown(crowd)).items() if not entry["editable"]}
        assert fixed == {"allow_registration", "outbound_allow"}
        assert (await put(crowd, allow_registration=True))[1] == "settings_locked"


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"announcement": None},
        {"nonsense": 1},
        {"announcement": "half", "nonsense": 1},
        {"announcement": "half", "share_mode": "everybody"},
        {"allow_registration": "perhaps"},
        {"registration_domains": "example.org"},
        {"registration_domains": ["a b"]},
        {"registration_domains": [""]},
        {"instance_name": "  "},
        {"instance_name": "x" * 65},
        {"instance_name": "a\nb"},
        {"announcement": "x" * 2001},
        {"announcement": 5},
        {"user_directory": "some"},
        {"outbound_allow": ["http://a/b"]},
        {"outbound_allow": ["10.0.0.1:99999"]},
        {"api_key_max_days": -1},
        {"max_active_runs_per_user": 0},
        {"max_active_runs_per_user": "many"},
        {"skill_approval": "nobody"},
        [],
    ],
)
async def test_unknown_and_wrong_values_change_nothing(crowd: Crowd, body: Any) -> None:
    admin = await crowd.client("admin")
    answer = await admin.post(UPDATE, json=body)
    assert (answer.status_code, answer.json()["code"]) == (422, 422)
    assert {key: entry["value"] for key, entry in (await shown(crowd)).items()} == DEFAULTS
    assert await entries(crowd) == []


async def test_only_admins_read_and_change_settings(crowd: Crowd) -> None:
    assert (await put(crowd, "eve", announcement="mine"))[1] == "forbidden"
    assert (await crowd.call("eve", "GET", "/api/system/settings"))[1] == "forbidden"
    assert (await shown(crowd))["announcement"]["value"] == ""


async def test_two_admins_at_once_come_in_one_order_and_are_both_audited(crowd: Crowd) -> None:
    await crowd.add("ada", role="admin")
    await crowd.client("admin")
    await crowd.client("ada")
    answers = await asyncio.gather(put(crowd, instance_name="One"), put(crowd, "ada", instance_name="Two"))
    assert [code for code, _, _ in answers] == [200, 200]
    second, first = [entry["detail"]["instance_name"] for entry in await entries(crowd)]
    assert first["old"] == "Clary"
    assert second["old"] == first["new"]
    assert {first["new"], second["new"]} == {"One", "Two"}
    assert (await shown(crowd))["instance_name"]["value"] == second["new"]
    assert crowd.house.services.identity.live.values.instance_name == second["new"]


async def test_another_process_follows_when_it_reads_anew(crowd: Crowd) -> None:
    elsewhere = second_process(crowd.house)
    heard: list[str] = []
    elsewhere.add_listener(lambda values: heard.append(values.announcement))
    await put(crowd, announcement="new")
    assert elsewhere.values.announcement == ""
    await elsewhere.refresh()
    await elsewhere.refresh()
    assert (elsewhere.values.announcement, heard) == ("new", ["", "new"])


async def test_a_process_reads_anew_by_itself_within_a_second(house: House) -> None:
    assert SETTINGS_SECONDS < 1
    await second_process(house).update({"announcement": "from elsewhere"}, by=SYSTEM)
    async with asyncio.timeout(1.5), house.browser() as client:
        while (await client.get("/api/system/info")).json()["data"]["announcement"] != "from elsewhere":
            await asyncio.sleep(0.05)


async def test_info_shows_what_is_in_force(crowd: Crowd) -> None:
    await put(crowd, **OTHERS)
    async with crowd.house.browser() as stranger:
        data = (await stranger.get("/api/system/info")).json()["data"]
    named = ("allow_registration", "instance_name", "announcement", "share_mode", "demo_model")
    assert {key: data[key] for key in named} == {key: OTHERS[key] for key in named}


async def test_registration_opens_for_listed_domains_only(crowd: Crowd) -> None:
    async with crowd.house.browser() as stranger:

        async def ask(email: str) -> str | None:
            answer = await stranger.post("/api/auth/register/send-code", json={"email": email})
            return answer.json().get("error_detail")

        assert await ask("a@example.org") == "registration_closed"
        await put(crowd, allow_registration=True, registration_domains=["@Example.org"])
        assert await ask("a@elsewhere.org") == "email_domain_not_allowed"
        assert await ask("a@example.org") is None


async def test_the_directory_closes(crowd: Crowd) -> None:
    await crowd.add("ben")
    await crowd.group("Team", "ben")

    async def seen(path: str) -> set[str]:
        return {option["label"] for option in await crowd.get("pia", path)}

    assert await seen("/api/user/options") == {"admin", "ben", "pia"}
    assert await seen("/api/groups/options") == {"Team"}
    await put(crowd, user_directory="self")
    assert await seen("/api/user/options") == {"pia"}
    assert await seen("/api/groups/options") == set()


async def test_outbound_addresses_open_and_close(crowd: Crowd) -> None:
    guard = crowd.house.services.guard
    await put(crowd, outbound_allow=["10.1.2.3"])
    assert guard.check_url("http://10.1.2.3/v1").host == "10.1.2.3"
    await put(crowd, outbound_allow=[])
    with pytest.raises(OutboundBlockedError):
        guard.check_url("http://10.1.2.3/v1")


async def test_new_keys_end_after_the_longest_time(crowd: Crowd) -> None:
    make = ("pia", "POST", "/api/user/keys", {"name": "k"})
    assert (await crowd.call(*make))[2]["expires_at"] is None
    await put(crowd, api_key_max_days=10)
    assert (await crowd.call(*make))[2]["expires_at"] == "2026-01-12T03:04:05.000000Z"


async def test_the_demo_model_goes_and_comes_back(crowd: Crowd) -> None:
    async def names() -> list[str]:
        return [entry["id"] for entry in await crowd.get("pia", "/api/llm-provider/list?include=system")]

    before = await names()
    await put(crowd, demo_model=False)
    assert await names() == []
    await put(crowd, demo_model=True)
    assert await names() == before != []


async def test_the_cap_of_runs_of_one_person_changes_for_new_runs(tmp_path: Path) -> None:
    gate = Gate(Say("done"), text="begun")
    async with chat_in(tmp_path, {"slow": [gate]}) as chat, AsyncExitStack() as stack:
        crowd = Crowd(chat.house, stack)
        await put(crowd, max_active_runs_per_user=1)
        assert (await chat.alice.open("/api/web-stream", said("[[play:slow]]"))).status == 200
        refused = await chat.alice.open("/api/web-stream", said("x", "s2"))
        while not refused.ended:
            await refused.piece()
        assert refused.status == 429
        await put(crowd, max_active_runs_per_user=2)
        assert end_of(await chat.alice.say("[[play:plain]]", "s2")) == ("completed", "answered")


async def test_conversations_open_by_link_while_that_is_the_mode(tmp_path: Path) -> None:
    async with chat_in(tmp_path) as chat, AsyncExitStack() as stack:
        crowd = Crowd(chat.house, stack)
        await chat.alice.say("[[play:plain]]", "s1")
        stranger = await stack.enter_async_context(chat.house.browser())

        async def opens() -> bool:
            return (await stranger.get("/api/share/conversations/s1/messages")).json()["code"] == 200

        assert not await opens()
        await put(crowd, share_mode="link")
        assert await opens()
        assert (await chat.alice.data("GET", "/api/conversations"))["list"][0]["shared"] is True
        await put(crowd, share_mode="explicit")
        assert not await opens()
