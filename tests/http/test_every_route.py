"""The same attack on every route of the table: hostile bodies, faults, a database that is away (A1, A2)."""

import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any, NoReturn

import httpx2
import pytest

from clary.asgi import create_app
from clary.db.database import Database
from clary.wiring import Services
from support.calls import CALLS, ENDLESS, ROUTES, UNKNOWN, UPSTREAM, filled, send
from support.house import ADMIN_PASSWORD, House, bearer, house_in, login

pytestmark = pytest.mark.anyio

IDS = {
    **UNKNOWN,
    "id": "0" * 32,
    "scope": "user",
    "version": "1",
    "version_str": "1",
    "key": "none",
    "provider_url": "http://127.0.0.1:9/v1",
}
LISTED = "https://app.example.org"
OPTIONAL_BODY = (
    "/api/sessions/{session_id}/interrupt",
    "/api/audit/verify",
    "/tasks/{task_id}/enable",
    "/api/tasks/{task_id}/enable",
)
# Nothing of what they know is there, so that nothing is asked for.
OPTIONAL_FIELDS = ("/api/audit/verify", "/api/user/profile")
PROTOCOL = {route for route in CALLS if route[1].startswith(("/oauth2/", "/api/oauth2/", "/.well-known/"))} & {
    route for route, access in ROUTES.items() if access.takes_forms
}
# What the protocol refuses without asking anybody: no form, no token, nobody at the browser.
ANSWERED_AT_ONCE = {route for route in PROTOCOL if route[0] == "POST" or route[1].endswith(("/consent", "/userinfo"))}
WITH_BODY = [route for route, call in CALLS.items() if call.body is not None]
JSON = {"Content-Type": "application/json"}
HOSTILE: list[tuple[str, dict[str, str], bytes]] = [
    ("broken", JSON, b'{"a":'),
    ("empty", JSON, b""),
    ("no object", JSON, b"[]"),
    ("text", JSON, b'"x"'),
    ("NaN", JSON, b'{"a": NaN}'),
    ("deep", JSON, b"[" * 100_000 + b"]" * 100_000),
    ("many", JSON, b'{"a": [' + b"0," * 200_000 + b"0]}"),
    ("double keys", JSON, b'{"messages": 1, "messages": 2, "name": [], "name": {}}'),
    ("surrogate", JSON, b'{"name": "\\ud800"}'),
    ("NUL", JSON, b'{"name": "a\\u0000"}'),
    ("no UTF-8", JSON, b'{"name": "\xff\xfe"}'),
    ("gzip", {**JSON, "Content-Encoding": "gzip"}, b"\x1f\x8b\x08\x00"),
    ("form", {"Content-Type": "application/x-www-form-urlencoded"}, b"a=b"),
    ("no type", {"Content-Type": ""}, b"{}"),
    ("charset", {"Content-Type": "application/json; charset=utf-16"}, b"{}"),
]
ODD_VALUES: list[Any] = [None, True, -1, 2**63 - 1, 1e308, "", "x" * 5000, "\u202e<b>", [], [[]], {}, {"a": {"b": []}}]


@asynccontextmanager
async def admin_of(house: House) -> AsyncIterator[httpx2.AsyncClient]:
    """The admin by token, to whom every route is open."""
    async with house.browser() as client:
        tokens = await login(client, "admin", ADMIN_PASSWORD)
    async with house.browser(**bearer(tokens)) as client:
        yield client


def is_refusal(answer: httpx2.Response) -> bool:
    """A 4xx, or a business refusal, and never a fault."""
    return 400 <= answer.status_code < 500 or (answer.status_code == 200 and answer.json()["code"] != 200)


@pytest.mark.parametrize(("headers", "body"), [case[1:] for case in HOSTILE], ids=[case[0] for case in HOSTILE])
async def test_every_route_refuses_a_hostile_body_and_works_on(
    house: House, headers: dict[str, str], body: bytes
) -> None:
    async with admin_of(house) as admin:
        answers = {
            (method, path): await admin.request(method, filled(path, IDS), content=body, headers=headers)
            for method, path in WITH_BODY
            if (path not in OPTIONAL_BODY or body) and not (path in OPTIONAL_FIELDS and b"messages" in body)
        }
        assert [route for route, answer in answers.items() if not is_refusal(answer)] == []
        assert (await admin.get("/api/user/config")).json()["data"] == {"config": {}}


