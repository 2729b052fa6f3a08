"""The generated matrix: every route, every kind of caller, every id in path, query and body.

A new route escapes nobody: it must be named in `support/calls.py`, or the first test fails.
"""

import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
from sqlalchemy import update

from clary.adapters.scripted_provider import ScriptedProvider
from clary.features.accounts.tables import UserRow
from clary.kit.text import mask_secret
from permissions.objects import HELLO, caller, objects_of
from support.calls import (
    BASES,
    CALLS,
    ENDLESS,
    FILES,
    KEY,
    NOTES,
    ROUTES,
    UNKNOWN,
    UPSTREAM,
    Call,
    make,
    provider_body,
    send,
)
from support.house import House, house_in

pytestmark = pytest.mark.anyio


def face(answer: httpx2.Response, ids: dict[str, str]) -> tuple[int, str]:
    """What a caller sees, ids blotted out."""
    text = answer.text
    if answer.headers["content-type"] == "application/json":
        body = answer.json()
        text = repr(sorted((key, value) for key, value in body.items() if key not in ("timestamp", "request_id")))
    for name, value in ids.items():
        text = text.replace(value, f"<{name}>")
    return answer.status_code, text


@pytest.fixture
async def provider() -> AsyncIterator[ScriptedProvider]:
    """A model that answers at once."""
    async with ScriptedProvider() as serving:
        yield serving


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    """A house that may reach the model."""
    async with house_in(tmp_path, outbound_allow=("127.0.0.1",)) as built:
        yield built


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


async def test_a_strangers_id_answers_exactly_like_an_unknown_one(house: House, provider: ScriptedProvider) -> None:
    await house.make_user("owner")
    await house.make_user("other")
    async with caller(house, "owner") as owner, caller(house, "other") as other:
        owned = await objects_of(house, owner, provider)
        differing: dict[Any, Any] = {}
        for route, call in CALLS.items():
            if not call.owned:
                continue
            foreign, unknown = await send(other, route, owned), await send(other, route, UNKNOWN)
            seen, wanted = face(foreign, owned), face(unknown, UNKNOWN)
            # A document's info says null for what is not there (product.md 5.4).
            tells = foreign.json()["code"] == 200 and route[1] != f"{BASES}/doc/info/{{doc_id}}"
            if seen != wanted or tells:
                differing[route] = (seen, wanted)
        assert differing == {}
        still = [
            await send(owner, route, owned)
            for route in CALLS
            if route[0] == "GET" and "/share" not in route[1] and CALLS[route].owned and "stream" not in route[1]
        ]
    assert [answer.status_code for answer in still] == [200] * len(still)


async def test_a_foreign_session_id_in_a_chat_starts_an_own_empty_conversation(
    house: House, provider: ScriptedProvider
) -> None:
    await house.make_user("owner")
    await house.make_user("other")
    async with caller(house, "owner") as owner, caller(house, "other") as other:
        owned = await objects_of(house, owner, provider)
        own = await objects_of(house, other, provider, "session_other")
        body = {
            "messages": [{"role": "user", "content": "mine"}],
            "session_id": owned["session_id"],
            "provider_id": own["provider_id"],
        }
        assert (await other.post("/api/stream", json=body)).status_code == 200
        path = f"/api/conversations/{owned['session_id']}/messages"
        theirs = (await other.get(path)).json()["data"]["messages"]
        mine = (await owner.get(path)).json()["data"]["messages"]
    assert [message["content"] for message in theirs if message["role"] == "user"] == ["mine"]
    assert [message["content"] for message in mine if message["role"] == "user"] == ["hello"]


