"""Upstream login against a real OpenID provider (platform.md 5; 16.1 C4, C6, C7)."""

from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import anyio
import httpx2
import pytest

from support.house import BASE_URL, House
from support.openid import CALLBACK, HTML, OpenIdProvider, approve, oauth_house, sign_in, told, whoami

pytestmark = pytest.mark.anyio


async def audited(house: House, admin: httpx2.AsyncClient, action: str) -> list[dict[str, object]]:
    answer = await admin.get(f"/api/audit?action={action}")
    return answer.json()["data"]["items"]


async def test_somebody_new_signs_in_and_comes_back_as_the_same_user(tmp_path: Path, upstream: OpenIdProvider) -> None:
    upstream.say(
        "ada",
        name="Ada L.",
        preferred_username="ada",
        email="Ada@Example.org",
        email_verified=True,
        picture="https://p/a",
    )
    async with oauth_house(tmp_path, upstream.entry()) as house, house.browser() as client, house.browser() as second:
        arrived = await sign_in(client, "ada", query="?next=/agents%3Fa%3D1%26b%3D2%23c")
        assert (arrived.status_code, arrived.headers["location"]) == (302, "/agents?a=1&b=2#c")
        assert set(client.cookies) == {"clary_session", "clary_device"}
        shown = await whoami(client)
        assert shown["auth_method"] == "upstream:corp"
        assert {name: shown["user"][name] for name in ("username", "nickname", "email", "role", "avatar")} == {
            "username": "ada",
            "nickname": "Ada L.",
            "email": "ada@example.org",
            "role": "user",
            "avatar": "https://p/a",
        }
        upstream.say("ada", name="Another Name", preferred_username="other", email="new@example.org")
        await sign_in(second, "ada")
        again = await whoami(second)
        kept = ("userid", "username", "nickname", "email")
        assert [again["user"][name] for name in kept] == [shown["user"][name] for name in kept]
        identities = (await client.get("/api/user/identities")).json()["data"]
        assert [each["provider_id"] for each in identities] == ["corp"]


@pytest.mark.parametrize("provider_id", ["post", "open"])
async def test_clients_prove_themselves_as_the_provider_wants(
    tmp_path: Path, upstream: OpenIdProvider, provider_id: str
) -> None:
    more = {"token_auth": "client_secret_post"} if provider_id == "post" else {}
    async with oauth_house(tmp_path, upstream.entry(provider_id, **more)) as house, house.browser() as client:
        assert (await sign_in(client, "bob", provider_id=provider_id)).headers["location"] == "/"
        assert (await whoami(client))["user"]["username"].startswith("user_")


async def test_the_request_carries_state_nonce_and_challenge_and_cannot_be_overruled(
    tmp_path: Path, upstream: OpenIdProvider
) -> None:
    entry = upstream.entry(extra_params={"prompt": "login", "state": "fixed", "nonce": "fixed"})
    async with oauth_house(tmp_path, entry, api_prefix="/prod-api") as house, house.browser() as client:
        begun = await client.get("/api/auth/upstream/login")
        query = {name: value[0] for name, value in parse_qs(urlsplit(begun.headers["location"]).query).items()}
        cookie = begun.headers["set-cookie"]
    assert query["redirect_uri"] == f"{BASE_URL}/prod-api/api/auth/upstream/callback/corp"
    assert (query["response_type"], query["client_id"], query["prompt"]) == ("code", "clary-corp", "login")
    assert (query["scope"], query["code_challenge_method"]) == ("openid profile email groups", "S256")
    assert all(len(query[name]) == 43 for name in ("state", "nonce", "code_challenge"))
    assert cookie.startswith("clary_flow_")
    assert cookie.partition(";")[2] == " HttpOnly; Max-Age=600; Path=/prod-api/api; SameSite=lax"


async def test_the_alias_works_as_the_path_it_stands_for(tmp_path: Path, upstream: OpenIdProvider) -> None:
    async with oauth_house(tmp_path, upstream.entry()) as house, house.browser() as client:
        given = f"{BASE_URL}/api/user/oauth/callback/corp"
        begun = await client.get("/api/user/oauth/login/corp", params={"redirect_uri": given, "next": "/x"})
        back = await approve(begun.headers["location"], name="cem")
        assert back.startswith(given + "?")
        assert (await client.get(back)).headers["location"] == "/x"
        assert (await whoami(client))["auth_method"] == "upstream:corp"


async def test_twenty_tabs_are_flows_of_their_own_and_the_oldest_cookies_go(
    tmp_path: Path, upstream: OpenIdProvider
) -> None:
    async with oauth_house(tmp_path, upstream.entry()) as house, house.browser() as client:
        begun: list[str] = []
        for tab in range(20):
            answer = await client.get("/api/auth/upstream/login/corp", params={"next": f"/{tab}"})
            begun.append(answer.headers["location"])
            house.clock.move(seconds=1)
        assert len([name for name in client.cookies if name.startswith("clary_flow_")]) == 5
        for tab in (19, 15):
            back = await approve(begun[tab], name="tabs")
            assert (await client.get(back)).headers["location"] == f"/{tab}"
        gone = await client.get(await approve(begun[3], name="tabs"))
        assert told(gone) == (400, "oauth_state_invalid")
        assert (await whoami(client))["auth_method"] == "upstream:corp"


async def test_many_browsers_arriving_at_one_moment_are_one_new_user(tmp_path: Path, upstream: OpenIdProvider) -> None:
    upstream.say("crowd", email="crowd@example.org", email_verified=True)
    seen: set[str] = set()
    async with oauth_house(tmp_path, upstream.entry()) as house:

        async def arrive() -> None:
            async with house.browser() as client:
                await sign_in(client, "crowd")
                seen.add((await whoami(client))["user"]["userid"])

        async with anyio.create_task_group() as tasks:
            for _ in range(5):
                tasks.start_soon(arrive)
    assert len(seen) == 1


