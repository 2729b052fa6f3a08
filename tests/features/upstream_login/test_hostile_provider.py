"""What a lying provider and a forging browser get (platform.md 5.2, 5.4; 16.2 A12, A13, A14, A16)."""

import base64
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import httpx2
import pytest

from support.hostile import KEYS, SHARED, STRANGER, Hostile, begin, come_back, half_hash, hostile_provider, try_in
from support.house import BASE_URL
from support.openid import HTML, oauth_house, told, whoami

pytestmark = pytest.mark.anyio
Json = dict[str, Any]


@pytest.fixture
async def hostile() -> AsyncIterator[Hostile]:
    async with hostile_provider() as provider:
        yield provider


def lie(**changes: Any) -> Callable[[Json], Json]:
    """A token with some claims replaced; None leaves one out."""

    def twist(claims: Json) -> Json:
        return {name: value for name, value in {**claims, **changes}.items() if value is not None}

    return twist


def later(name: str, seconds: int) -> Callable[[Json], Json]:
    """A token with a moved time."""
    return lambda claims: {**claims, name: claims["iat"] + seconds}


LIES: dict[str, Callable[[Json], Json]] = {
    "iss": lie(iss="https://elsewhere.example"),
    "no iss": lie(iss=None),
    "aud": lie(aud="another"),
    "aud list": lie(aud=["another"]),
    "many aud, no azp": lie(aud=["clary", "another"]),
    "azp": lie(aud=["clary", "another"], azp="another"),
    "azp alone": lie(azp="another"),
    "nonce": lie(nonce="another"),
    "no nonce": lie(nonce=None),
    "expired": later("exp", -61),
    "no exp": lie(exp=None),
    "exp as text": lie(exp="9999999999"),
    "future": later("iat", 120),
    "no iat": lie(iat=None),
    "not before": later("nbf", 120),
    "at_hash": lie(at_hash="AAAAAAAAAAAAAAAAAAAAAA"),
    "no sub": lie(sub=None),
    "sub as number": lie(sub=7),
}


@pytest.mark.parametrize("name", LIES)
async def test_a_token_that_is_not_meant_for_this_sign_in_proves_nothing(
    tmp_path: Path, hostile: Hostile, name: str
) -> None:
    hostile.twist = LIES[name]
    async with oauth_house(tmp_path, hostile.entry()) as house, house.browser() as client:
        assert told(await try_in(client, hostile)) == (400, "oauth_token_invalid")
        assert "clary_session" not in client.cookies


@pytest.mark.parametrize(
    ("header", "key"),
    [
        ({"alg": "HS256", "kid": "rsa"}, SHARED),
        ({"alg": "none"}, SHARED),
        ({"alg": "RS256", "kid": "rsa"}, STRANGER),
        ({"alg": "RS256"}, STRANGER),
        ({"alg": "RS256", "kid": "ec"}, STRANGER),
        ({"alg": "PS256", "kid": "unknown"}, KEYS["PS256"]),
    ],
)
async def test_only_the_providers_own_keys_sign(tmp_path: Path, hostile: Hostile, header: Json, key: Any) -> None:
    hostile.header, hostile.key = header, key
    async with oauth_house(tmp_path, hostile.entry()) as house, house.browser() as client:
        assert told(await try_in(client, hostile)) == (400, "oauth_token_invalid")


@pytest.mark.parametrize("algorithm", KEYS)
async def test_each_way_of_signing_is_read_with_tolerance_of_a_minute(
    tmp_path: Path, hostile: Hostile, algorithm: str
) -> None:
    hostile.header = {"alg": algorithm, "kid": KEYS[algorithm].kid, "x5t": "foreign to us"}
    at_hash = base64.urlsafe_b64encode(half_hash("at")).rstrip(b"=").decode()
    hostile.twist = lambda claims: {
        **claims,
        "aud": ["clary", "other"],
        "azp": "clary",
        "iat": claims["iat"] + 40,
        "exp": claims["iat"] - 40,
        **({} if algorithm == "EdDSA" else {"at_hash": at_hash}),
    }
    async with oauth_house(tmp_path, hostile.entry()) as house, house.browser() as client:
        assert (await try_in(client, hostile)).headers["location"] == "/"
        assert (await whoami(client))["auth_method"] == "upstream:corp"


