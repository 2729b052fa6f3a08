"""The way of a code: asked for, consented to, redeemed, used (platform.md 6.3–6.6)."""

import asyncio
import base64
import hashlib
import json
from typing import Any

import pytest
from joserfc import jwt
from joserfc.jwk import KeySet

from clary.features.audit.service import SYSTEM
from features.oauth2.party import CALLBACK, Party, query_of
from support.house import BASE_URL, PASSWORD
from support.schema import stored_bytes

pytestmark = pytest.mark.anyio

ISSUER = f"{BASE_URL}/oauth2"


async def userinfo(party: Party, token: str) -> tuple[int, Any]:
    """(status, body) of userinfo."""
    answer = await party.app.get("/oauth2/userinfo", headers={"Authorization": f"Bearer {token}"})
    return answer.status_code, answer.json()


async def test_the_whole_way_gives_tokens_that_say_who_it_is(party: Party) -> None:
    asked = await party.ask()
    assert asked.status_code == 302
    assert asked.headers["location"].startswith("/oauth2/consent?request=")
    back = await party.consent(asked)
    assert (back.status_code, back.headers["location"].partition("?")[0]) == (303, CALLBACK)
    sent = query_of(back)
    assert (sent["state"], sent["iss"]) == ("s-1", ISSUER)
    answer = await party.redeem(sent["code"])
    body = answer.json()
    assert (answer.headers["cache-control"], answer.headers["pragma"]) == ("no-store", "no-cache")
    assert {key: body[key] for key in ("token_type", "expires_in", "scope")} == {
        "token_type": "Bearer",
        "expires_in": 3600,
        "scope": "openid profile email read",
    }
    assert (body["access_token"][:4], body["refresh_token"][:4]) == ("cla_", "clr_")
    keys = KeySet.import_key_set((await party.app.get("/oauth2/jwks")).json())
    claims = jwt.decode(body["id_token"], keys, algorithms=["RS256"]).claims
    me = await party.browser.get("/api/auth/session")
    half = hashlib.sha256(body["access_token"].encode()).digest()[:16]
    now = int(party.house.clock.epoch())
    assert claims == {
        "sub": me.json()["data"]["user"]["userid"],
        "iss": ISSUER,
        "aud": party.client["client_id"],
        "azp": party.client["client_id"],
        "iat": now,
        "exp": now + 3600,
        "auth_time": now,
        "nonce": "n-1",
        "at_hash": base64.urlsafe_b64encode(half).rstrip(b"=").decode(),
        "preferred_username": "pia",
        "name": "P",
        "nickname": "P",
        "role": "user",
        "updated_at": now,
        "email": "pia@example.com",
        "email_verified": True,
    }
    status, info = await userinfo(party, body["access_token"])
    assert (status, info) == (
        200,
        {
            name: claims[name]
            for name in claims
            if name not in ("aud", "azp", "iat", "exp", "auth_time", "nonce", "at_hash")
        },
    )


async def test_a_stored_consent_is_not_asked_for_again_but_more_scope_is(party: Party) -> None:
    await party.code()
    assert "code" in query_of(await party.ask())
    assert "/consent?" in (await party.ask(scope="openid chat")).headers["location"]
    assert "/consent?" in (await party.ask(prompt="consent")).headers["location"]
    assert query_of(await party.ask(prompt="none", scope="openid chat"))["error"] == "consent_required"


async def test_a_client_on_the_own_machine_is_asked_for_each_time(party: Party) -> None:
    await party.make_client(token_endpoint_auth_method="none", redirect_uris=["http://127.0.0.1/cb"])
    address = "http://127.0.0.1:53219/cb"
    for _ in range(2):
        asked = await party.ask(redirect_uri=address)
        assert "/consent?" in asked.headers["location"]
        back = await party.consent(asked)
        assert back.headers["location"].startswith(address + "?code=")


