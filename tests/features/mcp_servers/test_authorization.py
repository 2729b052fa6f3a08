"""OAuth of each person (product.md 8.5): discovery, PKCE, state, tokens that are one person's and one origin's."""

import base64
import hashlib
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest

from features.mcp_servers.stage import Stage, names, staged, used
from support.mcp_servers import Keeper, present, stranger

pytestmark = pytest.mark.anyio
Json = dict[str, Any]
CALLBACK = "http://testserver/api/mcp/oauth/callback"


class Guarded(Stage):
    """A stage whose server wants authorization."""

    keeper: Keeper


@pytest.fixture
async def guarded(tmp_path: Path) -> AsyncIterator[Guarded]:
    async with present(Keeper()) as keeper, staged(tmp_path) as stage:
        stage.__class__ = Guarded
        assert isinstance(stage, Guarded)
        stage.keeper = stage.server = keeper
        yield stage


def query_of(address: str) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(urlsplit(address).query).items()}


async def begun(stage: Guarded, *, by: str = "ada", query: str = "") -> dict[str, str]:
    """The parameters with which a person is sent to agree."""
    data = await stage.get(by, f"/api/mcp/one/oauth/start{query}")
    return query_of(data["authorization_url"])


async def back(stage: Guarded, by: str = "ada", **query: str) -> str:
    """Where the browser goes on to."""
    client = await stage.client(by)
    answer = await client.get(f"/api/mcp/oauth/callback?{urlencode(query)}")
    assert answer.status_code == 302
    return answer.headers["location"]


async def test_a_person_agrees_and_the_tools_are_there(guarded: Guarded) -> None:
    added = await guarded.add_server(auth="oauth")
    assert (added["server_name"], added["status"]) == ("one", "needs_authorization")
    assert (await guarded.row())["state"] == "needs_authorization"
    sent = query_of(added["authorization_url"])
    assert sent == {
        "response_type": "code",
        "client_id": "client-1",
        "redirect_uri": CALLBACK,
        "state": sent["state"],
        "code_challenge": sent["code_challenge"],
        "code_challenge_method": "S256",
        "resource": guarded.keeper.url,
    }
    assert guarded.keeper.registered[0]["redirect_uris"] == [CALLBACK]
    assert await back(guarded, state=sent["state"], code="c") == "/"
    form = guarded.keeper.forms[0]
    proof = base64.urlsafe_b64encode(hashlib.sha256(form["code_verifier"].encode()).digest()).rstrip(b"=").decode()
    assert proof == sent["code_challenge"]
    assert {name: form[name] for name in ("grant_type", "code", "redirect_uri", "client_id", "resource")} == {
        "grant_type": "authorization_code",
        "code": "c",
        "redirect_uri": CALLBACK,
        "client_id": "client-1",
        "resource": guarded.keeper.url,
    }
    row = await guarded.row()
    assert (row["state"], row["authorized"], row["tool_count"]) == ("ready", True, 1)
    assert await used((await guarded.run_tools("echo")).tools[0]) == "called echo"
    for path in guarded.house.services.settings.data_dir.rglob("*"):
        assert not path.is_file() or b"token-1" not in path.read_bytes()


async def test_a_state_is_for_one_person_once_and_for_ten_minutes(guarded: Guarded) -> None:
    await guarded.add_server(auth="oauth")
    await guarded.add("bob")
    invalid = "/?mcp_error=state_invalid"
    assert await back(guarded, code="c") == invalid
    assert await back(guarded, state="made-up", code="c") == invalid
    state = (await begun(guarded))["state"]
    assert await back(guarded, "bob", state=state, code="c") == invalid
    assert await back(guarded, state=state, code="c") == "/"
    assert await back(guarded, state=state, code="c") == invalid
    late = (await begun(guarded))["state"]
    guarded.house.clock.move(minutes=10, seconds=1)
    assert await back(guarded, state=late, code="c") == invalid
    assert len(guarded.keeper.forms) == 1


@pytest.mark.parametrize(
    ("wanted", "onward"),
    [
        ("/agents?x=1", "/agents?x=1&mcp_error={}"),
        ("https://evil.example/", "/?mcp_error={}"),
        ("//evil.example", "/?mcp_error={}"),
    ],
)
async def test_a_fault_leads_to_a_place_of_our_own(guarded: Guarded, wanted: str, onward: str) -> None:
    await guarded.add_server(auth="oauth")
    query = "?" + urlencode({"next": wanted})
    refused = (await begun(guarded, query=query))["state"]
    assert await back(guarded, state=refused, error="access_denied") == onward.format("access_denied")
    guarded.keeper.refuses = True
    failing = (await begun(guarded, query=query))["state"]
    assert await back(guarded, state=failing, code="c") == onward.format("exchange_failed")
    assert (await guarded.row())["authorized"] is False


async def test_an_answer_of_another_issuer_is_not_taken(guarded: Guarded) -> None:
    guarded.keeper.metadata = {"authorization_response_iss_parameter_supported": True}
    await guarded.add_server(auth="oauth")
    for more in ({}, {"iss": "https://evil.example"}):
        state = (await begun(guarded))["state"]
        assert await back(guarded, state=state, code="c", **more) == "/?mcp_error=state_invalid"
    state = (await begun(guarded))["state"]
    assert await back(guarded, state=state, code="c", iss=guarded.keeper.origin) == "/"