async def test_a_flood_of_unknown_keys_reads_the_key_set_once_a_minute(tmp_path: Path, hostile: Hostile) -> None:
    async with oauth_house(tmp_path, hostile.entry()) as house, house.browser() as client:
        await try_in(client, hostile)
        for number in range(5):
            hostile.header = {"alg": "RS256", "kid": f"unknown-{number}"}
            assert told(await try_in(client, hostile)) == (400, "oauth_token_invalid")
        assert hostile.hits["/jwks"] == 1
        house.clock.move(seconds=61)
        for _ in range(3):
            await try_in(client, hostile)
        assert hostile.hits["/jwks"] == 2


async def test_userinfo_of_somebody_else_is_refused_and_adds_claims_otherwise(tmp_path: Path, hostile: Hostile) -> None:
    hostile.userinfo = {"sub": "another"}
    async with oauth_house(tmp_path, hostile.entry()) as house, house.browser() as client:
        assert told(await try_in(client, hostile)) == (400, "oauth_token_invalid")
        hostile.userinfo = {"sub": "somebody", "preferred_username": "some body"}
        await try_in(client, hostile)
        assert (await whoami(client))["user"]["username"] == "some-body"
        hostile.broken = {"/userinfo"}
        assert told(await try_in(client, hostile)) == (502, "oauth_userinfo_failed")


async def test_a_state_works_once_in_its_own_browser_for_ten_minutes(tmp_path: Path, hostile: Hostile) -> None:
    async with (
        oauth_house(tmp_path, hostile.entry(), hostile.entry("other")) as house,
        house.browser() as client,
        house.browser() as thief,
    ):
        await try_in(client, hostile)
        session = client.cookies["clary_session"]
        for state in ("", "unknown", "x" * 5000):
            assert told(await come_back(client, state)) == (400, "oauth_flow_expired")
        state = (await begin(client, hostile))["state"]
        assert told(await come_back(thief, state)) == (400, "oauth_state_invalid")
        assert told(await come_back(client, state)) == (400, "oauth_flow_expired")
        state = (await begin(client, hostile))["state"]
        assert told(await come_back(client, state, "other")) == (400, "oauth_provider_mismatch")
        state = (await begin(client, hostile))["state"]
        house.clock.move(seconds=601)
        assert told(await come_back(client, state)) == (400, "oauth_flow_expired")
        house.clock.move(seconds=-601)
        state = (await begin(client, hostile))["state"]
        assert (await come_back(client, state)).status_code == 302
        assert told(await come_back(client, state)) == (400, "oauth_flow_expired")
        assert client.cookies["clary_session"] != session
        assert not [name for name in client.cookies if name.startswith("clary_flow_") and client.cookies[name]]


async def test_a_failure_leaves_the_session_alone_and_a_head_request_starts_nothing(
    tmp_path: Path, hostile: Hostile
) -> None:
    async with oauth_house(tmp_path, hostile.entry()) as house, house.browser() as client:
        await try_in(client, hostile)
        me = await whoami(client)
        state = (await begin(client, hostile))["state"]
        head = await client.head("/api/auth/upstream/callback/corp", params={"state": state, "code": "x"})
        assert (head.status_code, "set-cookie" in head.headers) == (200, False)
        hostile.token_answer = (400, {"error": "invalid_grant", "error_description": "MARK"})
        failed = await come_back(client, state)
        assert told(failed) == (400, "oauth_exchange_failed")
        assert "MARK" not in failed.text
        assert await whoami(client) == me
        begun = await client.head("/api/auth/upstream/login/corp")
        assert (begun.status_code, "set-cookie" in begun.headers) == (200, False)


