"""Every route of the product with a valid call of it; the matrix and the sweeps over all routes read this."""

import re
from dataclasses import dataclass, field
from typing import Any

import httpx2
from fastapi.routing import APIRoute

from clary.asgi import routers
from clary.http.access import Access, access_of
from features.skills.archives import skill_md, skill_zip
from support.house import PASSWORD

UNKNOWN = {
    "session_id": "session_unknown",
    "agent_id": "agent_00000000",
    "provider_id": "00000000-0000-4000-8000-000000000000",
    "run_id": "00000000-0000-4000-8000-000000000000",
    "user_id": "0" * 32,
    "group_id": "grp_" + "0" * 16,
    "login_session_id": "0" * 32,
    "key_id": "0" * 32,
    "skill_name": "skill-unknown",
    "skill_hash": "0" * 64,
    "client_id": "oc_none",
    "questionnaire_id": "session_unknown__questionnaire__call",
    "approval_id": "00000000-0000-4000-8000-000000000000",
    "guidance_id": "00000000-0000-4000-8000-000000000000",
    "task_id": "0" * 32,
    "note_id": "0" * 32,
    "provider_url": "https://api.example.com/v1",
    "server_name": "none of this name",
    "file_key": "a" * 26 + "/none.txt",
    "kdb_id": "0" * 32,
    "doc_id": "0" * 32,
    "kdb_task_id": "0" * 32,
    "scheduled_id": "rec_" + "0" * 16,
    "scheduled_beside_id": "rec_" + "0" * 16,
}
KEY = "sk-matrix-000000000000"
BASES = "/api/knowledge-base"
NOTES = "/api/agent/{agent_id}/memories"
FILES = "/api/agent/{agent_id}/file_workspace"
EMPTY_ZIP = b"PK\x05\x06" + bytes(18)
SKILL = "?name={skill_name}&user_id={user_id}"
INTO_AGENT = {"is_agent": "true", "agent_id": "{agent_id}"}


@dataclass(frozen=True)
class Call:
    """A valid call of a route; `{name}` fields are ids. `owned`: it names an object of somebody.

    `file`: the body is a form with this file and the fields of `form`.
    """

    path: str = ""
    body: Any = None
    owned: bool = True
    file: bytes | None = None
    form: dict[str, str] = field(default_factory=dict[str, str])
    file_field: str = "file"
    file_name: str = "a.txt"


def provider_body(url: str = "https://api.example.com/v1") -> dict[str, Any]:
    """A provider to create or to try."""
    return {"base_url": url, "api_keys": [KEY], "model": "m"}


def mcp_body(name: str, url: str = "https://mcp.example.com/mcp", **more: Any) -> dict[str, Any]:
    """An MCP server that is only stored."""
    return {"name": name, "protocol": "streamable_http", "streamable_http_url": url, "disabled": True, **more}