async def test_denying_and_taking_ticks_away(party: Party) -> None:
    assert query_of(await party.consent(await party.ask(), "deny"))["error"] == "access_denied"
    back = await party.consent(await party.ask(), scope=["read", "admin", "write"])
    body = (await party.redeem(query_of(back)["code"])).json()
    assert body["scope"] == "openid read"


async def test_a_consent_form_is_good_once_for_one_person_and_for_ten_minutes(party: Party) -> None:
    asked = await party.ask()
    wrong = await party.consent(asked, csrf="x" * 43)
    assert (wrong.status_code, wrong.json()["error_detail"]) == (403, "csrf_failed")
    page = asked.headers["location"]
    first = await party.consent(asked)
    assert first.status_code == 303
    again = await party.browser.get(page)
    assert (again.status_code, again.json()["error_detail"]) == (400, "consent_expired")
    late = await party.ask(prompt="consent")
    party.house.clock.move(seconds=601)
    expired = await party.browser.get(late.headers["location"])
    assert expired.json()["error_detail"] == "consent_expired"


async def test_nobody_signed_in_is_sent_to_sign_in_with_everything_kept(party: Party) -> None:
    for prefix in ("/oauth2", "/api/oauth2"):
        async with party.house.browser() as stranger:
            party.browser = stranger
            asked = await party.ask(prefix, scope="openid read", state="a b&c=d")
            assert query_of(await party.ask(prefix, prompt="none"))["error"] == "login_required"
        target = asked.headers["location"]
        assert target.startswith("/login?next=")
        assert query_of(asked)["next"].startswith(f"{prefix}/authorize?response_type=code&client_id=")
        assert "state=a+b%26c%3Dd" in query_of(asked)["next"]


async def test_a_fresh_sign_in_that_was_asked_for_counts_once_it_was_made(party: Party) -> None:
    asked = await party.ask(prompt="login")
    onward = query_of(asked)["next"]
    assert "/login?next=" in (await party.browser.get(onward)).headers["location"]
    party.house.clock.move(seconds=5)
    await party.browser.post("/api/auth/login", json={"username_or_email": "pia", "password": PASSWORD})
    assert "/consent?" in (await party.browser.get(onward)).headers["location"]
    party.house.clock.move(seconds=100)
    assert "/login?" in (await party.ask(max_age="60")).headers["location"]


@pytest.mark.parametrize(
    ("changes", "status", "error"),
    [
        ({"client_id": "nobody"}, 401, "invalid_client"),
        ({"client_id": None}, 401, "invalid_client"),
        *[
            ({"redirect_uri": address}, 400, "invalid_request")
            for address in (
                CALLBACK + "/",
                CALLBACK + "?x=1",
                CALLBACK + "#f",
                "https://app.example.com/cb/../evil",
                "https://app.example.com.evil.com/cb",
                "https://app.example.com@evil.com/cb",
                "https://APP.example.com/cb",
                "https://app.example.com:444/cb",
                "http://app.example.com/cb",
                "javascript:alert(1)",
                "https://app.example.com/c",
                "https://app.example.com/cb%2f",
            )
        ],
    ],
)
async def test_what_does_not_belong_to_the_client_is_never_redirected_to(
    party: Party, changes: dict[str, Any], status: int, error: str
) -> None:
    answer = await party.ask(**changes)
    assert (answer.status_code, answer.json()["error"]) == (status, error)
    assert "location" not in answer.headers


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"response_type": "token"}, "unsupported_response_type"),
        ({"response_type": None}, "invalid_request"),
        ({"scope": "openid root"}, "invalid_scope"),
        ({"scope": "openid admin"}, "invalid_scope"),
        ({"code_challenge": None, "code_challenge_method": None}, "invalid_request"),
        ({"code_challenge_method": None}, "invalid_request"),
        ({"code_challenge_method": "plain"}, "invalid_request"),
        ({"code_challenge": "short"}, "invalid_request"),
        ({"resource": "https://elsewhere.example"}, "invalid_target"),
        ({"request": "x"}, "request_not_supported"),
        ({"request_uri": "https://x"}, "request_uri_not_supported"),
        ({"nonce": "x" * 1025}, "invalid_request"),
        ({"prompt": "none login"}, "invalid_request"),
        ({"max_age": "soon"}, "invalid_request"),
        ({"state": ["a", "b"]}, "invalid_request"),
    ],
)
async def test_other_faults_are_told_to_the_client(party: Party, changes: dict[str, Any], error: str) -> None:
    answer = await party.ask(**changes)
    assert answer.headers["location"].startswith(CALLBACK + "?")
    assert (query_of(answer)["error"], query_of(answer)["iss"]) == (error, ISSUER)