async def try_values(house: House, route: tuple[str, str], values: Callable[[int], list[Any]]) -> None:
    """Puts values, chosen by the place of a field, into one field after the other."""
    method, path = route
    # An agent or a provider that does not exist ends a chat before its run.
    body = {**filled(CALLS[route].body, IDS), "agent_id": IDS["agent_id"], "provider_id": IDS["provider_id"]}
    async with admin_of(house) as admin:
        for place, name in enumerate([*body, "session_id", "message_id", "prices", "system_context"]):
            for value in values(place):
                answer = await admin.request(method, filled(path, IDS), json={**body, name: value})
                assert answer.status_code < 500, (name, value, answer.text)


@pytest.mark.parametrize("route", WITH_BODY, ids=" ".join)
async def test_no_value_of_a_third_of_the_types_in_any_field_is_a_fault(house: House, route: tuple[str, str]) -> None:
    # Fields and routes take turns: a name that many routes know meets every type; the sweep tries all of them on each.
    first = WITH_BODY.index(route)
    await try_values(house, route, lambda place: ODD_VALUES[(first + place) % 3 :: 3])


@pytest.mark.slow
@pytest.mark.parametrize("route", WITH_BODY, ids=" ".join)
async def test_no_value_of_any_type_in_any_field_is_a_fault(house: House, route: tuple[str, str]) -> None:
    await try_values(house, route, lambda _: ODD_VALUES)


async def test_twenty_megabytes_are_refused_on_every_route_with_a_body(house: House) -> None:
    async with admin_of(house) as admin:
        large = b'"' + b"x" * (20 * 1024 * 1024) + b'"'
        for method, path in WITH_BODY:
            for lie in ({}, {"Content-Length": "2"}):
                answer = await admin.request(method, filled(path, IDS), content=large, headers={**JSON, **lie})
                assert (answer.status_code, answer.json()["error_detail"]) == (413, "body_too_large"), path


class Cellar:
    """A service in which everything breaks."""

    def __getattr__(self, name: str) -> NoReturn:
        raise RuntimeError("the secret of the cellar")


def publish_broken(services: Services, state: Any) -> None:
    """Puts a cellar in place of every service of a slice; who is calling is still found out."""
    Services.publish(services, state)
    found = {name: value for name, value in state._state.items() if type(value).__module__.startswith("clary.features")}
    assert len(found) > 8
    for name in found.keys() - {"authenticator"}:
        setattr(state, name, Cellar())


NEEDS_NO_SERVICE = {("GET", "/active"), ("GET", "/api/agent/template/default_system_prompt")}


