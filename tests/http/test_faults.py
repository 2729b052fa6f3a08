"""Faults, unknown routes, odd methods: every answer keeps envelope and headers (platform.md 1.1, abuse case A2)."""

import re
from typing import Any

import pytest
import structlog

from support.house import House, login

pytestmark = pytest.mark.anyio

EVERYWHERE = {
    "x-content-type-options": "nosniff",
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
    "cache-control": "no-store",
}


async def test_a_fault_in_a_handler_is_an_envelope_that_tells_nothing(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fault() -> None:
        raise RuntimeError("the secret of the cellar")

    monkeypatch.setattr(house.services.system, "health", fault)
    async with house.browser() as client:
        answer = await client.get("/api/health")
    body = answer.json()
    assert (answer.status_code, body["code"], body["error_detail"]) == (500, 500, "internal_error")
    assert body["request_id"] == answer.headers["x-request-id"]
    assert "cellar" not in answer.text
    assert EVERYWHERE.items() <= answer.headers.items()


@pytest.mark.parametrize(
    ("method", "path", "status", "slug"),
    [
        ("GET", "/api/nothing", 404, "route_not_found"),
        ("GET", "/api/health/", 404, "route_not_found"),
        ("PATCH", "/api/health", 405, "method_not_allowed"),
        ("BREW", "/api/health", 405, "method_not_allowed"),
        ("GET", "/api/auth/session", 401, "unauthenticated"),
    ],
)
async def test_refusals_of_every_layer_carry_envelope_and_headers(
    house: House, method: str, path: str, status: int, slug: str
) -> None:
    async with house.browser() as client:
        answer = await client.request(method, path)
    body = answer.json()
    assert (answer.status_code, body["code"], body["error_detail"]) == (status, status, slug)
    assert set(body) == {"code", "message", "data", "error_detail", "timestamp", "request_id"}
    assert EVERYWHERE.items() <= answer.headers.items()


async def test_a_wrong_method_names_every_right_one(house: House) -> None:
    async with house.browser() as client:
        answer = await client.request("PATCH", "/api/user/config")
    assert set(answer.headers["allow"].split(", ")) == {"GET", "HEAD", "POST"}


async def test_head_follows_get_without_a_body(house: House) -> None:
    async with house.browser() as client:
        get, head = await client.get("/api/health"), await client.head("/api/health")
    assert (head.status_code, head.headers["content-type"]) == (200, get.headers["content-type"])


async def test_every_route_refuses_an_anonymous_head_as_its_get(house: House) -> None:
    async with house.browser() as client:
        answer = await client.head("/api/user/config")
    assert answer.status_code == 401


@pytest.mark.parametrize(
    ("accept", "is_problem"),
    [
        ("Application/Problem+JSON", True),
        ("text/html, application/problem+json;q=0.1", True),
        ("application/problem+json;q=0", False),
        ("application/problem+json; q=0.000, */*", False),
        ("application/problem+jsonx", False),
    ],
)
async def test_problem_json_is_given_to_those_who_take_it(house: House, accept: str, is_problem: bool) -> None:
    async with house.browser() as client:
        answer = await client.get("/api/nothing", headers={"Accept": accept})
    assert (answer.headers["content-type"] == "application/problem+json") is is_problem


async def test_english_and_problem_json_are_given_when_asked_for(house: House) -> None:
    async with house.browser() as client:
        answer = await client.get(
            "/api/nothing", headers={"Accept": "application/problem+json", "Accept-Language": "fr, en-GB;q=0.5"}
        )
    body = answer.json()
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["content-language"] == "en-US"
    assert body == {
        "type": "urn:clary:problem:route_not_found",
        "title": "No such endpoint",
        "status": 404,
        "detail": "No such endpoint",
        "instance": "/api/nothing",
        "code": "route_not_found",
        "request_id": answer.headers["x-request-id"],
    }


async def test_a_request_id_is_kept_from_a_forwarding_proxy_only(house: House) -> None:
    wanted = {"X-Request-Id": "abcdefgh-1234"}
    async with house.browser("127.0.0.1") as proxy, house.browser() as stranger:
        kept = await proxy.get("/api/health", headers=wanted)
        made = await stranger.get("/api/health", headers=wanted)
    assert kept.headers["x-request-id"] == "abcdefgh-1234"
    assert len(made.headers["x-request-id"]) == 32


TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
SPAN = "00f067aa0ba902b7"


@pytest.mark.parametrize(
    ("address", "sent", "is_kept"),
    [
        ("127.0.0.1", f"00-{TRACE}-{SPAN}-01", True),
        ("127.0.0.1", f"cc-{TRACE}-{SPAN}-00", True),
        ("203.0.113.7", f"00-{TRACE}-{SPAN}-01", False),
        ("127.0.0.1", f"ff-{TRACE}-{SPAN}-01", False),
        ("127.0.0.1", f"00-{TRACE.upper()}-{SPAN}-01", False),
        ("127.0.0.1", f"00-{'0' * 32}-{SPAN}-01", False),
        ("127.0.0.1", f"00-{TRACE}-{'0' * 16}-01", False),
        ("127.0.0.1", f"00-{TRACE}-{SPAN}", False),
        ("127.0.0.1", "", False),
    ],
)
async def test_a_trace_goes_on_from_a_forwarding_proxy_only(
    house: House, monkeypatch: pytest.MonkeyPatch, address: str, sent: str, is_kept: bool
) -> None:
    logged: dict[str, Any] = {}

    def health() -> dict[str, str]:
        logged.update(structlog.contextvars.get_contextvars())
        return {}

    monkeypatch.setattr(house.services.system, "health", health)
    async with house.browser(address) as client:
        answer = await client.get("/api/health", headers={"traceparent": sent})
    assert set(logged) == {"request_id", "trace_id"}
    assert logged["request_id"] == answer.headers["x-request-id"]
    assert (logged["trace_id"] == TRACE) is is_kept
    assert re.fullmatch("[0-9a-f]{32}", logged["trace_id"])


@pytest.mark.parametrize(
    ("body", "slug"),
    [
        (b'{"config": {"a": NaN}}', "invalid_json"),
        (b'{"config": ', "invalid_json"),
        (b'{"config": ' + b"[" * 200 + b"]" * 200 + b"}", "invalid_json"),
        (b'{"config": {"a": 18446744073709551616}}', "invalid_json"),
        (b'{"config": {"a": "\xff"}}', "invalid_json"),
        (b'{"config": {"a": "\\ud800"}}', "invalid_text"),
        (b'{"config": {"a": "\\u0000"}}', "invalid_text"),
        (b'{"config": "text"}', "validation_error"),
        (b"", "validation_error"),
    ],
)
async def test_bad_json_is_422_with_one_sentence_and_a_list(house: House, body: bytes, slug: str) -> None:
    async with house.browser() as client:
        await login(client, "admin", "First-Admin-4711")
        answer = await client.post(
            "/api/user/config", content=body, headers={"Content-Type": "application/json", "Sec-Fetch-Site": "none"}
        )
    told = answer.json()
    assert (answer.status_code, told["code"], told["error_detail"]) == (422, 422, slug), answer.text
    assert told["detail"] == told["errors"]
    assert all(set(entry) == {"type", "loc", "msg"} for entry in told["errors"])


async def test_size_and_type_of_a_body_are_judged_before_it_is_read(house: House) -> None:
    async with house.browser() as client:
        large = await client.post("/api/auth/login", content=b"x" * (1024 * 1024 + 1))
        text = await client.post("/api/auth/login", content=b"{}", headers={"Content-Type": "text/plain"})
        zipped = await client.post(
            "/api/auth/login",
            content=b"{}",
            headers={"Content-Type": "application/json", "Content-Encoding": "gzip"},
        )
    assert [answer.status_code for answer in (large, text, zipped)] == [413, 415, 415]


async def test_identity_is_judged_before_content_type(house: House) -> None:
    async with house.browser() as client:
        answer = await client.post("/api/user/config", content=b"a", headers={"Content-Type": "text/plain"})
    assert answer.status_code == 401


async def test_absent_markers_in_a_query_count_as_absent(house: House) -> None:
    async with house.browser() as client:
        await login(client, "admin", "First-Admin-4711")
        answer = await client.get(
            "/api/user/list?page=undefined&page_size=null&role=None&q=%5Bobject%20Object%5D&status="
        )
        refused = await client.get("/api/user/list?page=x")
    assert answer.json()["data"]["total"] == 1
    assert refused.status_code == 422


@pytest.mark.parametrize("path", ["/api/tasks", "/tasks"])
async def test_absent_markers_count_as_absent_on_every_path_of_an_endpoint(house: House, path: str) -> None:
    names = ("task_type", "status", "agent_id", "scheduled_after", "scheduled_before", "q", "user_id", "page")
    marks = ("undefined", "null", "None", "%5Bobject%20Object%5D", "")
    body = {"name": "n", "description": "d", "agent_id": "default_agent", "schedule": "@daily"}
    async with house.browser() as client:
        await login(client, "admin", "First-Admin-4711")
        task = (await client.post(path, json=body)).json()["data"]
        for mark in marks:
            listed = await client.get(f"{path}?{'&'.join(f'{name}={mark}' for name in names)}")
            assert [each["task_id"] for each in listed.json()["data"]["items"]] == [task["task_id"]]
            shown = await client.get(f"{path}/preview?schedule=@daily&timezone={mark}&n={mark}")
            assert len(shown.json()["data"]["next"]) == 5
            history = await client.get(f"{path}/{task['task_id']}/history?status={mark}&page={mark}")
            assert history.json()["code"] == 200


async def test_headers_over_32_kib_are_refused_in_the_envelope(house: House) -> None:
    async with house.browser() as client:
        answer = await client.get("/api/health", headers={"X-Long": "a" * 33_000})
    assert (answer.status_code, answer.json()["error_detail"]) == (431, "headers_too_large")