async def test_a_replayed_code_ends_every_token_of_it(party: Party) -> None:
    code = await party.code()
    tokens = (await party.redeem(code)).json()
    assert (await userinfo(party, tokens["access_token"]))[0] == 200
    again = await party.redeem(code)
    assert (again.status_code, again.json()["error"]) == (400, "invalid_grant")
    assert (await userinfo(party, tokens["access_token"]))[0] == 401
    assert (await party.refresh(tokens["refresh_token"])).json()["error"] == "invalid_grant"


async def test_of_many_redemptions_at_once_one_succeeds(party: Party) -> None:
    code = await party.code()
    answers = await asyncio.gather(*(party.redeem(code) for _ in range(20)))
    assert sorted(answer.status_code for answer in answers) == [200] + [400] * 19


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"code_verifier": "w" * 64}, "invalid_grant"),
        ({"code_verifier": None}, "invalid_request"),
        ({"redirect_uri": "https://app.example.com/other"}, "invalid_grant"),
        ({"redirect_uri": None}, "invalid_grant"),
        ({"grant_type": "password"}, "unsupported_grant_type"),
        ({"grant_type": None}, "invalid_request"),
        ({"resource": BASE_URL}, "invalid_target"),
    ],
)
async def test_a_wrong_redemption_leaves_the_code_as_it_was(party: Party, changes: dict[str, Any], error: str) -> None:
    code = await party.code()
    refused = await party.redeem(code, **changes)
    assert (refused.status_code, refused.json()["error"]) == (400, error)
    assert (await party.redeem(code)).status_code == 200


async def test_the_fifth_wrong_verifier_destroys_the_code(party: Party) -> None:
    code = await party.code()
    for _ in range(5):
        assert (await party.redeem(code, code_verifier="w" * 64)).json()["error"] == "invalid_grant"
    assert (await party.redeem(code)).json()["error"] == "invalid_grant"


async def test_a_code_dies_after_five_minutes_and_with_its_login_session(party: Party) -> None:
    late, code = await party.code(), await party.code()
    party.house.clock.move(seconds=301)
    assert (await party.redeem(late)).json()["error"] == "invalid_grant"
    fresh = await party.code()
    await party.browser.post("/api/auth/logout")
    assert (await party.redeem(fresh)).json()["error"] == "invalid_grant"
    assert code != fresh


async def test_a_code_of_another_client_is_refused(party: Party) -> None:
    code, own = await party.code(), party.client
    await party.make_client(token_endpoint_auth_method="none")
    assert (await party.redeem(code)).json()["error"] == "invalid_grant"
    party.client = own
    assert (await party.redeem(code)).status_code == 200


async def test_a_public_client_may_leave_its_id_out(party: Party) -> None:
    assert (await party.redeem(await party.code(), client_id=None)).status_code == 200


async def test_a_verifier_without_a_challenge_is_refused(party: Party) -> None:
    await party.make_client(token_endpoint_auth_method="client_secret_post")
    code = await party.code(code_challenge=None, code_challenge_method=None)
    assert (await party.redeem(code)).json()["error"] == "invalid_request"
    assert (await party.redeem(code, code_verifier=None)).status_code == 200