@pytest.mark.parametrize("iss", ["", "https://elsewhere.example"])
async def test_an_answer_of_another_issuer_is_refused(tmp_path: Path, hostile: Hostile, iss: str) -> None:
    hostile.document = {"authorization_response_iss_parameter_supported": True}
    async with oauth_house(tmp_path, hostile.entry()) as house, house.browser() as client:
        state = (await begin(client, hostile))["state"]
        more = {"iss": iss} if iss else {}
        assert told(await come_back(client, state, **more)) == (400, "oauth_state_invalid")
        assert hostile.hits["/token"] == 0
        state = (await begin(client, hostile))["state"]
        assert (await come_back(client, state, iss=hostile.issuer)).headers["location"] == "/"


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        ({"issuer": "https://elsewhere.example"}, (500, "oauth_metadata_incomplete")),
        ({"token_endpoint": None}, (500, "oauth_metadata_incomplete")),
        ({"jwks_uri": "http://elsewhere.example/jwks"}, (500, "oauth_metadata_incomplete")),
        ({"authorization_endpoint": "javascript:alert(1)"}, (500, "oauth_metadata_incomplete")),
    ],
)
async def test_a_document_that_is_wrong_starts_nothing(
    tmp_path: Path, hostile: Hostile, document: Json, expected: tuple[int, str]
) -> None:
    hostile.document = document
    async with oauth_house(tmp_path, hostile.entry()) as house, house.browser() as client:
        answer = await client.get("/api/auth/upstream/login/corp")
        assert told(answer) == expected
        page = await client.get("/api/auth/upstream/login/corp?next=/a", headers=HTML)
        assert page.headers["location"] == f"/login?error={expected[1]}&next=%2Fa"


async def test_a_good_document_serves_a_day_while_the_provider_is_away(tmp_path: Path, hostile: Hostile) -> None:
    async with oauth_house(tmp_path, hostile.entry()) as house, house.browser() as client:
        hostile.broken = {"/.well-known/openid-configuration"}
        assert told(await client.get("/api/auth/upstream/login")) == (502, "oauth_metadata_unavailable")
        hostile.broken = set()
        await begin(client, hostile)
        asked = hostile.hits["/.well-known/openid-configuration"]
        await begin(client, hostile)
        assert hostile.hits["/.well-known/openid-configuration"] == asked
        hostile.broken = {"/.well-known/openid-configuration"}
        house.clock.move(hours=23)
        await begin(client, hostile)
        house.clock.move(hours=2)
        assert told(await client.get("/api/auth/upstream/login")) == (502, "oauth_metadata_unavailable")


async def test_a_private_address_that_a_document_names_is_not_asked(tmp_path: Path, hostile: Hostile) -> None:
    hostile.document = {"token_endpoint": "https://10.1.2.3/token"}
    async with oauth_house(tmp_path, hostile.entry()) as house, house.browser() as client:
        assert told(await try_in(client, hostile)) == (400, "oauth_exchange_failed")


@pytest.mark.parametrize("flag", [None, False, "false", "TRUE", 1, "yes"])
async def test_an_unverified_address_meets_nobody(tmp_path: Path, hostile: Hostile, flag: Any) -> None:
    async with oauth_house(tmp_path, hostile.entry(), hostile.entry("other")) as house, house.browser() as owner:
        hostile.person = {"sub": "owner", "email": "owner@example.org", "email_verified": True}
        await try_in(owner, hostile)
        hostile.person = {"sub": "thief", "email": "Owner@Example.org", "email_verified": flag}
        async with house.browser() as thief:
            await try_in(thief, hostile, "other")
            shown = await whoami(thief)
        assert shown["user"]["userid"] != (await whoami(owner))["user"]["userid"]
        assert shown["user"]["email"] == ""


@pytest.mark.parametrize("flag", [True, "true"])
async def test_a_verified_address_links_once_and_the_person_is_told(
    tmp_path: Path, hostile: Hostile, flag: Any
) -> None:
    mail = _Mail()
    async with oauth_house(tmp_path, hostile.entry(), hostile.entry("other")) as house, house.browser() as owner:
        house.services.identity.upstream_login._mailer = mail
        hostile.person = {"sub": "owner", "email": "owner@example.org", "email_verified": True}
        await try_in(owner, hostile)
        hostile.person = {"sub": "owner-elsewhere", "email": "OWNER@example.org", "email_verified": flag}
        async with house.browser() as same:
            await try_in(same, hostile, "other")
            assert (await whoami(same))["user"]["userid"] == (await whoami(owner))["user"]["userid"]
        assert [(to, "Other" in text) for to, text in mail.sent] == [("owner@example.org", True)]
        hostile.person = {"sub": "third", "email": "owner@example.org", "email_verified": True}
        async with house.browser() as third:
            assert told(await try_in(third, hostile, "other")) == (409, "identity_email_taken")


class _Mail:
    def __init__(self) -> None:
        self.sent: list[tuple[str, str]] = []

    async def send(self, *, to: str, subject: str, text: str) -> None:
        assert subject
        self.sent.append((to, text))


