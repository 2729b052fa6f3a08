"""The published table of permissions against the server (platform.md 7.4, 16.2)."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import httpx2
import pytest

from clary.adapters.scripted_provider import ScriptedProvider
from clary.asgi import permission_table
from features.oauth2.party import Party
from permissions.objects import caller, objects_of
from support.calls import BASES, CALLS, ENDLESS, ROUTES, send
from support.house import House, bearer, house_in, login

pytestmark = pytest.mark.anyio

PAGE = Path(__file__).parents[2] / "docs" / "permissions.md"
NOT_FOUND = {"agent_not_found", "session_not_found", "run_not_found", "provider_not_found", "group_not_found"} | {
    "key_not_found",
    "questionnaire_not_found",
    "budget_not_found",
    "task_not_found",
    "mcp_not_found",
    "file_not_found",
    "kdb_not_found",
    "doc_not_found",
}
FORBIDDEN = {"forbidden", "agent_forbidden", "kdb_forbidden"}
GENERATION = (
    *(f"/api/agent/{path}{end}" for path in ("auto-generate", "system-prompt/optimize") for end in ("", "/submit")),
    "/api/agent/abilities",
)
# Whose object it is, their path does not say.
IDS_NOT_IN_PATH = (
    *("/api/agent/create", *GENERATION, "/api/chat", "/api/stream", "/api/web-stream"),
    *("/tasks", "/api/tasks", "/api/sandbox/approval", "/api/sandbox/approval/audit", "/api/tools/exec"),
    *("/api/chat/optimize-input", "/api/chat/optimize-input/stream"),
    *("/api/skills", "/api/skills/content", "/api/skills/report", "/api/skills/download"),
    *(f"/api/skills/{each}" for each in ("upload", "upload-batch", "import-url", "agent-available")),
    *(f"/api/skills/{each}" for each in ("approve", "reject")),
    *(f"{BASES}/{each}" for each in ("update", "info", "clear", "redo_all", "auth", "retrieve", "doc/info/{doc_id}")),
    *(f"{BASES}/questions{each}" for each in ("", "/run", "/results")),
    *(f"{BASES}/doc/{each}" for each in ("list", "add_by_files", "task_process", "task_redo", "cancel")),
    *(f"/api/skills/sync-{each}" for each in ("to-agent", "to-agent-workspaces", "workspace-skills")),
)
# The call takes something away from whoever calls, or from the one whose object it is.
LAST = ("/api/user/delete", "/api/auth/logout", "/api/user/logout")


def published() -> dict[str, dict[tuple[str, str], str]]:
    """Kind of caller → route → outcome, as the page says."""
    rows = [
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in PAGE.read_text().splitlines()
        if line.startswith("| ")
    ]
    kinds, table = rows[0][2:], {kind: dict[tuple[str, str], str]() for kind in rows[0][2:]}
    for route, _scope, *outcomes in rows[1:]:
        method, _, path = route.partition(" ")
        for kind, outcome in zip(kinds, outcomes, strict=True):
            table[kind][(method, path.strip("`"))] = outcome
    return table


def test_the_page_is_what_the_command_prints_and_names_every_route() -> None:
    assert PAGE.read_text() == permission_table()
    for routes in published().values():
        assert sorted(routes) == sorted(ROUTES)


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


async def share_everything(house: House, owner: httpx2.AsyncClient, owned: dict[str, str]) -> None:
    """Grants the agent to a person and to a group, of which another person is a member."""
    granted = await house.make_user("granted")
    member = await house.make_user("member")
    async with caller(house, "admin") as admin:
        path = f"/api/groups/{owned['group_id']}/members"
        assert (await admin.post(path, json={"user_ids": [member]})).json()["code"] == 200
    body = {"user_ids": [granted], "group_ids": [owned["group_id"]]}
    assert (await owner.post(f"/api/agent/{owned['agent_id']}/auth", json=body)).json()["code"] == 200
    kinds = {"user": granted, "group": owned["group_id"]}
    grants = [{"kind": kind, "id": each, "permission": "read"} for kind, each in kinds.items()]
    shared = await owner.post(f"{BASES}/auth", json={"kdb_id": owned["kdb_id"], "grants": grants})
    assert shared.json()["code"] == 200


async def client_of(house: House, stack: AsyncExitStack, kind: str) -> httpx2.AsyncClient:
    """A fresh client of one kind of caller."""
    names = {"other user": "other", "group member": "member", "granted user": "granted"}
    if kind == "anonymous":
        return await stack.enter_async_context(house.browser())
    if kind == "narrow API key":
        async with caller(house, "owner") as owner:
            made = await owner.post("/api/user/keys", json={"name": "narrow", "scopes": ["read"]})
        key = {"Authorization": f"Bearer {made.json()['data']['key']}"}
        return await stack.enter_async_context(house.browser(**key))
    if kind == "narrow OAuth2 token":
        token = {"Authorization": f"Bearer {await narrow_token(house)}"}
        return await stack.enter_async_context(house.browser(**token))
    if kind == "disabled user":
        async with house.browser() as client:
            headers = bearer(await login(client, "off"))
        async with caller(house, "admin") as admin:
            users = (await admin.get("/api/user/list?q=off")).json()["data"]["items"]
            await admin.post("/api/user/update", json={"user_id": users[0]["user_id"], "disabled": True})
        return await stack.enter_async_context(house.browser(**headers))
    return await stack.enter_async_context(caller(house, names.get(kind, kind)))


async def narrow_token(house: House) -> str:
    """An access token of the owner with scope `openid` alone."""
    async with house.browser() as browser, house.browser() as app:
        await login(browser, "owner")
        party = Party(house, browser, app)
        await party.make_client(token_endpoint_auth_method="none")
        return (await party.tokens(scope="openid"))["access_token"]


def seen(answer: httpx2.Response) -> str:
    """An answer in the words of the page; what is refused for another reason has passed the rule."""
    if answer.status_code == 401:
        return "401"
    if answer.headers.get("content-type") != "application/json" or answer.url.path in ("/active", "/openapi.json"):
        return "yes"
    slug = answer.json().get("error_detail")
    return "forbidden" if slug in FORBIDDEN else "unknown" if slug in NOT_FOUND else "yes"


@pytest.mark.parametrize(
    "kind",
    list(published()),
)
async def test_the_server_does_what_the_page_says(house: House, provider: ScriptedProvider, kind: str) -> None:
    for name in ("owner", "other", "off"):
        await house.make_user(name)
    differing: dict[Any, tuple[str, str]] = {}
    async with AsyncExitStack() as stack, caller(house, "owner") as owner:
        owned = await objects_of(house, owner, provider)
        await share_everything(house, owner, owned)
        order = sorted(
            (
                route
                for route in CALLS
                if route != ENDLESS and ROUTES[route].scope is not None and route[1] not in IDS_NOT_IN_PATH
            ),
            key=lambda route: (route[1] in LAST, route[0] == "DELETE"),
        )
        client = await client_of(house, stack, kind)
        for route in order:
            if kind in ("owner", "admin", "group member") and route[1] == "/api/user/sessions":
                continue
            answer = await send(client, route, owned)
            outcome, wanted = seen(answer), published()[kind][route]
            if outcome != wanted:
                differing[route] = (outcome, wanted)
    assert differing == {}
