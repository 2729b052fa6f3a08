"""`/metrics`: who may read it, and what is counted (platform.md 12.2, 16.2 A36)."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import httpx2
import pytest
from prometheus_client.parser import text_string_to_metric_families

from clary.adapters.metrics import METRICS, Known, PrometheusMetrics
from clary.features.observability.ports import Gauge
from clary.kit.ids import new_hex
from features.chat.world import Chat, chat_in
from features.observability.conftest import SCRIPTS, TOOLS
from support.house import ADMIN_PASSWORD, House, bearer, house_in, login

pytestmark = pytest.mark.anyio
TOKEN = "metrics-token-0123456789"
NEAR, FAR = "127.0.0.1", "203.0.113.7"


@pytest.fixture
async def guarded(tmp_path: Path) -> AsyncIterator[House]:
    """A token, and this machine may read without one."""
    async with house_in(tmp_path, metrics_token=TOKEN, metrics_allow_ips=(NEAR,)) as built:
        yield built


async def status(house: House, address: str = FAR, **headers: str) -> int:
    given = {name.replace("_", "-"): value for name, value in headers.items()}
    async with house.browser(address) as reader:
        return (await reader.get("/metrics", headers=given)).status_code


async def test_listed_addresses_the_token_and_admins_may_read(guarded: House) -> None:
    assert await status(guarded, NEAR) == 200
    assert await status(guarded, Authorization=f"Bearer {TOKEN}") == 200
    async with guarded.browser(FAR) as admin:
        await login(admin, "admin", ADMIN_PASSWORD)
        answer = await admin.get("/metrics")
    assert (answer.status_code, answer.headers["content-type"]) == (200, "text/plain; version=0.0.4; charset=utf-8")


async def test_nobody_else_may(guarded: House) -> None:
    assert await status(guarded) == 401
    assert await status(guarded, Authorization=f"Bearer {TOKEN}x") == 401
    # Whoever comes through a proxy is not this machine, whatever is said about the address.
    for header in ("X_Forwarded_For", "X_Forwarded_Proto", "X_Forwarded_Host", "Forwarded"):
        assert await status(guarded, NEAR, **{header: NEAR}) == 401, header
    assert await status(guarded, FAR, X_Forwarded_For=NEAR) == 401
    await guarded.make_user("alice")
    async with guarded.browser() as alice:
        tokens = await login(alice, "alice")
        refused = await alice.get("/metrics")
        assert (refused.status_code, refused.json()["error_detail"]) == (403, "forbidden")
    assert await status(guarded, **bearer(tokens)) == 403


async def test_who_is_refused_hears_what_is_wrong_with_the_credential(guarded: House) -> None:
    await guarded.make_user("alice")
    async with guarded.browser(FAR) as client:
        tokens = await login(client, "alice")
    guarded.clock.move(days=1)
    async with guarded.browser(FAR, **{"Accept-Language": "en"}) as reader:
        said = [
            (await reader.get("/metrics", headers=credential)).json()["message"]
            for credential in ({}, {"Authorization": "Bearer nonsense"}, bearer(tokens))
        ]
    assert said == ["Not signed in", "Invalid token", "Login expired"]


async def test_a_token_of_any_length_opens_and_none_is_no_token(tmp_path: Path) -> None:
    async with house_in(tmp_path / "short", metrics_token="t") as house:
        assert [await status(house, Authorization=f"Bearer {each}") for each in ("t", "u", "")] == [200, 401, 401]
    async with house_in(tmp_path / "none", metrics_token="") as house:
        assert await status(house, Authorization="Bearer ") == 401


async def test_a_key_of_an_admin_needs_the_scope_admin(house: House) -> None:
    async with house.browser() as admin:
        await login(admin, "admin", ADMIN_PASSWORD)
        made = {
            name: (await admin.post("/api/user/keys", json={"name": name, "scopes": scopes})).json()["data"]["key"]
            for name, scopes in (("narrow", ["read"]), ("wide", ["read", "admin"]))
        }
    assert await status(house, Authorization=f"Bearer {made['narrow']}") == 403
    assert await status(house, Authorization=f"Bearer {made['wide']}") == 200


async def test_metrics_can_be_switched_off(tmp_path: Path) -> None:
    async with house_in(tmp_path, metrics=False, metrics_allow_ips=(NEAR,)) as house:
        assert await status(house, NEAR) == 404


async def test_readers_that_ask_for_openmetrics_get_it(guarded: House) -> None:
    async with guarded.browser(NEAR) as reader:
        answer = await reader.get("/metrics", headers={"Accept": "application/openmetrics-text; version=1.0.0"})
    assert answer.headers["content-type"].startswith("application/openmetrics-text; version=1.0.0")
    assert answer.text.endswith("# EOF\n")


async def samples(chat: Chat) -> dict[tuple[str, ...], float]:
    """(name, values of labels in their alphabetical order …) → value."""
    async with chat.house.browser(NEAR) as reader:
        text = (await reader.get("/metrics")).text
    return {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


async def test_what_happens_is_counted_without_ids_and_names(tmp_path: Path) -> None:
    async with chat_in(tmp_path, SCRIPTS, metrics_allow_ips=(NEAR,), currency="EUR") as chat:
        await chat.alice.say("[[play:look]] go", available_tools=TOOLS)
        await chat.alice.say("[[play:broken]] go", "s2")
        await asyncio.sleep(0)
        found = await samples(chat)
        async with chat.house.browser(NEAR) as reader:
            text = (await reader.get("/metrics")).text
    expected = {
        ("clary_ready",): 1,
        ("clary_runs_total", "answered", "completed"): 1,
        ("clary_runs_total", "model_error", "failed"): 1,
        ("clary_runs_active", "running"): 0,
        ("clary_model_calls_total", "other", "error"): 1,
        ("clary_model_tokens_total", "output", "other"): 400,
        ("clary_tool_calls_total", "ok", "list_dir"): 1,
        ("clary_tool_seconds_count", "todo_read"): 1,
        ("clary_logins_total", "password", "ok"): 2,
        ("clary_streams_open", "lines"): 0,
        ("clary_http_requests_total", "POST", "/api/web-stream", "200"): 2,
    }
    assert {key: found.get(key) for key in expected} == expected
    assert found["clary_model_calls_total", "other", "ok"] >= 2
    for name in ("clary_lines_total", "clary_log_commit_seconds_count", "clary_audit_entries_total"):
        assert found[name,] > 0, name
    assert found["clary_process_resident_memory_bytes",] > 10_000_000
    # Every metric of the contract is announced, also one that has not happened.
    assert {name for name in METRICS if f"# HELP {name}" not in text} == set()
    for secret in (chat.alice.user_id, "alice", "sk-chat", "s2", FAR):
        assert secret not in text


def test_labels_are_bounded_whatever_people_call_their_models() -> None:
    metrics = PrometheusMetrics(version="1", known=Known(models=("gpt-*",), tools=lambda: ["list_dir"]))
    for _ in range(500):
        metrics.count("clary_model_calls_total", 1, {"model": f"gpt-{new_hex(8)}", "outcome": "ok"})
        metrics.count("clary_model_calls_total", 1, {"model": new_hex(8), "outcome": "ok"})
        metrics.count("clary_tool_calls_total", 1, {"tool": f"srv_{new_hex(8)}", "outcome": "ok"})
    metrics.count("clary_tool_calls_total", 1, {"tool": "list_dir", "outcome": "ok"})
    body, _ = metrics._render("", [])  # pyright: ignore[reportPrivateUsage]
    names = [
        sample.labels
        for family in text_string_to_metric_families(body.decode())
        for sample in family.samples
        if sample.name in ("clary_model_calls_total", "clary_tool_calls_total")
    ]
    models = {labels["model"] for labels in names if "model" in labels}
    assert (len(models), "other" in models) == (200, True)
    assert {labels["tool"] for labels in names if "tool" in labels} == {"list_dir", "mcp"}


async def test_metrics_are_there_while_the_database_is_away(guarded: House) -> None:
    await guarded.services.database.close()
    async with guarded.browser(NEAR) as reader:
        answer: httpx2.Response = await reader.get("/metrics")
    assert answer.status_code == 200
    assert "clary_ready 0.0" in answer.text
    assert "clary_runs_active{" not in answer.text


async def test_a_gauge_that_nobody_has_a_value_for_any_more_is_gone() -> None:
    metrics = PrometheusMetrics(version="1", known=Known())
    gauges = [Gauge("clary_jobs", 3, ("mail", "pending")), Gauge("clary_jobs_oldest_seconds", 60, ("mail",))]
    first, _ = await metrics.render(accept="", gauges=gauges)
    second, _ = await metrics.render(accept="", gauges=[Gauge("clary_jobs", 1, ("mail", "running"))])
    assert [b"clary_jobs_oldest_seconds{" in text for text in (first, second)] == [True, False]
    assert [b'state="pending"' in text for text in (first, second)] == [True, False]