FREE = Call(owned=False)
CALLS: dict[tuple[str, str], Call] = {
    **{
        (method, prefix + path): Call(path=prefix + path.replace("task_id", task), body=body, owned=owned)
        for prefix, task in (("/tasks", "scheduled_id"), ("/api/tasks", "scheduled_beside_id"))
        for method, path, body, owned in (
            ("GET", "", None, False),
            ("POST", "", {"name": "t", "description": "d", "agent_id": "{agent_id}", "schedule": "@daily"}, True),
            ("GET", "/{task_id}", None, True),
            ("PUT", "/{task_id}", {"name": "renamed"}, True),
            ("DELETE", "/{task_id}", None, True),
            ("POST", "/{task_id}/enable", {"enabled": False}, True),
            ("POST", "/{task_id}/run", None, True),
            ("POST", "/{task_id}/complete", None, True),
            ("GET", "/{task_id}/history", None, True),
        )
    },
    **{
        ("GET", f"{prefix}/preview"): Call(path=f"{prefix}/preview?schedule=@daily", owned=False)
        for prefix in ("/tasks", "/api/tasks")
    },
    ("GET", "/api/system/info"): FREE,
    ("GET", "/api/system/settings"): FREE,
    ("GET", "/api/system/version/check"): FREE,
    ("GET", "/api/system/version/latest"): FREE,
    ("GET", "/api/system/version"): FREE,
    ("POST", "/api/system/version"): Call(body={"version": "1.0.0", "release_notes": "", "artifacts": []}, owned=False),
    ("POST", "/api/system/version/import_github"): FREE,
    ("DELETE", "/api/system/version/{version_str}"): Call(path="/api/system/version/1.0.0", owned=False),
    ("POST", "/api/oss/upload"): Call(file=b"x", owned=False),
    ("POST", "/api/oss/import_url"): Call(body={"url": "https://10.0.0.1/a.png"}, owned=False),
    ("GET", "/api/oss/objects"): FREE,
    ("GET", "/api/oss/object/{key:path}"): Call(path="/api/oss/object/{file_key}"),
    ("DELETE", "/api/oss/object/{key:path}"): Call(path="/api/oss/object/{file_key}"),
    ("POST", "/api/system/update_settings"): Call(body={"announcement": "new"}, owned=False),
    ("GET", "/api/auth/providers"): FREE,
    ("GET", "/api/user/auth-providers"): FREE,
    ("GET", "/api/health"): FREE,
    ("GET", "/api/ready"): FREE,
    ("GET", "/active"): FREE,
    ("GET", "/api/auth/upstream/login/{provider_id}"): Call(path="/api/auth/upstream/login/none", owned=False),
    ("GET", "/api/user/oauth/login/{provider_id}"): Call(path="/api/user/oauth/login/none", owned=False),
    ("GET", "/api/auth/upstream/login"): FREE,
    ("GET", "/api/user/oauth/login"): FREE,
    ("GET", "/api/auth/upstream/callback/{provider_id}"): Call(path="/api/auth/upstream/callback/none", owned=False),
    ("GET", "/api/user/oauth/callback/{provider_id}"): Call(path="/api/user/oauth/callback/none", owned=False),
    ("POST", "/api/auth/register/send-code"): Call(body={"email": "new@example.com"}, owned=False),
    ("POST", "/api/user/register/send-code"): Call(body={"email": "new@example.com"}, owned=False),
    ("POST", "/api/auth/register"): Call(body={"username": "x", "password": "long-enough-1"}, owned=False),
    ("POST", "/api/user/register"): Call(body={"username": "x", "password": "long-enough-1"}, owned=False),
    ("GET", "/api/user/identities"): FREE,
    ("DELETE", "/api/user/identities/{provider_id}"): Call(path="/api/user/identities/none", owned=False),
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
    ("POST", "/api/user/update"): Call(body={"user_id": "{user_id}", "phonenum": "1"}),
    ("POST", "/api/user/reset-password"): Call(body={"user_id": "{user_id}", "new_password": PASSWORD}),
    ("POST", "/api/user/delete"): Call(body={"user_id": "{user_id}"}),
    ("PUT", "/api/user/profile"): Call(body={"phonenum": "1"}, owned=False),
    ("GET", "/api/user/sessions"): FREE,
    ("DELETE", "/api/user/sessions/{id}"): Call(path="/api/user/sessions/{login_session_id}"),
    ("DELETE", "/api/user/sessions"): FREE,
    ("GET", "/api/user/audit"): FREE,
    ("GET", "/api/oauth2/clients"): FREE,
    ("POST", "/api/oauth2/clients"): Call(body={"redirect_uris": ["https://app.example.com/cb"]}, owned=False),
    ("PUT", "/api/oauth2/clients/{client_id}"): Call(body={"client_name": "renamed"}),
    ("POST", "/api/oauth2/clients/{client_id}/secret"): Call(body={}),
    ("DELETE", "/api/oauth2/clients/{client_id}"): Call(),
    ("GET", "/api/oauth2/grants"): FREE,
    ("DELETE", "/api/oauth2/grants/{client_id}"): Call(path="/api/oauth2/grants/none", owned=False),
    **{
        (method, f"{prefix}/{path}"): FREE
        for prefix in ("/oauth2", "/api/oauth2")
        for method, path in (
            *(("GET", each) for each in ("metadata", ".well-known/openid-configuration", "jwks", "authorize")),
            *(("GET", each) for each in ("consent", "userinfo")),
            *(("POST", each) for each in ("consent", "token", "revoke", "introspect", "userinfo", "register")),
        )
    },
    **{
        ("GET", f"/.well-known/{name}{end}"): FREE
        for name in ("oauth-authorization-server", "openid-configuration")
        for end in ("", "/oauth2")
    },
    # Before what carries budgets goes.
    ("GET", "/api/budgets/me"): FREE,
    ("GET", "/api/budgets"): FREE,
    ("PUT", "/api/budgets/agent/{agent_id}"): Call(body={"tokens_per_day": 10**9}),
    ("DELETE", "/api/budgets/agent/{agent_id}"): Call(),
    ("PUT", "/api/budgets/key/{id}"): Call(path="/api/budgets/key/{key_id}", body={"tokens_per_day": 10**9}),
    ("DELETE", "/api/budgets/key/{id}"): Call(path="/api/budgets/key/{key_id}"),
    ("PUT", "/api/budgets/{scope}/{id}"): Call(path="/api/budgets/user/{user_id}", body={"tokens_per_day": 10**9}),
    ("DELETE", "/api/budgets/{scope}/{id}"): Call(path="/api/budgets/user/{user_id}"),
    ("GET", "/api/user/keys"): FREE,
    ("POST", "/api/user/keys"): Call(body={"name": "new"}, owned=False),
    ("PUT", "/api/user/keys/{id}"): Call(path="/api/user/keys/{key_id}", body={"name": "stolen"}),
    ("POST", "/api/user/keys/{id}/rotate"): Call(path="/api/user/keys/{key_id}/rotate", body={}),
    ("GET", "/api/user/{user_id}/keys"): Call(),
    ("DELETE", "/api/user/{user_id}/keys/{id}"): Call(path="/api/user/{user_id}/keys/{key_id}"),
    ("DELETE", "/api/user/keys/{id}"): Call(path="/api/user/keys/{key_id}"),
    ("GET", "/api/audit"): FREE,
    ("GET", "/api/audit/export"): FREE,
    ("POST", "/api/audit/verify"): Call(body={}, owned=False),
    ("GET", "/api/groups"): FREE,
    ("GET", "/api/groups/options"): FREE,
    ("POST", "/api/groups"): Call(body={"name": "new"}, owned=False),
    ("GET", "/api/groups/{group_id}"): Call(),
    ("PUT", "/api/groups/{group_id}"): Call(body={"description": "stolen"}),
    # Nobody in it: a manager may learn by adding people that they exist (platform.md 7.2).
    ("POST", "/api/groups/{group_id}/members"): Call(body={"user_ids": []}),
    ("DELETE", "/api/groups/{group_id}/members/{user_id}"): Call(),
    ("DELETE", "/api/groups/{group_id}"): Call(),
    ("GET", "/api/llm-provider/list"): FREE,
    ("POST", "/api/llm-provider/create"): Call(body=provider_body("{provider_url}"), owned=False),
    ("PUT", "/api/llm-provider/update/{provider_id}"): Call(body={"name": "stolen"}),
    ("DELETE", "/api/llm-provider/delete/{provider_id}"): Call(),
    ("POST", "/api/llm-provider/verify"): Call(body=provider_body("{provider_url}"), owned=False),
    ("POST", "/api/llm-provider/verify-multimodal"): Call(body=provider_body("{provider_url}"), owned=False),
    ("POST", "/api/llm-provider/verify-capabilities"): Call(body=provider_body("{provider_url}"), owned=False),
    ("POST", "/api/llm-provider/verify-capabilities/{provider_id}"): Call(body={}),
    ("POST", "/api/mcp/add"): Call(body=mcp_body("new"), owned=False),
    ("GET", "/api/mcp/list"): FREE,
    ("GET", "/api/mcp/oauth/callback"): Call(path="/api/mcp/oauth/callback?state=none", owned=False),
    ("PUT", "/api/mcp/{server_name}"): Call(body=mcp_body("{server_name}", "{provider_url}", auth="oauth")),
    ("POST", "/api/mcp/{server_name}/refresh"): Call(body={}),
    ("PUT", "/api/mcp/{server_name}/toggle"): Call(body={"disabled": True}),
    ("GET", "/api/mcp/{server_name}/tools"): Call(),
    ("POST", "/api/mcp/{server_name}/approve"): Call(body={"hash": "0"}),
    ("GET", "/api/mcp/{server_name}/oauth/start"): Call(),
    ("DELETE", "/api/mcp/{server_name}/oauth"): Call(),
    ("DELETE", "/api/mcp/{server_name}"): Call(),
    ("GET", "/api/agent/list"): FREE,
    ("GET", "/api/agent/template/default_system_prompt"): FREE,
    ("POST", "/api/agent/create"): Call(body={"name": "stolen", "llm_provider_id": "{provider_id}"}),
    ("POST", "/api/agent/{agent_id}/file_workspace"): Call(body={}),
    ("POST", "/api/agent/{agent_id}/file_workspace/stat"): Call(body={"paths": ["a.txt"]}),
    ("POST", "/api/agent/{agent_id}/file_workspace/upload"): Call(file=b"x"),
    ("GET", "/api/agent/{agent_id}/file_workspace/download"): Call(path=f"{FILES}/download?file_path=a.txt"),
    ("POST", "/api/agent/{agent_id}/file_workspace/archive/import"): Call(file=EMPTY_ZIP, form={"target_path": "d"}),
    ("DELETE", "/api/agent/{agent_id}/file_workspace/delete"): Call(path=f"{FILES}/delete?file_path=a.txt"),
    ("GET", "/api/agent/{agent_id}/memories"): Call(path=NOTES + "?q=tea"),
    ("POST", "/api/agent/{agent_id}/memories"): Call(body={"content": "likes coffee"}),
    ("PUT", "/api/agent/{agent_id}/memories/{note_id}"): Call(body={"content": "likes green tea"}),
    ("DELETE", "/api/agent/{agent_id}/memories/{note_id}"): Call(),
    ("DELETE", "/api/agent/{agent_id}/memories"): Call(path=NOTES + "?confirm=true"),
    ("GET", "/api/agent/{agent_id}"): Call(),
    ("PUT", "/api/agent/{agent_id}"): Call(body={"name": "renamed"}),
    ("DELETE", "/api/agent/{agent_id}"): Call(),
    ("GET", "/api/agent/{agent_id}/auth"): Call(),
    ("POST", "/api/agent/{agent_id}/auth"): Call(body={"user_ids": []}),
    ("GET", "/api/agent/{agent_id}/versions"): Call(),
    ("GET", "/api/agent/{agent_id}/versions/{version}"): Call(path="/api/agent/{agent_id}/versions/1"),
    ("POST", "/api/agent/{agent_id}/versions/{version}/restore"): Call(path="/api/agent/{agent_id}/versions/1/restore"),
    **{
        ("POST", f"/api/agent/{path}{end}"): Call(body={**body, "llm_provider_id": "{provider_id}"})
        for path, body in (
            ("auto-generate", {"agent_description": "writes reports"}),
            ("system-prompt/optimize", {"original_prompt": "You write reports."}),
        )
        for end in ("", "/submit")
    },
    ("POST", "/api/agent/abilities"): Call(body={"agent_id": "{agent_id}"}),
    ("GET", "/api/agent/tasks/{task_id}"): Call(),
    ("POST", "/api/agent/tasks/{task_id}/cancel"): Call(),
    ("POST", f"{BASES}/add"): Call(body={"name": "new", "type": "document"}, owned=False),
    ("GET", f"{BASES}/list"): FREE,
    **{
        ("GET", f"{BASES}/{path}"): Call(path=f"{BASES}/{path}?kdb_id={{kdb_id}}")
        for path in ("info", "auth", "questions", "questions/results", "doc/list")
    },
    **{
        ("POST", f"{BASES}/{path}"): Call(body={"kdb_id": "{kdb_id}", **body})
        for path, body in {
            "update": {"intro": "stolen"},
            "redo_all": {},
            "auth": {"grants": []},
            "questions": {"items": []},
            "questions/run": {},
            "retrieve": {"query": "walrus"},
            "doc/task_redo": {"task_id": "{kdb_task_id}"},
            "doc/cancel": {"task_id": "{kdb_task_id}"},
        }.items()
    },
    ("POST", f"{BASES}/doc/add_by_files"): Call(file=b"a walrus", file_field="files", form={"kdb_id": "{kdb_id}"}),
    ("GET", f"{BASES}/doc/task_process"): Call(
        path=f"{BASES}/doc/task_process?kdb_id={{kdb_id}}&task_id={{kdb_task_id}}"
    ),
    ("GET", f"{BASES}/doc/info/{{doc_id}}"): Call(),
    ("PUT", f"{BASES}/doc/redo/{{doc_id}}"): Call(body={}),
    ("GET", f"{BASES}/doc/content/{{doc_id}}"): Call(),
    ("GET", f"{BASES}/doc/download/{{doc_id}}"): Call(),
    ("DELETE", f"{BASES}/doc/delete/{{doc_id}}"): Call(),
    ("POST", f"{BASES}/clear"): Call(body={"kdb_id": "{kdb_id}"}),
    ("DELETE", f"{BASES}/delete/{{kdb_id}}"): Call(),
    ("GET", "/api/skills"): FREE,
    ("GET", "/api/skills/agent-available"): Call(path="/api/skills/agent-available?agent_id={agent_id}"),
    ("POST", "/api/skills/upload"): Call(file=skill_zip("brought"), file_name="a.zip", form=INTO_AGENT),
    ("POST", "/api/skills/upload-batch"): Call(
        file=skill_zip("brought"), file_name="a.zip", form=INTO_AGENT, file_field="files"
    ),
    ("POST", "/api/skills/import-url"): Call(body={"url": "{provider_url}", **INTO_AGENT}),
    ("GET", "/api/skills/content"): Call(path="/api/skills/content" + SKILL),
    ("PUT", "/api/skills/content"): Call(
        path="/api/skills/content" + SKILL,
        body={"name": "{skill_name}", "content": skill_md("{skill_name}", body="stolen")},
    ),
    ("GET", "/api/skills/report"): Call(path="/api/skills/report" + SKILL),
    ("POST", "/api/skills/approve"): Call(
        path="/api/skills/approve?user_id={user_id}", body={"name": "{skill_name}", "hash": "{skill_hash}"}
    ),
    ("POST", "/api/skills/reject"): Call(
        path="/api/skills/reject?user_id={user_id}", body={"name": "{skill_name}", "hash": "{skill_hash}"}
    ),
    ("GET", "/api/skills/download"): Call(path="/api/skills/download" + SKILL),
    ("POST", "/api/skills/sync-to-agent"): Call(body={"skill_name": "{skill_name}", "agent_id": "{agent_id}"}),
    ("POST", "/api/skills/sync-to-agent-workspaces"): Call(body={"agent_id": "{agent_id}"}),
    ("POST", "/api/skills/sync-workspace-skills"): Call(body={"agent_id": "{agent_id}", "user_id": "{user_id}"}),
    ("DELETE", "/api/skills"): Call(path="/api/skills?name={skill_name}"),
    ("GET", "/api/permissions/explain"): Call(
        path="/api/permissions/explain?user_id={user_id}&verb=read&object=agent:{agent_id}"
    ),
    ("GET", "/api/conversations"): FREE,
    ("GET", "/api/conversations/{session_id}/messages"): Call(),
    ("GET", "/api/conversations/{session_id}/citations"): Call(),
    ("GET", "/api/share/conversations/{session_id}/messages"): Call(),
    ("POST", "/api/conversations/{session_id}/share"): Call(body={}),
    ("GET", "/api/conversations/{session_id}/share"): Call(),
    ("DELETE", "/api/conversations/{session_id}/share"): Call(),
    ("POST", "/api/conversations/{session_id}/title"): Call(body={"title": "stolen"}),
    ("POST", "/api/sessions/{session_id}/inject-user-message"): Call(body={"content": "more"}),
    ("GET", "/api/sessions/{session_id}/inject-user-message"): Call(),
    ("PATCH", "/api/sessions/{session_id}/inject-user-message/{guidance_id}"): Call(body={"content": "stolen"}),
    ("DELETE", "/api/sessions/{session_id}/inject-user-message/{guidance_id}"): Call(),
    ("POST", "/api/questionnaires/{questionnaire_id}/submit"): Call(body={"answers": {}}),
    ("GET", "/api/questionnaires/{questionnaire_id}/results"): Call(),
    ("POST", "/api/sandbox/approval"): Call(
        body={"session_id": "{session_id}", "approval_id": "{approval_id}", "decision": "deny"}
    ),
    ("GET", "/api/sandbox/approval/audit"): Call(path="/api/sandbox/approval/audit?session_id={session_id}"),
    ("DELETE", "/api/conversations/{session_id}"): Call(),
    ("POST", "/api/sessions/{session_id}/tasks_status"): Call(),
    ("GET", "/api/conversations/{session_id}/export"): Call(),
    ("GET", "/api/sessions/{session_id}/download"): Call(),
    ("POST", "/api/conversations/{session_id}/rerun-stream"): Call(body={}),
    ("POST", "/api/conversations/{session_id}/edit-last-user-message"): Call(body={"content": "otherwise"}),
    ("POST", "/api/chat/optimize-input"): Call(body={"current_input": "x", "agent_id": "{agent_id}"}),
    ("POST", "/api/chat/optimize-input/stream"): Call(body={"current_input": "x", "agent_id": "{agent_id}"}),
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
    ("GET", "/api/runs/{run_id}/timeline"): Call(),
    ("GET", "/api/runs"): FREE,
    ("GET", "/api/usage"): FREE,
    ("GET", "/api/usage/summary"): Call(path="/api/usage/summary?group_by=day", owned=False),
    ("GET", "/api/usage/export"): FREE,
    ("POST", "/api/token-usage/stats"): Call(
        body={"dimension": "agent", "start_date": "2026-01-01", "end_date": "2026-01-02"}, owned=False
    ),
    ("POST", "/api/system/agent/usage-stats"): Call(body={"days": 7}, owned=False),
    ("GET", "/api/system/stats"): FREE,
    ("GET", "/metrics"): FREE,
    ("GET", "/api/observability/jaeger/login"): FREE,
    ("GET", "/api/observability/jaeger/auth"): FREE,
    ("GET", "/api/observability/jaeger"): FREE,
    **{
        (method, "/api/observability/jaeger/{full_path:anything}"): Call(
            path="/api/observability/jaeger/search", owned=False
        )
        for method in ("GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
    },
    ("GET", "/api/tools"): FREE,
    ("POST", "/api/tools/exec"): Call(body={"tool_name": "list_dir", "tool_params": {}, "agent_id": "{agent_id}"}),
}
UPSTREAM = frozenset(route for route in CALLS if "/auth/upstream/" in route[1] or "/user/oauth/" in route[1])
"""Routes of sign-in elsewhere, which know no provider in mode `native`."""

ENDLESS = ("GET", "/api/stream/active_sessions")


def listed_routes() -> dict[tuple[str, str], Access]:
    """(method, path) → terms, of every route but the refusals of fixed words."""
    found: dict[tuple[str, str], Access] = {}
    for router in routers():
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
        return re.sub(r"\{(\w+)(?::path)?\}", lambda found: ids[found[1]], value)
    if isinstance(value, dict):
        return {key: filled(each, ids) for key, each in value.items()}
    return [filled(each, ids) for each in value] if isinstance(value, list) else value


async def send(client: httpx2.AsyncClient, route: tuple[str, str], ids: dict[str, str]) -> httpx2.Response:
    """Makes the call of a route with some ids."""
    method, path = route
    return await make(client, method, path, CALLS[route], ids)


async def make(client: httpx2.AsyncClient, method: str, path: str, call: Call, ids: dict[str, str]) -> httpx2.Response:
    """Makes a call with some ids."""
    address = filled(call.path or path, ids)
    if call.file is not None:
        files = {call.file_field: (call.file_name, call.file)}
        return await client.request(method, address, files=files, data=filled(call.form, ids))
    return await client.request(method, address, json=filled(call.body, ids))