MASK = mask_secret(KEY)
MORE_IDS: list[tuple[str, str, Any]] = [
    ("GET", "/api/conversations?agent_id={agent_id}", None),
    ("GET", "/api/conversations?user_id={user_id}", None),
    ("GET", "/api/conversations/{session_id}/messages?user_id={user_id}", None),
    ("GET", "/api/conversations/{session_id}/citations?user_id={user_id}", None),
    ("GET", "/api/conversations/{session_id}/share?user_id={user_id}", None),
    ("DELETE", "/api/conversations/{session_id}/share?user_id={user_id}", None),
    ("POST", "/api/conversations/{session_id}/title?user_id={user_id}", {"title": "stolen"}),
    ("POST", "/api/sessions/{session_id}/tasks_status?user_id={user_id}", None),
    ("GET", "/api/conversations/{session_id}/export?user_id={user_id}", None),
    ("GET", "/api/stream/resume/{session_id}?user_id={user_id}", None),
    ("POST", "/api/sessions/{session_id}/interrupt?user_id={user_id}", None),
    ("GET", "/api/questionnaires/{questionnaire_id}/results?user_id={user_id}", None),
    ("GET", "/api/sandbox/approval/audit?session_id={session_id}&user_id={user_id}", None),
    ("GET", "/api/sessions/{session_id}/inject-user-message?user_id={user_id}", None),
    ("POST", FILES + "?session_id={session_id}", {}),
    ("POST", FILES + "/stat?session_id={session_id}", {"paths": ["a.txt"]}),
    ("GET", FILES + "/download?file_path=a.txt&session_id={session_id}", None),
    ("DELETE", FILES + "/delete?file_path=none&session_id={session_id}", None),
    ("GET", NOTES + "?user_id={user_id}", None),
    ("GET", "/api/llm-provider/list?user_id={user_id}", None),
    ("GET", "/api/mcp/{server_name}/tools?user_id={user_id}", None),
    ("POST", "/api/mcp/{server_name}/refresh?user_id={user_id}", {}),
    ("DELETE", "/api/mcp/{server_name}/oauth?agent_id={agent_id}", None),
    ("GET", "/api/mcp/{server_name}/oauth/start?agent_id={agent_id}", None),
    ("POST", "/api/llm-provider/verify", {**provider_body(), "provider_id": "{provider_id}", "api_keys": [MASK]}),
    ("GET", "/api/skills?agent_id={agent_id}", None),
    ("GET", "/api/skills/content?name={skill_name}&agent_id={agent_id}", None),
    ("GET", "/api/skills/report?name={skill_name}&hash={skill_hash}", None),
    ("DELETE", "/api/skills?name={skill_name}&agent_id={agent_id}", None),
    ("POST", "/api/skills/sync-to-agent-workspaces", {"agent_id": "{agent_id}", "skill_names": ["{skill_name}"]}),
    ("POST", "/api/skills/approve", {"name": "{skill_name}", "hash": "x", "agent_id": "{agent_id}"}),
    ("POST", "/api/agent/create", {"name": "a", "fast_llm_provider_id": "{provider_id}"}),
    ("PUT", "/api/agent/{agent_id}", {"name": "a", "llm_provider_id": "{provider_id}"}),
    ("PUT", "/api/agent/{agent_id}", {"name": "a", "fast_llm_provider_id": "{provider_id}"}),
    ("POST", "/api/chat", {**HELLO, "agent_id": "{agent_id}", "provider_id": "{provider_id}"}),
    ("POST", "/api/stream", {**HELLO, "agent_id": "{agent_id}", "provider_id": "{provider_id}"}),
    ("POST", "/api/stream", {**HELLO, "agent_id": "{agent_id}", "fast_provider_id": "{provider_id}"}),
    ("POST", "/api/web-stream", {**HELLO, "agent_id": "{agent_id}", "provider_id": "{provider_id}"}),
    ("POST", "/api/tools/exec", {"tool_name": "list_dir", "tool_params": {}, "session_id": "{session_id}"}),
    ("POST", "/api/tools/exec", {"tool_name": "list_dir", "tool_params": {}, "user_id": "{user_id}"}),
    ("POST", "/api/tools/exec", {"tool_name": "list_dir", "tool_params": {"session_id": "{session_id}"}}),
]
IN_TURN: list[tuple[str, str, Call]] = [
    *((method, call.path or path, call) for (method, path), call in CALLS.items() if call.owned),
    *((method, path, Call(path, body)) for method, path, body in MORE_IDS),
]


async def test_each_id_of_a_call_alone_may_not_be_a_strangers(house: House, provider: ScriptedProvider) -> None:
    """All other ids are the caller's own, so that no other check hides the one at hand."""
    await house.make_user("owner")
    await house.make_user("other")
    differing: dict[Any, Any] = {}
    async with caller(house, "owner") as owner, caller(house, "other") as other:
        foreign, own = (
            await objects_of(house, owner, provider),
            await objects_of(house, other, provider, "session_other"),
        )
        for method, path, call in IN_TURN:
            for name in set(re.findall(r"\{(\w+)\}", path + repr(call.body) + repr(call.form))) - {"provider_url"}:
                faces: list[tuple[int, str]] = []
                for value in (foreign[name], UNKNOWN[name]):
                    ids = {**own, name: value}
                    faces.append(face(await make(other, method, path, call, ids), ids))
                if faces[0] != faces[1]:
                    differing[(method, path, name)] = faces
    assert differing == {}


