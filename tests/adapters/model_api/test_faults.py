"""Every fault a provider can have ends in the right kind after the right number of attempts, and never hangs."""

import traceback

import pytest
from anyio import fail_after, sleep

from clary.adapters.scripted_provider import Attempts, Fault, Form, Raw, Say, Tokens
from clary.runtime.model import AttemptLost, ModelDone, ModelFailedError, ModelRequest, TextDelta, Usage

pytestmark = pytest.mark.anyio

SECRET = "upstream-words at /srv/provider.py"


def status(code: int, message: str = SECRET, **headers: str) -> Fault:
    return Fault("status", status=code, body={"error": {"message": message}}, headers=headers)


def event(**error: object) -> Fault:
    return Fault("error_event", body={"error": {"message": SECRET, **error}})


FAULTS = [
    ("no answer", Fault("no_answer"), "provider_timeout", 3),
    ("silence after the head", Fault("stall"), "provider_timeout", 3),
    ("only keep-alives", Fault("stall", comment_seconds=0.03), "provider_timeout", 3),
    ("silence after text", Fault("stall", text="Half"), "provider_timeout", 3),
    ("keep-alives after text", Fault("stall", text="Half", comment_seconds=0.03), "provider_timeout", 3),
    ("reset", Fault("reset"), "provider_unreachable", 3),
    ("reset after text", Fault("reset", text="Half"), "provider_bad_response", 3),
    ("cut body", Fault("cut"), "provider_bad_response", 3),
    ("cut body after text", Fault("cut", text="Half"), "provider_bad_response", 3),
    ("ended without a finish", Say("Half", finish_reason=None, form=Form(done=False)), "provider_bad_response", 3),
    ("empty body", Raw(()), "provider_bad_response", 3),
    ("400", status(400), "provider_error", 1),
    ("400 context", status(400, "This model's maximum context length is 10 tokens"), "context_overflow", 1),
    ("400 filter", status(400, "content_filter"), "content_filter", 1),
    ("401", status(401), "provider_auth", 1),
    ("402", status(402), "provider_quota", 1),
    ("403", status(403), "provider_auth", 1),
    ("404", status(404), "model_not_found", 1),
    ("408", status(408), "provider_timeout", 3),
    ("413", status(413), "context_overflow", 1),
    ("422", status(422), "provider_error", 1),
    ("425", status(425), "provider_error", 3),
    ("429", status(429), "provider_rate_limit", 3),
    ("429 quota", status(429, "You exceeded your current quota"), "provider_quota", 1),
    ("500", status(500), "provider_error", 3),
    ("500 as a web page", Fault("status", status=502, body="<html>" + SECRET), "provider_error", 3),
    ("504", status(504), "provider_timeout", 3),
    ("529", status(529), "provider_error", 3),
    ("error event", event(), "provider_error", 3),
    ("error event with status", event(code=401), "provider_auth", 1),
    ("error event, rate", event(type="rate_limit_error"), "provider_rate_limit", 3),
    ("error event, caller", event(type="invalid_request_error"), "provider_error", 1),
    ("error event as text", Fault("error_event", body={"error": SECRET}), "provider_error", 3),
    ("error event after text", Fault("error_event", text="Half"), "provider_error", 3),
    ("web page", Fault("html"), "provider_bad_response", 1),
    ("web page as a stream", Raw((b"<!doctype html>\n<p>x</p>\n",)), "provider_bad_response", 1),
    ("redirect", Fault("redirect"), "provider_bad_response", 1),
    ("not HTTP", Fault("not_http"), "provider_bad_response", 3),
    ("50 MB in a chunk", Fault("huge_chunk"), "provider_bad_response", 1),
    ("broken JSON", Raw((b'data: {"choices": [\n\n',)), "provider_bad_response", 3),
    ("nested too deep", Raw((b"data: " + b"[" * 200_000 + b"\n\n",)), "provider_bad_response", 3),
    ("choices of another shape", Raw((b'data: {"choices": {"a": 1}}\n\n',)), "provider_bad_response", 1),
    ("a list of numbers", Raw((b"data: [1]\n\n",)), "provider_bad_response", 1),
    ("broke off by itself", Say("Half", finish_reason="insufficient_system_resource"), "provider_error", 3),
]


@pytest.mark.parametrize(("fault", "kind", "attempts"), [row[1:] for row in FAULTS], ids=[row[0] for row in FAULTS])
async def test_a_fault_is_told_by_its_kind(bench, fault, kind, attempts):
    table = await bench(fault)
    with fail_after(20):
        items, error = await table.ask()
    assert error is not None
    assert (error.kind, len(table.requests), len(table.clock.waits)) == (kind, attempts, attempts - 1)
    said = [item.text for item in items if isinstance(item, TextDelta)]
    lost = [item for item in items if isinstance(item, AttemptLost)]
    # Each text is a partial one of an attempt, and each such attempt but the last is announced as lost.
    assert set(said) <= {"Half", "half"}
    assert len(lost) == (attempts - 1 if said else 0)
    assert not any(isinstance(item, ModelDone) for item in items)


@pytest.mark.parametrize("fault", [row[1] for row in FAULTS], ids=[row[0] for row in FAULTS])
async def test_a_retry_begins_from_the_start(bench, fault):
    table = await bench(Attempts([fault, Say("The whole answer.", pieces=4)]))
    with fail_after(20):
        items, error = await table.ask()
    if error is not None:
        assert len(table.requests) == 1
        return
    begin = max((n for n, item in enumerate(items) if isinstance(item, AttemptLost)), default=-1)
    assert "".join(item.text for item in items[begin + 1 :] if isinstance(item, TextDelta)) == "The whole answer."
    assert isinstance(items[-1], ModelDone)