async def test_role_and_groups_follow_the_provider_and_the_last_admin_stays(
    tmp_path: Path, upstream: OpenIdProvider
) -> None:
    entry = upstream.entry(
        groups_claim="groups", group_map={"eng": "Engineering"}, admin_groups=["it"], role_claim="roles"
    )
    async with oauth_house(tmp_path, entry) as house, house.browser() as boss, house.browser() as client:
        upstream.say("boss", groups=["it"], preferred_username="boss")
        await sign_in(boss, "boss")
        assert (await whoami(boss))["user"]["role"] == "admin"
        await boss.post("/api/groups", json={"name": "Engineering"})
        upstream.say("eve", groups=["eng", "unknown", 7, ["nested"]], roles="admin", preferred_username="eve")
        await sign_in(client, "eve")
        first = (await whoami(client))["user"]
        assert ([each["name"] for each in first["groups"]], first["role"]) == (["Engineering"], "admin")
        upstream.say("eve", groups=[], roles=["user"], preferred_username="eve")
        async with house.browser() as second:
            await sign_in(second, "eve")
            shown = (await whoami(second))["user"]
        assert (shown["userid"], shown["groups"], shown["role"]) == (first["userid"], [], "user")
        assert (await client.get("/api/auth/session")).status_code == 401
        upstream.say("boss", groups=[], preferred_username="boss")
        await sign_in(boss, "boss")
        assert (await whoami(boss))["user"]["role"] == "admin"
        assert len(await audited(house, boss, "user.role_changed")) == 1


async def test_a_second_identity_is_added_to_whoever_asks_and_to_nobody_else(
    tmp_path: Path, upstream: OpenIdProvider
) -> None:
    async with (
        oauth_house(tmp_path, upstream.entry(), upstream.entry("other")) as house,
        house.browser() as client,
        house.browser() as stranger,
    ):
        refused = await client.get("/api/auth/upstream/login/other?link=true")
        assert (refused.status_code, refused.json()["error_detail"]) == (401, "unauthenticated")
        await sign_in(client, "two")
        me, cookie = await whoami(client), client.cookies["clary_session"]
        foreign = await client.get("/api/auth/upstream/login/other?link=true", headers={"Sec-Fetch-Site": "cross-site"})
        assert told(foreign) == (403, "csrf_failed")
        linked = await sign_in(client, "two-b", provider_id="other", query="?link=true&next=/account")
        assert (linked.headers["location"], client.cookies["clary_session"]) == ("/account", cookie)
        names = {each["provider_id"] for each in (await client.get("/api/user/identities")).json()["data"]}
        assert names == {"corp", "other"}
        async with house.browser() as elsewhere:
            await sign_in(elsewhere, "two-b", provider_id="other")
            assert (await whoami(elsewhere))["user"]["userid"] == me["user"]["userid"]
        await sign_in(stranger, "three")
        taken = await sign_in(stranger, "two-b", provider_id="other", query="?link=true")
        assert told(taken) == (409, "identity_taken")
        assert (await whoami(stranger))["user"]["userid"] != me["user"]["userid"]


async def test_an_identity_is_not_added_after_its_asker_has_left(tmp_path: Path, upstream: OpenIdProvider) -> None:
    async with oauth_house(tmp_path, upstream.entry(), upstream.entry("other")) as house, house.browser() as client:
        await sign_in(client, "leaver")
        begun = await client.get("/api/auth/upstream/login/other?link=true")
        back = await approve(begun.headers["location"], name="leaver-b")
        await client.post("/api/auth/logout")
        assert told(await client.get(back)) == (401, "unauthenticated")


async def test_signing_out_leads_to_the_providers_own_sign_out(tmp_path: Path, upstream: OpenIdProvider) -> None:
    async with (
        oauth_house(tmp_path, upstream.entry(upstream_logout=True), upstream.entry("other")) as house,
        house.browser() as client,
    ):
        await sign_in(client, "zoe")
        left = (await client.post("/api/auth/logout")).json()
        address = urlsplit(left["data"]["logout_url"])
        query = parse_qs(address.query)
        assert f"{address.scheme}://{address.netloc}{address.path}" == f"{upstream.issuer}/session/end"
        assert (query["client_id"], query["post_logout_redirect_uri"]) == (["clary-corp"], [f"{BASE_URL}/login"])
        async with httpx2.AsyncClient() as browser:
            assert (await browser.get(left["data"]["logout_url"])).status_code == 200
        await sign_in(client, "zoe", provider_id="other")
        assert (await client.post("/api/auth/logout")).json()["data"] == {}


async def test_saying_no_at_the_provider_is_a_cancelled_sign_in(tmp_path: Path, upstream: OpenIdProvider) -> None:
    async with oauth_house(tmp_path, upstream.entry()) as house, house.browser() as client:
        for error, expected in (("access_denied", "oauth_denied"), ("server_error", "oauth_upstream_error")):
            begun = await client.get("/api/auth/upstream/login/corp?next=/a%3Fb%3D1", headers=HTML)
            state = parse_qs(urlsplit(begun.headers["location"]).query)["state"][0]
            params = {"error": error, "error_description": "MARK", "state": state, "iss": upstream.issuer}
            back = await client.get(f"{CALLBACK}/corp", params=params, headers=HTML)
            assert back.headers["location"] == f"/login?error={expected}&next=%2Fa%3Fb%3D1"
            assert "MARK" not in back.text
        assert not client.cookies