async def test_a_given_client_is_used_with_its_secret_and_scope(guarded: Guarded) -> None:
    oauth = {"client_id": "mine", "client_secret": "client-secret-4711", "scope": "tools:read"}
    added = await guarded.add_server(auth="oauth", oauth=oauth)
    sent = query_of(added["authorization_url"])
    assert (sent["client_id"], sent["scope"]) == ("mine", "tools:read")
    await back(guarded, state=sent["state"], code="c")
    basic = base64.b64encode(b"mine:client-secret-4711").decode()
    assert (guarded.keeper.credentials, guarded.keeper.registered) == ([f"Basic {basic}"], [])
    assert "client-secret-4711" not in json.dumps(await guarded.row())


@pytest.mark.parametrize(
    "change",
    [
        {"metadata": {"code_challenge_methods_supported": ["plain"]}},
        {"metadata": {"issuer": "https://evil.example"}},
        {"resource": {"resource": "https://other.example/mcp"}},
        {"metadata": {"registration_endpoint": None}},
    ],
)
async def test_a_server_that_cannot_be_trusted_is_not_authorized_with(guarded: Guarded, change: Json) -> None:
    for name, value in change.items():
        setattr(guarded.keeper, name, value)
    body = {"name": "one", "protocol": "streamable_http", "streamable_http_url": guarded.keeper.url, "auth": "oauth"}
    assert (await guarded.call("ada", "POST", "/api/mcp/add", body))[:2] == (502, "mcp_unreachable")


async def test_tokens_are_renewed_before_they_expire_and_forgotten_when_they_are_refused(guarded: Guarded) -> None:
    added = await guarded.add_server(auth="oauth")
    await back(guarded, state=query_of(added["authorization_url"])["state"], code="c")
    [echo] = (await guarded.run_tools("echo")).tools
    guarded.house.clock.move(seconds=3600 - 30)
    assert await used(echo) == "called echo"
    assert guarded.keeper.forms[-1]["grant_type"] == "refresh_token"
    assert guarded.keeper.forms[-1]["refresh_token"] == "refresh-1"
    assert guarded.keeper.headers[-1]["authorization"] == "Bearer token-2"
    guarded.keeper.refuses = True
    guarded.house.clock.move(seconds=3600)
    assert await used(echo) == ("EXECUTION_ERROR", "MCP server one: authentication failed")
    given = await guarded.run_tools("echo")
    assert given.tools == []
    assert given.warnings[0]["reason"] == "needs_authorization: GET /api/mcp/one/oauth/start"


async def test_in_a_shared_agent_everybody_uses_a_token_of_their_own(guarded: Guarded) -> None:
    added = await guarded.add_server(auth="oauth")
    await back(guarded, state=query_of(added["authorization_url"])["state"], code="c")
    await guarded.add("bob", "eve")
    body = {"name": "shared", "availableTools": ["echo"]}
    agent = (await guarded.call("ada", "POST", "/api/agent/create", body))[2]["agent_id"]
    await guarded.call("ada", "POST", f"/api/agent/{agent}/auth", {"user_ids": [guarded.ids["bob"]]})
    query = f"?agent_id={agent}"
    without = await guarded.run_tools("echo", by="bob", owner="ada", agent_id=agent)
    assert without.tools == []
    assert without.warnings[0]["reason"] == f"needs_authorization: GET /api/mcp/one/oauth/start{query}"
    state = (await begun(guarded, by="bob", query=query))["state"]
    assert await back(guarded, "bob", state=state, code="c") == "/"
    given = await guarded.run_tools("echo", by="bob", owner="ada", agent_id=agent)
    assert names(given.tools) == ["echo"]
    await used(given.tools[0])
    assert guarded.keeper.headers[-1]["authorization"] == "Bearer token-2"
    # Whoever has no share of the agent learns nothing, and neither does the admin by that name.
    for stranger_to_it in ("eve", "admin"):
        path = f"/api/mcp/one/oauth/start{query if stranger_to_it == 'eve' else ''}"
        assert (await guarded.call(stranger_to_it, "GET", path))[:2] == (404, "mcp_not_found")
    assert (await guarded.call("bob", "DELETE", f"/api/mcp/one/oauth{query}"))[0] == 200
    assert (await guarded.run_tools("echo", by="bob", owner="ada", agent_id=agent)).tools == []
    assert names((await guarded.run_tools("echo")).tools) == ["echo"]


async def test_tokens_do_not_move_to_another_origin(guarded: Guarded) -> None:
    added = await guarded.add_server(auth="oauth")
    await back(guarded, state=query_of(added["authorization_url"])["state"], code="c")
    async with stranger() as thief:
        assert (await guarded.put(auth="oauth", streamable_http_url=thief.url))[0] == 200
        await guarded.refresh()
        await guarded.run_tools("echo")
        assert "token-1" not in json.dumps(thief.headers)
    assert (await guarded.row())["authorized"] is False


async def test_a_person_takes_their_agreement_back(guarded: Guarded) -> None:
    added = await guarded.add_server(auth="oauth")
    await back(guarded, state=query_of(added["authorization_url"])["state"], code="c")
    assert (await guarded.call("ada", "DELETE", "/api/mcp/one/oauth"))[2] == {}
    row = await guarded.row()
    assert (row["state"], row["authorized"]) == ("needs_authorization", False)