@pytest.mark.parametrize("fault", [row[1] for row in FAULTS], ids=[row[0] for row in FAULTS])
async def test_an_error_tells_nothing_of_the_provider(bench, fault):
    table = await bench(fault)
    with fail_after(20):
        _, error = await table.ask(table.client(attempts=1))
    assert error is not None
    shown = "".join(traceback.format_exception(error, chain=True, limit=0)) + repr(error) + str(error.args)
    seen: list[BaseException] = [error]
    while (further := seen[-1].__cause__ or seen[-1].__context__) is not None:
        seen.append(further)
    shown += "".join(repr(vars(each)) + repr(each) for each in seen)
    for secret in ("upstream-words", "provider.py", "sk-secret", str(table.provider.port), "127.0.0.1", "Portal"):
        assert secret not in shown


async def test_a_closed_port_is_unreachable(bench):
    table = await bench(Say("x"))
    await table.provider.__aexit__()
    with fail_after(5):
        items, error = await table.ask()
    assert (items, error.kind, len(table.clock.waits)) == ([], "provider_unreachable", 2)


async def test_a_blocked_address_is_unreachable_at_once(bench):
    table = await bench(Say("x"))
    client = table.client(base_url="http://169.254.169.254/v1")
    with fail_after(5):
        items, error = await table.ask(client)
    assert (items, error.kind, table.clock.waits) == ([], "provider_unreachable", [])


async def test_a_redirect_is_not_followed(bench):
    other = await bench(Say("x"))
    table = await bench(Fault("redirect", location=other.provider.url + "/chat/completions"))
    _, error = await table.ask()
    assert (error.kind, other.requests) == ("provider_bad_response", [])


RETRY_AFTER = [
    ("7", 7.0),
    (" 7 ", 7.0),
    ("2.5", 2.5),
    ("60", 60.0),
    ("61", 1.0),
    ("0", 1.0),
    ("-5", 1.0),
    ("", 1.0),
    ("soon", 1.0),
    ("1e3", 1.0),
    ("nan", 1.0),
    ("9" * 5000, 1.0),
    ("Tue, 14 Nov 2023 22:13:50 GMT", 30.0),
    ("Tue, 14 Nov 2023 22:13:50", 30.0),
    ("Tue, 14 Nov 2000 22:13:50 GMT", 1.0),
    ("Tue, 99 Nov 2023 22:13:50 GMT", 1.0),
]


@pytest.mark.parametrize(("header", "wait"), RETRY_AFTER, ids=[row[0][:30] or "empty" for row in RETRY_AFTER])
async def test_retry_after_is_honoured_up_to_a_minute(bench, header, wait):
    table = await bench(Attempts([status(429, **{"Retry-After": header}), Say("Yes.")]))
    with fail_after(5):
        items, error = await table.ask()
    assert (error, table.clock.waits) == (None, [wait])
    assert items[0] == TextDelta("Yes.")


async def test_waits_double_over_six_attempts(bench):
    table = await bench(status(500))
    _, error = await table.ask(table.client(attempts=6))
    assert (error.kind, error.retryable, table.clock.waits) == ("provider_error", True, [1, 2, 4, 8, 16])


async def test_all_attempts_together_have_a_time_limit(bench):
    table = await bench(status(500))
    _, error = await table.ask(table.client(attempts=6, total_seconds=10))
    assert (error.kind, table.clock.waits, len(table.requests)) == ("provider_error", [1, 2, 4], 4)


async def test_tokens_of_lost_attempts_are_told(bench):
    lost = Say("Half", finish_reason="error", usage=None, delay_seconds=0.02)
    first = Raw((b'data: {"usage": {"prompt_tokens": 3, "completion_tokens": 1}, "error": {"message": "x"}}\n\n',))
    table = await bench(Attempts([first, lost, Say("Yes.", usage=Tokens(10, 5))]))
    items, _ = await table.ask()
    assert items == [
        TextDelta("Half"),
        AttemptLost("provider_error", Usage(3, 1)),
        TextDelta("Yes."),
        ModelDone("stop", (), Usage(10, 5)),
    ]


FINISHED = b'data: {"choices": [{"delta": {"content": "Yes."}, "finish_reason": "stop"}]}\n\n'


async def test_an_answer_kept_open_after_its_finish_ends_without_usage(bench):
    table = await bench(Raw((FINISHED, *(b"",) * 50), delay_seconds=0.09))
    with fail_after(5):
        assert await table.ask(table.client(attempts=1)) == ([TextDelta("Yes."), ModelDone("stop")], None)
        await table.requests[0].client_left.wait()


async def test_a_slow_reader_of_the_items_is_no_silence_of_the_provider(bench):
    table = await bench(Say("One two three four", pieces=4, form=Form(comments=True)))
    items = []
    async for item in table.client(attempts=1).stream(ModelRequest([])):
        items.append(item)
        await sleep(0.3)
    assert "".join(item.text for item in items if isinstance(item, TextDelta)) == "One two three four"


def test_a_failure_names_only_its_kind():
    error = ModelFailedError("provider_auth")
    assert (str(error), error.args) == ("provider_auth", ("provider_auth",))