REFUSED: dict[tuple[str, str], str] = {
    **dict.fromkeys(UPSTREAM, "oauth_provider_unknown"),
    ("GET", "/api/auth/upstream/login"): "no_oauth_provider",
    ("GET", "/api/user/oauth/login"): "no_oauth_provider",
    **{
        (method, f"{prefix}/{path}"): outcome
        for prefix in ("/oauth2", "/api/oauth2")
        for method, path, outcome in (
            ("GET", "authorize", "invalid_client"),
            ("GET", "consent", "302"),
            ("POST", "consent", "csrf_failed"),
            ("POST", "token", "invalid_request"),
            ("POST", "revoke", "invalid_request"),
            ("POST", "introspect", "invalid_request"),
            ("GET", "userinfo", "invalid_token"),
            ("POST", "userinfo", "invalid_token"),
            ("POST", "register", "route_not_found"),
        )
    },
    ("DELETE", "/api/oauth2/grants/{client_id}"): "grant_not_found",
    ("GET", "/api/system/version/check"): "release_not_found",
    ("POST", "/api/system/version/import_github"): "github_unset",
    ("POST", "/api/oss/import_url"): "outbound_blocked",
    ("POST", "/api/auth/register/send-code"): "registration_closed",
    ("POST", "/api/user/register/send-code"): "registration_closed",
    ("POST", "/api/auth/register"): "registration_closed",
    ("POST", "/api/user/register"): "registration_closed",
    ("DELETE", "/api/user/identities/{provider_id}"): "identity_not_found",
    ("POST", "/api/auth/login"): "invalid_credentials",
    ("POST", "/api/user/login"): "invalid_credentials",
    ("POST", "/api/auth/refresh"): "unauthenticated",
    ("POST", "/api/user/refresh-token"): "unauthenticated",
    ("POST", "/api/user/change-password"): "wrong_old_password",
    # The run that asked has ended.
    ("POST", "/api/questionnaires/{questionnaire_id}/submit"): "questionnaire_closed",
    ("POST", "/api/sandbox/approval"): "approval_decided",
    # The model says nothing that could be read as a draft.
    ("POST", "/api/agent/auto-generate"): "provider_bad_response",
    ("POST", "/api/agent/system-prompt/optimize"): "provider_bad_response",
    ("POST", "/api/agent/abilities"): "provider_bad_response",
    # Nobody is there who could authorize, and nothing waits to be approved.
    ("GET", "/api/mcp/{server_name}/oauth/start"): "mcp_unreachable",
    ("GET", "/api/mcp/oauth/callback"): "302",
    ("POST", "/api/mcp/{server_name}/approve"): "version_conflict",
    ("POST", "/api/skills/import-url"): "download_failed",
    # Nothing waits, because the scan found nothing.
    ("POST", "/api/skills/approve"): "version_conflict",
    ("POST", "/api/skills/reject"): "version_conflict",
    # Nothing is shared yet.
    ("GET", "/api/share/conversations/{session_id}/messages"): "session_not_found",
}
JAEGER = tuple(route for route in CALLS if route[1].startswith("/api/observability/jaeger"))
REFUSED_TO = {
    "owner": {
        ("GET", "/api/user/list"): "forbidden",
        ("POST", "/api/user/add"): "forbidden",
        ("POST", "/api/user/update"): "forbidden",
        ("POST", "/api/user/reset-password"): "forbidden",
        ("POST", "/api/user/delete"): "forbidden",
        ("GET", "/api/user/{user_id}/keys"): "forbidden",
        ("GET", "/api/permissions/explain"): "forbidden",
        ("DELETE", "/api/user/{user_id}/keys/{id}"): "forbidden",
        ("GET", "/api/oauth2/clients"): "forbidden",
        ("POST", "/api/oauth2/clients"): "forbidden",
        ("PUT", "/api/oauth2/clients/{client_id}"): "forbidden",
        ("POST", "/api/oauth2/clients/{client_id}/secret"): "forbidden",
        ("DELETE", "/api/oauth2/clients/{client_id}"): "forbidden",
        ("GET", "/api/system/settings"): "forbidden",
        ("POST", "/api/system/version"): "forbidden",
        ("POST", "/api/system/version/import_github"): "forbidden",
        ("DELETE", "/api/system/version/{version_str}"): "forbidden",
        ("POST", "/api/system/update_settings"): "forbidden",
        ("GET", "/api/audit"): "forbidden",
        ("GET", "/api/audit/export"): "forbidden",
        ("POST", "/api/audit/verify"): "forbidden",
        ("POST", "/api/groups"): "forbidden",
        ("DELETE", "/api/groups/{group_id}"): "forbidden",
        ("GET", "/api/budgets"): "forbidden",
        ("GET", "/api/system/stats"): "forbidden",
        ("GET", "/metrics"): "forbidden",
        **dict.fromkeys(JAEGER, "forbidden"),
        ("PUT", "/api/budgets/{scope}/{id}"): "forbidden",
        ("DELETE", "/api/budgets/{scope}/{id}"): "forbidden",
    },
    # An admin may change what belongs to others, but neither use their keys nor share in their name.
    "admin": {
        ("POST", "/api/agent/create"): "provider_not_found",
        **{
            ("POST", f"/api/agent/{path}{end}"): "provider_not_found"
            for path in ("auto-generate", "system-prompt/optimize")
            for end in ("", "/submit")
        },
        **dict.fromkeys(JAEGER, "jaeger_unset"),
        ("GET", "/api/observability/jaeger/login"): "302",
        ("GET", "/api/observability/jaeger/auth"): "204",
        ("GET", "/api/agent/tasks/{task_id}"): "task_not_found",
        ("POST", "/api/agent/tasks/{task_id}/cancel"): "task_not_found",
        ("PUT", "/api/agent/{agent_id}/memories/{note_id}"): "memory_not_found",
        ("DELETE", "/api/agent/{agent_id}/memories/{note_id}"): "memory_not_found",
        ("POST", "/api/stream"): "provider_not_found",
        ("POST", "/api/conversations/{session_id}/share"): "session_not_found",
        # Nobody answers and steers in the owner's name.
        ("POST", "/api/conversations/{session_id}/rerun-stream"): "session_not_found",
        ("POST", "/api/conversations/{session_id}/edit-last-user-message"): "session_not_found",
        ("POST", "/api/questionnaires/{questionnaire_id}/submit"): "questionnaire_not_found",
        ("POST", "/api/sandbox/approval"): "approval_not_found",
        ("POST", "/api/sessions/{session_id}/inject-user-message"): "session_not_found",
        ("PATCH", "/api/sessions/{session_id}/inject-user-message/{guidance_id}"): "session_not_found",
        ("DELETE", "/api/sessions/{session_id}/inject-user-message/{guidance_id}"): "session_not_found",
        ("GET", "/api/mcp/{server_name}/oauth/start"): "mcp_not_found",
        ("DELETE", "/api/mcp/{server_name}/oauth"): "mcp_not_found",
        ("DELETE", "/api/user/sessions/{id}"): "session_not_found",
        ("PUT", "/api/user/keys/{id}"): "key_not_found",
        # Without their id a name never means a skill of somebody else.
        ("DELETE", "/api/skills"): "skill_not_found",
        ("POST", "/api/user/keys/{id}/rotate"): "key_not_found",
        ("DELETE", "/api/user/keys/{id}"): "key_not_found",
        **{
            (method, f"{prefix}/{{task_id}}{act}"): "task_not_found"
            for prefix in ("/tasks", "/api/tasks")
            for method, act in (("PUT", ""), ("POST", "/run"), ("POST", "/complete"))
        },
        ("PUT", "/api/budgets/key/{id}"): "budget_not_found",
        ("DELETE", "/api/budgets/key/{id}"): "budget_not_found",
    },
}


