"""The generated matrix: every route, every kind of caller, every id in path, query and body.

A new route escapes nobody: it must be named in `CALLS`, or the first test fails.
"""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx2
import pytest
from fastapi.routing import APIRoute
from sqlalchemy import update

from clary.features.accounts.tables import UserRow
from clary.http.access import Access, access_of
from clary.settings import Settings
from clary.wiring import routers
from support.house import House, bearer, login

pytestmark = pytest.mark.anyio

UNKNOWN = {
    "session_id": "session_unknown",
    "agent_id": "agent_00000000",
    "provider_id": "00000000-0000-4000-8000-000000000000",
    "run_id": "00000000-0000-4000-8000-000000000000",
}
KEY = "sk-matrix-000000000000"


@dataclass(frozen=True)
class Call:
    """A valid call of a route; `{name}` fields are ids. `owned`: it names an object of somebody."""

    path: str = ""
    body: Any = None
    owned: bool = True


def provider_body(url: str = "https://api.example.com/v1") -> dict[str, Any]:
    return {"base_url": url, "api_keys": [KEY], "model": "m"}


FREE = Call(owned=False)
CALLS: dict[tuple[str, str], Call] = {
    ("GET", "/api/system/info"): FREE,
    ("GET", "/api/auth/providers"): FREE,
    ("GET", "/api/user/auth-providers"): FREE,
    ("GET", "/api/health"): FREE,
    ("GET", "/api/ready"): FREE,
    ("GET", "/active"): FREE,
    ("POST", "/api/auth/login"): Call(body={"username_or_email": "x", "password": "y"}, owned=False),
    ("POST", "/api/user/login"): Call(body={"username_or_email": "x", "password": "y"}, owned=False),
    ("POST", "/api/auth/refresh"): Call(body={"refresh_token": "x"}, owned=False),
    ("POST", "/api/user/refresh-token"): Call(body={"refresh_token": "x"}, owned=False),
    ("GET", "/api/auth/session"): FREE,
    ("GET", "/api/user/check_login"): FREE,
    ("POST", "/api/auth/logout"): FREE,
    ("POST", "/api/user/logout"): FREE,
    ("POST", "/api/user/change-password"): Call(
        body={"old_password": "wrong-wrong", "new_password": "another-1"}, owned=False
    ),
    ("GET", "/api/user/config"): FREE,
    ("POST", "/api/user/config"): Call(body={"config": {}}, owned=False),
    ("GET", "/api/user/options"): FREE,
    ("GET", "/api/user/list"): FREE,
    ("POST", "/api/user/add"): Call(body={"username": "new", "password": "long-enough-1"}, owned=False),
    ("GET", "/api/llm-provider/list"): FREE,
    ("POST", "/api/llm-provider/create"): Call(body=provider_body(), owned=False),
    ("PUT", "/api/llm-provider/update/{provider_id}"): Call(body={"name": "stolen"}),
    ("DELETE", "/api/llm-provider/delete/{provider_id}"): Call(),
    ("POST", "/api/llm-provider/verify"): Call(body=provider_body(), owned=False),
    ("POST", "/api/llm-provider/verify-multimodal"): Call(body=provider_body(), owned=False),
    ("POST", "/api/llm-provider/verify-capabilities"): Call(body=provider_body(), owned=False),
    ("POST", "/api/llm-provider/verify-capabilities/{provider_id}"): Call(body={}),
    ("GET", "/api/agent/list"): FREE,
    ("GET", "/api/agent/template/default_system_prompt"): FREE,
    ("POST", "/api/agent/create"): Call(body={"name": "stolen", "llm_provider_id": "{provider_id}"}),
    ("GET", "/api/agent/{agent_id}"): Call(),
    ("PUT", "/api/agent/{agent_id}"): Call(body={"name": "stolen"}),
    ("DELETE", "/api/agent/{agent_id}"): Call(),
    ("GET", "/api/conversations"): FREE,
    ("GET", "/api/conversations/{session_id}/messages"): Call(),
    ("GET", "/api/share/conversations/{session_id}/messages"): Call(),
    ("POST", "/api/conversations/{session_id}/share"): Call(body={}),
    ("GET", "/api/conversations/{session_id}/share"): Call(),
    ("DELETE", "/api/conversations/{session_id}/share"): Call(),
    ("POST", "/api/conversations/{session_id}/title"): Call(body={"title": "stolen"}),
    ("DELETE", "/api/conversations/{session_id}"): Call(),
    ("POST", "/api/sessions/{session_id}/tasks_status"): Call(),
    ("GET", "/api/conversations/{session_id}/export"): Call(),
    ("GET", "/api/sessions/{session_id}/download"): Call(),
    ("POST", "/api/chat"): Call(body={"messages": [{"role": "user", "content": "x"}], "agent_id": "{agent_id}"}),
    ("POST", "/api/stream"): Call(
        body={"messages": [{"role": "user", "content": "x"}], "provider_id": "{provider_id}"}
    ),
    ("POST", "/api/web-stream"): Call(body={"messages": [{"role": "user", "content": "x"}], "agent_id": "{agent_id}"}),
    ("GET", "/api/stream/resume/{session_id}"): Call(path="/api/stream/resume/{session_id}?run_id={run_id}"),
    # A feed that never ends; its gate is the one of every route, tried by the anonymous and the disabled.
    ("GET", "/api/stream/active_sessions"): FREE,
    ("POST", "/api/sessions/{session_id}/interrupt"): Call(body={"run_id": "{run_id}"}),
    ("GET", "/api/runs/{run_id}"): Call(),
}
ENDLESS = ("GET", "/api/stream/active_sessions")


