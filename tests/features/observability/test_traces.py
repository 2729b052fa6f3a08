"""Traces, as a collector sees them (platform.md 12.3)."""

import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from clary.kit import traces
from features.chat.world import chat_in, until
from features.observability.conftest import SCRIPTS, TOOLS
from support.otlp import Collector, collector

pytestmark = pytest.mark.anyio


@pytest.fixture
async def sent() -> AsyncIterator[Collector]:
    """Nothing yet."""
    async with collector() as built:
        yield built


async def test_a_run_has_a_trace_of_its_own_linked_to_the_request(tmp_path: Path, sent: Collector) -> None:
    async with chat_in(tmp_path, SCRIPTS, otlp_endpoint=sent.url, otlp_headers={"x-tenant": "clary"}) as chat:
        await chat.alice.say("[[play:look]] go", available_tools=TOOLS)
        [run] = await chat.alice.runs_of("s1")
        [request] = await sent.until("POST /api/web-stream")
        [agent] = await sent.until("invoke_agent*")
        calls = await sent.until("chat m", 2)
        tools = await sent.until("execute_tool*", 2)
    assert agent.trace_id == run["run_id"].replace("-", "")
    assert (agent.parent_id, agent.links) == ("", [(request.trace_id, request.span_id)])
    assert {(span.trace_id, span.parent_id) for span in [*calls, *tools]} == {(agent.trace_id, agent.span_id)}
    expected = {
        "gen_ai.operation.name": "invoke_agent",
        "gen_ai.conversation.id": "s1",
        "clary.run_id": run["run_id"],
        "clary.root_run_id": run["run_id"],
        "clary.user_id": chat.alice.user_id,
    }
    assert {name: agent.attributes.get(name) for name in expected} == expected
    of_call = {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "openai",
        "gen_ai.request.model": "m",
        "gen_ai.response.model": "m",
        "gen_ai.usage.input_tokens": 1000,
        "gen_ai.usage.output_tokens": 200,
        "gen_ai.response.finish_reasons": ["tool_calls"],
        "clary.step": "direct_execution",
    }
    first = next(call for call in calls if call.attributes["gen_ai.response.finish_reasons"] == ["tool_calls"])
    assert {name: first.attributes.get(name) for name in of_call} == of_call
    assert {span.name: span.attributes["gen_ai.tool.call.id"] for span in tools} == {
        "execute_tool list_dir": "call_look",
        "execute_tool todo_read": "call_todo",
    }
    assert request.attributes["http.response.status_code"] == 200
    assert sent.headers[0]["x-tenant"] == "clary"


async def test_a_child_stands_below_the_call_that_started_it(tmp_path: Path, sent: Collector) -> None:
    async with chat_in(tmp_path, SCRIPTS, otlp_endpoint=sent.url) as chat:
        kid = {"agent_id": "kid", "name": "Kid", "description": "Helps."}
        await chat.alice.say("[[play:parent]] go", agent_mode="fibre", custom_sub_agents=[kid])
        runs = await sent.until("invoke_agent*", 2)
        [hand] = await sent.until("execute_tool sys_delegate_task")
    child = next(span for span in runs if span.attributes["gen_ai.agent.name"] == "Kid")
    assert (child.trace_id, child.parent_id) == (hand.trace_id, hand.span_id)


async def test_what_people_and_models_write_is_sent_only_if_that_is_wanted(tmp_path: Path, sent: Collector) -> None:
    secret = "a-very-secret-token-4711"
    for number, wanted in enumerate((False, True)):
        sent.spans.clear()
        values = {"otlp_endpoint": sent.url, "trace_content": wanted, "metrics_token": secret}
        async with chat_in(tmp_path / str(number), SCRIPTS, **values) as chat:
            await chat.alice.say(f"[[play:look]] tell nobody {secret} " + "x" * 20_000, available_tools=TOOLS)
            await sent.until("invoke_agent*")
        told = " ".join(str(value) for span in sent.spans for value in span.attributes.values())
        assert ("tell nobody" in told, "Looked." in told) == (wanted, wanted)
        assert secret not in told
        assert all(len(str(value)) <= 8192 for span in sent.spans for value in span.attributes.values())


async def test_a_failed_call_and_a_failed_run_say_why(tmp_path: Path, sent: Collector) -> None:
    async with chat_in(tmp_path, SCRIPTS, otlp_endpoint=sent.url) as chat:
        await chat.alice.say("[[play:broken]] go")
        [call] = await sent.until("chat m")
        [run] = await sent.until("invoke_agent*")
    assert [(span.is_error, span.attributes["error.type"]) for span in (call, run)] == [(True, "provider_auth")] * 2


async def test_a_proxys_trace_goes_on_and_a_strangers_does_not(tmp_path: Path, sent: Collector) -> None:
    parent = f"00-{'a' * 32}-{'b' * 16}-01"
    async with chat_in(tmp_path, otlp_endpoint=sent.url, forwarded_allow_ips=("127.0.0.1",)) as chat:
        for address in ("127.0.0.1", "203.0.113.9"):
            async with chat.house.browser(address) as client:
                await client.get("/api/health", headers={"traceparent": parent})
        first, second = await sent.until("GET /api/health", 2)
    assert (first.trace_id, first.parent_id) == ("a" * 32, "b" * 16)
    assert (second.trace_id == "a" * 32, second.parent_id) == (False, "")


async def test_a_trace_that_the_proxy_does_not_record_is_not_sent(tmp_path: Path, sent: Collector) -> None:
    async with chat_in(tmp_path, otlp_endpoint=sent.url, forwarded_allow_ips=("127.0.0.1",)) as chat:
        async with chat.house.browser("127.0.0.1") as client:
            for trace_id, flags in (("a" * 32, "00"), ("c" * 32, "03")):
                parent = f"00-{trace_id}-{'b' * 16}-{flags}"
                await client.get("/api/health", headers={"traceparent": parent})
        [only] = await sent.until("GET /api/health")
    assert (only.trace_id, only.parent_id) == ("c" * 32, "b" * 16)


async def test_sampling_leaves_traces_out(tmp_path: Path, sent: Collector) -> None:
    async with chat_in(tmp_path, otlp_endpoint=sent.url, trace_ratio=0.0) as chat:
        await chat.alice.say("[[play:plain]] go")
    assert sent.spans == []


async def test_a_collector_that_is_away_costs_nobody_anything(tmp_path: Path, sent: Collector) -> None:
    sent.status = 400
    async with chat_in(tmp_path, otlp_endpoint=sent.url, metrics_allow_ips=("127.0.0.1",)) as chat:
        await chat.alice.say("[[play:plain]] go")

        async def dropped() -> bool:
            async with chat.house.browser("127.0.0.1") as reader:
                return "clary_otlp_dropped_total 0.0" not in (await reader.get("/metrics")).text

        await until(dropped)


def test_the_sdk_is_loaded_only_where_there_is_an_endpoint() -> None:
    code = "import sys, clary.wiring; print(sorted(m for m in sys.modules if m.startswith('opentelemetry.sdk')))"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"


def test_without_a_listener_a_span_is_nothing() -> None:
    with traces.span("x") as span:
        span.content("never", lambda: 1 / 0 and "")
        assert (span, traces.current()) == (traces.NOTHING, traces.NOTHING)