async def test_an_administrators_address_and_a_closed_link_are_taken(tmp_path: Path, hostile: Hostile) -> None:
    entries = (hostile.entry(admin_subjects="boss"), hostile.entry("other"), hostile.entry("shut", link_by_email=False))
    async with oauth_house(tmp_path, *entries) as house, house.browser() as boss, house.browser() as client:
        hostile.person = {"sub": "boss", "email": "boss@example.org", "email_verified": True}
        await try_in(boss, hostile)
        assert (await whoami(boss))["user"]["role"] == "admin"
        hostile.person = {"sub": "thief", "email": "boss@example.org", "email_verified": True}
        assert told(await try_in(client, hostile, "other")) == (409, "identity_email_taken")
        hostile.person = {"sub": "plain", "email": "plain@example.org", "email_verified": True}
        await try_in(client, hostile)
        hostile.person = {"sub": "plain-too", "email": "plain@example.org", "email_verified": True}
        async with house.browser() as stranger:
            assert told(await try_in(stranger, hostile, "shut")) == (409, "identity_email_taken")


async def test_a_disabled_user_stays_out_and_is_written_down(tmp_path: Path, hostile: Hostile) -> None:
    entry = hostile.entry(admin_subjects=["boss"])
    async with oauth_house(tmp_path, entry) as house, house.browser() as boss, house.browser() as client:
        hostile.person = {"sub": "boss"}
        await try_in(boss, hostile)
        hostile.person = {"sub": "gone"}
        await try_in(client, hostile)
        user_id = (await whoami(client))["user"]["userid"]
        await boss.post("/api/user/update", json={"user_id": user_id, "disabled": True})
        assert told(await try_in(client, hostile)) == (403, "account_disabled")
        entries = (await boss.get("/api/audit?action=auth.login_failed")).json()["data"]["items"]
        assert [each["detail"] for each in entries] == [{"method": "upstream:corp", "reason": "account_disabled"}]


async def test_the_subject_of_a_deleted_user_is_somebody_new(tmp_path: Path, hostile: Hostile) -> None:
    entry = hostile.entry(admin_subjects=["boss"])
    async with oauth_house(tmp_path, entry) as house, house.browser() as boss, house.browser() as client:
        hostile.person = {"sub": "boss"}
        await try_in(boss, hostile)
        hostile.person = {"sub": "gone"}
        await try_in(client, hostile)
        user_id = (await whoami(client))["user"]["userid"]
        assert (await boss.post("/api/user/delete", json={"user_id": user_id})).json()["code"] == 200
        await house.services.identity.deletion.finish()
        await try_in(client, hostile)
        assert (await whoami(client))["user"]["userid"] != user_id


async def test_who_may_sign_up_is_limited_by_domain_group_and_switch(tmp_path: Path, hostile: Hostile) -> None:
    entries = (
        hostile.entry("domain", allowed_domains="example.org"),
        hostile.entry("group", groups_claim="realm.groups", allowed_groups=["staff"]),
        hostile.entry("shut", allow_signup=False),
    )
    async with oauth_house(tmp_path, *entries) as house, house.browser() as client:
        hostile.person = {"sub": "a", "email": "a@example.org", "email_verified": False}
        assert told(await try_in(client, hostile, "domain")) == (403, "signup_not_allowed")
        hostile.person["email_verified"] = True
        assert (await try_in(client, hostile, "domain")).headers["location"] == "/"
        hostile.person = {"sub": "b", "realm": {"groups": ["guests"]}}
        assert told(await try_in(client, hostile, "group")) == (403, "signup_not_allowed")
        hostile.person["realm"] = {"groups": ["staff"]}
        assert (await try_in(client, hostile, "group")).headers["location"] == "/"
        hostile.person["realm"] = {"groups": []}
        assert told(await try_in(client, hostile, "group")) == (403, "signup_not_allowed")
        assert told(await try_in(client, hostile, "shut")) == (403, "signup_not_allowed")


@pytest.mark.slow
async def test_ten_thousand_groups_are_bounded_and_made_only_where_asked(tmp_path: Path, hostile: Hostile) -> None:
    entry = hostile.entry(groups_claim="groups", group_create=True)
    async with oauth_house(tmp_path, entry) as house, house.browser() as client:
        hostile.person = {"sub": "many", "groups": "just one text"}
        await try_in(client, hostile)
        assert [each["name"] for each in (await whoami(client))["user"]["groups"]] == ["just one text"]
        hostile.person = {"sub": "many", "groups": [f"g{number}" for number in range(10_000)]}
        assert (await try_in(client, hostile)).headers["location"] == "/"
        assert 0 < len((await whoami(client))["user"]["groups"]) <= 1000