async def test_a_fault_in_any_handler_is_500_without_its_text(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with house_in(tmp_path, cors_allowed_origins=(LISTED,)) as house, admin_of(house) as admin:
        with monkeypatch.context() as patched:
            patched.setattr(house.services, "publish", lambda state: publish_broken(house.services, state))
            broken = create_app(house.services.settings, house.services)
        broken_house = House(house.services, broken, house.clock)
        async with broken_house.browser(Authorization=admin.headers["authorization"], Origin=LISTED) as client:
            for route in ROUTES.keys() - NEEDS_NO_SERVICE - ANSWERED_AT_ONCE:
                answer = await send(client, route, IDS)
                told = answer.json()
                assert (answer.status_code, told["code"], told["error_detail"]) == (500, 500, "internal_error"), route
                assert told["request_id"] == answer.headers["x-request-id"]
                assert answer.headers["access-control-allow-origin"] in (LISTED, "*" if route in PROTOCOL else LISTED)
                assert "cellar" not in answer.text
                assert "RuntimeError" not in answer.text


@contextmanager
def away(database: Database) -> Iterator[None]:
    """While it lasts, the file of the database cannot be opened."""
    kept = dict(vars(database))
    vars(database).update(vars(Database("sqlite:////nowhere/at/all/clary.db")))
    try:
        yield
    finally:
        vars(database).update(kept)


NEEDS_NO_DATABASE = {
    ("GET", path)
    for path in (
        "/active", "/api/health", "/api/ready", "/api/system/info", "/api/auth/providers", "/api/user/auth-providers",
        "/api/agent/template/default_system_prompt",
    )
}  # fmt: skip
REFUSED_BEFORE = {("POST", "/api/oss/import_url"), ("POST", "/api/system/version/import_github")}
"""The address is refused, and there is no repository, before the database is asked."""
NEEDS_ITS_CALLER = {("GET", "/tasks/preview"), ("GET", "/api/tasks/preview")}
"""Nothing but the caller, whom a process remembers for a second."""


async def test_while_the_database_is_away_every_route_answers_503_in_time(house: House) -> None:
    async with admin_of(house) as admin:
        await admin.get("/api/auth/session")
        begun = time.monotonic()
        with away(house.services.database):
            closed = UPSTREAM | {route for route in ROUTES if "/register" in route[1]}
            gate = {route for route in ROUTES if "/jaeger" in route[1]} | {("GET", "/metrics")}
            documents = gate | closed | {route for route in PROTOCOL if not route[1].endswith("/authorize")}
            for route in ROUTES.keys() - NEEDS_NO_DATABASE - REFUSED_BEFORE - NEEDS_ITS_CALLER - documents - {ENDLESS}:
                answer = await send(admin, route, UNKNOWN)
                told = answer.json()
                assert (answer.status_code, told["code"], told["error_detail"]) == (503, 503, "unavailable"), route
                assert answer.headers["retry-after"] == "5"
            for route in NEEDS_NO_DATABASE - {("GET", "/api/ready"), ("GET", "/api/system/info")}:
                assert (await send(admin, route, IDS)).status_code == 200, route
            ready = await admin.get("/api/ready")
        assert (ready.status_code, ready.json()["error_detail"]) == (503, "not_ready")
        assert time.monotonic() - begun < 10
        assert (await admin.get("/api/auth/session")).status_code == 200


NAMES_ANEW = {("PUT", "/api/mcp/{server_name}")}
"""Its body holds the name too, which is given and not looked up."""


async def test_an_id_that_is_longer_than_any_answers_like_an_unknown_one(house: House) -> None:
    too_long = {name: "x" * 1000 for name in UNKNOWN if name != "provider_url"}
    async with admin_of(house) as admin:
        for route in CALLS.keys() - NAMES_ANEW:
            if not CALLS[route].owned:
                continue
            unknown, long = [await send(admin, route, {**IDS, **ids}) for ids in ({}, too_long)]
            assert long.status_code == unknown.status_code, (route, long.text)
            assert not long.content or long.json().get("error_detail") == unknown.json().get("error_detail"), route


@pytest.mark.parametrize(
    ("path", "names"),
    [
        ("/api/tasks", ("status", "agent_id", "user_id")),
        ("/api/usage", ("user_id", "agent_id", "session_id", "run_id", "key_id", "model", "step_name")),
        ("/api/runs", ("user_id", "agent_id", "session_id", "status")),
        ("/api/oss/objects", ("user_id",)),
        ("/api/audit", ("user_id", "action", "object_type", "object_id", "address")),
    ],
)
async def test_a_filter_that_is_longer_than_any_value_finds_nothing(
    house: House, path: str, names: tuple[str, ...]
) -> None:
    async with admin_of(house) as admin:
        for name in names:
            found = (await admin.get(path, params={name: "x" * 1000})).json()
            assert (found["code"], found["data"]["items"]) == (200, []), (name, found)


async def test_statistics_of_an_id_that_is_longer_than_any_are_empty(house: House) -> None:
    body = {"dimension": "agent", "start_date": "2026-01-01", "end_date": "2026-01-02"}
    async with admin_of(house) as admin:
        for name in ("user_id", "agent_id", "session_id", "request_source"):
            found = (await admin.post("/api/token-usage/stats", json={**body, name: "x" * 1000})).json()
            assert (found["code"], found["data"]["items"]) == (200, [])
            used = (await admin.post("/api/system/agent/usage-stats", json={"days": 7, name: "x" * 1000})).json()
            assert (used["code"], used["data"]) == (200, {"usage": {}})