async def test_a_client_uses_exactly_its_own_method(party: Party) -> None:
    await party.make_client(token_endpoint_auth_method="client_secret_basic")
    secret, client_id = party.client["client_secret"], party.client["client_id"]
    code = await party.code()
    by_post = await party.redeem(code, client_secret=secret)
    assert (by_post.status_code, by_post.json()["error"]) == (401, "invalid_client")
    assert by_post.headers["www-authenticate"] == 'Basic realm="clary"'
    form = {"grant_type": "authorization_code", "code": code, "redirect_uri": CALLBACK, "code_verifier": "v" * 64}
    for auth, wanted in (((client_id, "wrong"), 401), ((client_id, secret), 200)):
        answer = await party.app.post("/oauth2/token", data=form, auth=auth)
        assert answer.status_code == wanted, answer.text
    both = await party.app.post("/oauth2/token", data={**form, "client_secret": secret}, auth=(client_id, secret))
    assert both.json()["error"] == "invalid_request"


async def test_refreshing_rotates_and_a_replay_ends_the_family(party: Party) -> None:
    tokens = await party.tokens()
    second = (await party.refresh(tokens["refresh_token"], scope="openid")).json()
    assert second["scope"] == "openid"
    third = (await party.refresh(second["refresh_token"])).json()
    assert third["scope"] == "openid profile email read"
    assert "id_token" not in third
    wider = await party.refresh(third["refresh_token"], scope="openid chat")
    assert wider.json()["error"] == "invalid_scope"
    assert (await userinfo(party, tokens["access_token"]))[0] == 200
    replayed = await party.refresh(second["refresh_token"])
    assert replayed.json()["error"] == "invalid_grant"
    assert (await party.refresh(third["refresh_token"])).json()["error"] == "invalid_grant"
    assert (await userinfo(party, third["access_token"]))[0] == 401


async def test_a_token_opens_what_its_scopes_say(party: Party) -> None:
    narrow, reading = await party.tokens(scope="openid"), await party.tokens(scope="openid read")

    async def code_of(token: str, method: str, path: str, body: Any = None) -> int:
        headers = {"Authorization": f"Bearer {token}"}
        return (await party.app.request(method, path, json=body, headers=headers)).json()["code"]

    assert await code_of(narrow["access_token"], "GET", "/api/auth/session") == 200
    assert await code_of(narrow["access_token"], "GET", "/api/agent/list") == 403
    assert await code_of(reading["access_token"], "GET", "/api/agent/list") == 200
    assert await code_of(reading["access_token"], "POST", "/api/user/config", {"config": {}}) == 403
    assert await code_of(reading["access_token"], "GET", "/api/user/keys") == 403
    mcp = await party.tokens(scope="openid read", resource=f"{BASE_URL}/mcp")
    assert await code_of(mcp["access_token"], "GET", "/api/agent/list") == 401
    assert (await userinfo(party, mcp["access_token"]))[0] == 401


async def test_everything_ends_with_the_person(party: Party) -> None:
    tokens, user_id = (
        await party.tokens(),
        (await party.browser.get("/api/auth/session")).json()["data"]["user"]["userid"],
    )
    await party.house.services.user_administration.set_disabled(user_id=user_id, disabled=True, by=SYSTEM)
    await party.house.services.user_administration.set_disabled(user_id=user_id, disabled=False, by=SYSTEM)
    headers = {"Authorization": f"Bearer {tokens['access_token']}"}
    assert (await party.app.get("/api/auth/session", headers=headers)).status_code == 401
    assert (await party.refresh(tokens["refresh_token"])).json()["error"] == "invalid_grant"