def listed_routes() -> dict[tuple[str, str], Access]:
    """(method, path) → terms, of every route but the refusals of fixed words."""
    found: dict[tuple[str, str], Access] = {}
    for router in routers(Settings()):
        for route in router.routes:
            assert isinstance(route, APIRoute)
            if route.name == "refuse":
                continue
            for method in (route.methods or set()) - {"HEAD"}:
                found[(method, route.path)] = access_of(route.openapi_extra, route.path)
    return found


ROUTES = listed_routes()


def filled(value: Any, ids: dict[str, str]) -> Any:
    """A call with its ids put in."""
    if isinstance(value, str):
        return re.sub(r"\{(\w+)\}", lambda found: ids[found[1]], value)
    if isinstance(value, dict):
        return {key: filled(each, ids) for key, each in value.items()}
    return [filled(each, ids) for each in value] if isinstance(value, list) else value


async def send(client: httpx2.AsyncClient, route: tuple[str, str], ids: dict[str, str]) -> httpx2.Response:
    method, path = route
    call = CALLS[route]
    body = filled(call.body, ids)
    return await client.request(method, filled(call.path or path, ids), json=body)


def face(answer: httpx2.Response, ids: dict[str, str]) -> tuple[int, str]:
    """What a caller sees, ids blotted out."""
    body = answer.json()
    text = repr(sorted((key, value) for key, value in body.items() if key not in ("timestamp", "request_id")))
    for name, value in ids.items():
        text = text.replace(value, f"<{name}>")
    return answer.status_code, text


@asynccontextmanager
async def caller(house: House, name: str) -> AsyncIterator[httpx2.AsyncClient]:
    """Somebody signed in by token."""
    async with house.browser() as client:
        tokens = await login(client, name)
    async with house.browser(**bearer(tokens)) as client:
        yield client


async def objects_of(client: httpx2.AsyncClient) -> dict[str, str]:
    """One object of each kind, owned by a caller."""
    provider = (await client.post("/api/llm-provider/create", json=provider_body())).json()["data"]["id"]
    agent = (await client.post("/api/agent/create", json={"name": "mine"})).json()["data"]["agent_id"]
    session = "session_owned"
    body = {
        "messages": [{"role": "user", "content": "hello"}],
        "session_id": session,
        "agent_id": agent,
        "provider_id": "demo",
    }
    chat = await client.post("/api/chat", json=body)
    assert chat.status_code == 200, chat.text
    return {
        "provider_id": provider,
        "agent_id": agent,
        "session_id": session,
        "run_id": chat.headers["x-clary-run-id"],
    }