async def test_plain_oauth2_reads_userinfo_and_the_primary_verified_address(tmp_path: Path, hostile: Hostile) -> None:
    async with oauth_house(tmp_path, hostile.plain_entry()) as house, house.browser() as client:
        hostile.userinfo = {"id": 4711, "login": "octo", "email": "public@example.org", "email_verified": True}
        hostile.emails = [
            {"email": "old@example.org", "primary": False, "verified": True},
            {"email": "Octo@example.org", "primary": True, "verified": True},
        ]
        begun = await begin(client, hostile, "hub")
        assert (begun["kept"], "nonce" in begun, "scope" in begun) == ("yes", False, False)
        assert (await come_back(client, begun["state"], "hub")).headers["location"] == "/"
        user = (await whoami(client))["user"]
        assert (user["username"], user["email"]) == ("octo", "octo@example.org")
        form = hostile.forms[-1]
        assert (form["grant_type"], form["redirect_uri"]) == (
            "authorization_code",
            f"{BASE_URL}/api/auth/upstream/callback/hub",
        )
        assert (len(form["code_verifier"]), "client_secret" in form) == (43, False)
        assert hostile.credentials[-1].startswith("Basic ")
        hostile.broken = {"/emails"}
        assert told(await try_in(client, hostile, "hub")) == (502, "oauth_userinfo_failed")
        hostile.broken, hostile.userinfo = set(), {"login": "nobody"}
        assert told(await try_in(client, hostile, "hub")) == (400, "oauth_subject_missing")


REDIRECTS = [
    "https://evil.example/api/auth/upstream/callback/corp",
    f"{BASE_URL}:81/api/auth/upstream/callback/corp",
    f"{BASE_URL}@evil.example/api/auth/upstream/callback/corp",
    f"{BASE_URL}/api/auth/upstream/callback/other",
    f"{BASE_URL}/api/auth/../auth/upstream/callback/corp",
    f"{BASE_URL}/api/auth/upstream/callback/corp?x=1",
    f"{BASE_URL}/api/auth/upstream/callback/corp#x",
    f"{BASE_URL}/dev-api/api/auth/upstream/callback/corp",
    "/api/auth/upstream/callback/corp",
]


@pytest.mark.parametrize("given", REDIRECTS)
async def test_a_callback_elsewhere_is_refused(tmp_path: Path, hostile: Hostile, given: str) -> None:
    async with oauth_house(tmp_path, hostile.entry(), api_prefix="/prod-api") as house, house.browser() as client:
        answer = await client.get("/api/auth/upstream/login/corp", params={"redirect_uri": given})
        assert told(answer) == (400, "redirect_uri_invalid")
        assert "set-cookie" not in answer.headers


@pytest.mark.parametrize("prefix", ["", "/prod-api"])
@pytest.mark.parametrize("path", ["/api/auth/upstream/callback/corp", "/api/user/oauth/callback/corp"])
async def test_the_own_callback_is_accepted_with_and_without_the_prefix(
    tmp_path: Path, hostile: Hostile, prefix: str, path: str
) -> None:
    given = f"{BASE_URL}{prefix}{path}"
    async with oauth_house(tmp_path, hostile.entry(), api_prefix="/prod-api") as house, house.browser() as client:
        answer = await client.get("/api/auth/upstream/login/corp", params={"redirect_uri": given})
        assert httpx2.URL(answer.headers["location"]).params["redirect_uri"] == given


@pytest.mark.parametrize("evil", ["//evil.example", "/\\evil", "https://testserver@evil.example/", "x" * 5000])
async def test_an_evil_next_leads_home(tmp_path: Path, hostile: Hostile, evil: str) -> None:
    async with oauth_house(tmp_path, hostile.entry(), web_base_path="/web") as house, house.browser() as client:
        answer = await client.get("/api/auth/upstream/login/corp", params={"next": evil})
        hostile.nonce = httpx2.URL(answer.headers["location"]).params["nonce"]
        state = httpx2.URL(answer.headers["location"]).params["state"]
        assert (await come_back(client, state)).headers["location"] == "/web/"