async def test_withdrawing_a_consent_ends_consent_and_tokens(party: Party) -> None:
    tokens = await party.tokens()
    grants = (await party.browser.get("/api/oauth2/grants")).json()["data"]
    assert [(each["client_id"], each["client_name"], each["scope"]) for each in grants] == [
        (party.client["client_id"], "App", "openid profile email read")
    ]
    path = f"/api/oauth2/grants/{party.client['client_id']}"
    assert (await party.browser.delete(path)).json()["code"] == 200
    assert (await party.browser.delete(path)).json()["error_detail"] == "grant_not_found"
    assert (await userinfo(party, tokens["access_token"]))[0] == 401
    assert "/consent?" in (await party.ask()).headers["location"]


async def test_revocation_and_introspection_know_their_client_only(party: Party) -> None:
    await party.make_client(token_endpoint_auth_method="client_secret_post")
    owner, tokens = party.client, await party.tokens()
    await party.make_client(token_endpoint_auth_method="client_secret_post")
    other = party.client

    async def call(path: str, client: dict[str, Any], token: str) -> Any:
        form = {"token": token, "client_id": client["client_id"], "client_secret": client["client_secret"]}
        return await party.app.post(f"/oauth2/{path}", data=form)

    shown = (await call("introspect", owner, tokens["access_token"])).json()
    assert {name: shown[name] for name in ("active", "scope", "client_id", "username", "token_type", "iss")} == {
        "active": True,
        "scope": "openid profile email read",
        "client_id": owner["client_id"],
        "username": "pia",
        "token_type": "Bearer",
        "iss": ISSUER,
    }
    assert (await call("introspect", other, tokens["access_token"])).json() == {"active": False}
    assert (await call("introspect", owner, "cla_" + "x" * 43)).json() == {"active": False}
    assert (await call("revoke", other, tokens["access_token"])).status_code == 200
    assert (await userinfo(party, tokens["access_token"]))[0] == 200
    gone = await call("revoke", owner, tokens["access_token"])
    assert (gone.status_code, gone.content) == (200, b"")
    assert (await userinfo(party, tokens["access_token"]))[0] == 401
    await call("revoke", owner, tokens["refresh_token"])
    party.client = owner
    assert (await party.refresh(tokens["refresh_token"])).json()["error"] == "invalid_grant"
    nobody = await party.app.post("/oauth2/introspect", data={"token": tokens["access_token"]})
    assert (nobody.status_code, nobody.json()["error"]) == (401, "invalid_client")


async def test_what_is_stored_is_hashed(party: Party) -> None:
    await party.make_client(token_endpoint_auth_method="client_secret_post")
    code = await party.code()
    tokens = (await party.redeem(code)).json()
    raw = stored_bytes(party.house.services.settings.data_dir)
    for secret in (code, tokens["access_token"], tokens["refresh_token"], party.client["client_secret"]):
        assert secret.encode() not in raw
    assert json.dumps(tokens)


async def test_documents_describe_the_server_for_everybody(party: Party) -> None:
    paths = [
        "/.well-known/oauth-authorization-server",
        "/.well-known/oauth-authorization-server/oauth2",
        "/.well-known/openid-configuration",
        "/.well-known/openid-configuration/oauth2",
        "/oauth2/metadata",
        "/api/oauth2/metadata",
        "/oauth2/.well-known/openid-configuration",
        "/api/oauth2/.well-known/openid-configuration",
    ]
    answers = [await party.app.get(path, headers={"Origin": "https://any.example"}) for path in paths]
    assert len({answer.text for answer in answers}) == 1
    for answer in answers:
        assert answer.headers["access-control-allow-origin"] == "*"
        assert "access-control-allow-credentials" not in answer.headers
        assert answer.headers["cache-control"] == "public, max-age=300"
    body = answers[0].json()
    assert (body["issuer"], body["token_endpoint"]) == (ISSUER, f"{ISSUER}/token")
    assert body["code_challenge_methods_supported"] == ["S256"]
    assert "registration_endpoint" not in body
    assert (await party.app.post("/oauth2/register", json={"redirect_uris": [CALLBACK]})).status_code == 404
