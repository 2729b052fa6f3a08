"""One line in the log for each request (platform.md 12.3)."""

import pytest
import structlog

from features.chat.world import chat_in
from support.house import House, login

pytestmark = pytest.mark.anyio


async def test_a_request_is_one_line_without_path_query_or_secret(house: House) -> None:
    user_id = await house.make_user("alice")
    async with house.browser() as alice:
        await login(alice, "alice")
        with structlog.testing.capture_logs([structlog.contextvars.merge_contextvars]) as lines:
            answer = await alice.get(
                "/api/runs/some-secret-id?token=also-secret", headers={"X-Request-Id": "mine-12345"}
            )
    [line] = [line for line in lines if line["event"] == "request"]
    assert line.pop("duration_ms") >= 0
    assert len(line.pop("trace_id")) == 32
    assert line == {
        "event": "request",
        "log_level": "info",
        "request_id": answer.headers["x-request-id"],
        "user_id": user_id,
        "route": "/api/runs/{run_id}",
        "method": "GET",
        "status": 200,
    }
    assert "secret" not in str(lines)


async def test_what_machines_ask_all_the_time_is_told_on_level_debug(house: House) -> None:
    with structlog.testing.capture_logs() as lines:
        async with house.browser() as client:
            await client.get("/api/health")
            await client.get("/nowhere")
    told = [(line["route"], line["status"], line["log_level"]) for line in lines if line["event"] == "request"]
    assert told == [("/api/health", 200, "debug"), ("other", 404, "info")]


async def test_lines_of_a_run_name_it(tmp_path_factory: pytest.TempPathFactory) -> None:
    async with chat_in(tmp_path_factory.mktemp("run")) as chat:
        log = structlog.get_logger()
        heard: list[dict[str, object]] = []
        original = chat.house.services.execution.builder.build

        async def build(*args: object, **kwargs: object) -> object:
            heard.append(structlog.contextvars.get_contextvars())
            log.info("building")
            return await original(*args, **kwargs)  # pyright: ignore[reportArgumentType]

        chat.house.services.execution.builder.build = build  # pyright: ignore[reportAttributeAccessIssue]
        await chat.alice.say("[[play:plain]] go")
        [run] = await chat.alice.runs_of("s1")
    ids = {name: heard[0][name] for name in ("run_id", "session_id", "user_id", "trace_id")}
    assert ids == {
        "run_id": run["run_id"],
        "session_id": "s1",
        "user_id": chat.alice.user_id,
        "trace_id": str(run["run_id"]).replace("-", ""),
    }