@pytest.mark.parametrize("name", ["owner", "admin"])
async def test_owner_and_admin_get_through_every_route_or_the_refusal_in_the_contract(
    house: House, provider: ScriptedProvider, name: str
) -> None:
    await house.make_user("owner")
    told: dict[tuple[str, str], str] = {}
    async with caller(house, "owner") as owner:
        owned = await objects_of(house, owner, provider)
        for route in sorted((each for each in CALLS if each != ENDLESS), key=removes):
            # A new sign-in for each, because some of them end the session.
            async with caller(house, name) as client:
                told[route] = outcome(await send(client, route, owned))
    assert told == dict.fromkeys(told, "success") | REFUSED | REFUSED_TO[name]


def removes(route: tuple[str, str]) -> int:
    """What takes something away comes last, and the owner at the very end; a new run takes guidance away."""
    if route[1] == "/api/user/delete":
        return 3
    if route[1].endswith(("/rerun-stream", "/edit-last-user-message")):
        return 1
    if route[1] == f"{BASES}/clear":
        return 2
    return 2 if route[0] == "DELETE" and "/inject-user-message/" not in route[1] else 0


def outcome(answer: httpx2.Response) -> str:
    """`success`, or the slug of the refusal."""
    if answer.headers.get("content-type") != "application/json" or answer.url.path == "/active":
        return "success" if answer.status_code == 200 else str(answer.status_code)
    body = answer.json()
    if "code" not in body:
        # The OAuth2 protocol speaks without an envelope.
        return str(body.get("error", "success"))
    return "success" if body["code"] == 200 else str(body["error_detail"])


async def test_an_admin_reaches_what_belongs_to_others(house: House, provider: ScriptedProvider) -> None:
    await house.make_user("owner")
    async with caller(house, "owner") as owner:
        owned = await objects_of(house, owner, provider)
    async with caller(house, "admin") as admin:
        paths = [
            f"/api/conversations/{owned['session_id']}/messages",
            f"/api/runs/{owned['run_id']}",
            f"/api/agent/{owned['agent_id']}",
        ]
        codes = [(await admin.get(path)).json()["code"] for path in paths]
    assert codes == [200, 200, 200]