def test_every_route_has_a_call_in_the_matrix_and_no_call_is_left_over() -> None:
    assert sorted(ROUTES) == sorted(CALLS)


async def test_without_an_identity_every_route_that_needs_one_answers_401(house: House) -> None:
    async with house.browser() as nobody:
        answers = {
            route: (await send(nobody, route, UNKNOWN)).status_code
            for route, access in ROUTES.items()
            if access.scope is not None
        }
    assert set(answers.values()) == {401}, answers


async def test_a_disabled_user_is_nobody(house: House) -> None:
    user_id = await house.make_user("gone")
    async with caller(house, "gone") as client:
        async with house.services.database.write() as db:
            await db.execute(update(UserRow).where(UserRow.user_id == user_id).values(status="disabled"))
        house.clock.move(seconds=2)
        answers = {
            route: (await send(client, route, UNKNOWN)).status_code
            for route, access in ROUTES.items()
            if access.scope is not None
        }
    assert set(answers.values()) == {401}, answers


async def test_admin_routes_refuse_everybody_else(house: House) -> None:
    await house.make_user("plain")
    async with caller(house, "plain") as client:
        answers = {
            route: (await send(client, route, UNKNOWN)).json()["code"]
            for route, access in ROUTES.items()
            if access.scope == "admin"
        }
    assert answers
    assert set(answers.values()) == {403}, answers


async def test_a_strangers_id_answers_exactly_like_an_unknown_one(house: House) -> None:
    await house.make_user("owner")
    await house.make_user("other")
    async with caller(house, "owner") as owner, caller(house, "other") as other:
        owned = await objects_of(owner)
        differing: dict[Any, Any] = {}
        for route, call in CALLS.items():
            if not call.owned:
                continue
            foreign, unknown = await send(other, route, owned), await send(other, route, UNKNOWN)
            seen, wanted = face(foreign, owned), face(unknown, UNKNOWN)
            if seen != wanted or foreign.json()["code"] == 200:
                differing[route] = (seen, wanted)
        assert differing == {}
        still = [
            await send(owner, route, owned)
            for route in CALLS
            if route[0] == "GET" and "/share" not in route[1] and CALLS[route].owned and "stream" not in route[1]
        ]
    assert [answer.status_code for answer in still] == [200] * len(still)


async def test_a_foreign_session_id_in_a_chat_starts_an_own_empty_conversation(house: House) -> None:
    await house.make_user("owner")
    await house.make_user("other")
    async with caller(house, "owner") as owner, caller(house, "other") as other:
        owned = await objects_of(owner)
        body = {"messages": [{"role": "user", "content": "mine"}], "session_id": owned["session_id"]}
        assert (await other.post("/api/stream", json={**body, "provider_id": "demo"})).status_code == 200
        path = f"/api/conversations/{owned['session_id']}/messages"
        theirs = (await other.get(path)).json()["data"]["messages"]
        mine = (await owner.get(path)).json()["data"]["messages"]
    assert [message["content"] for message in theirs if message["role"] == "user"] == ["mine"]
    assert [message["content"] for message in mine if message["role"] == "user"] == ["hello"]


async def test_an_admin_reaches_what_belongs_to_others(house: House) -> None:
    await house.make_user("owner")
    async with caller(house, "owner") as owner:
        owned = await objects_of(owner)
    async with house.browser() as client:
        tokens = await login(client, "admin", "First-Admin-4711")
    async with house.browser(**bearer(tokens)) as admin:
        paths = [
            f"/api/conversations/{owned['session_id']}/messages",
            f"/api/runs/{owned['run_id']}",
            f"/api/agent/{owned['agent_id']}",
        ]
        codes = [(await admin.get(path)).json()["code"] for path in paths]
    assert codes == [200, 200, 200]
