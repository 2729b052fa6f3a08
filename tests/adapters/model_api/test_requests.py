"""What goes out: names, messages, parameters, and what a refusal changes."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clary.adapters.model_api import ModelApiConfig, verify_connection, verify_image, verify_schema
from clary.adapters.model_api.request_body import INTERRUPTED, RequestDraft, map_names, wire_messages
from clary.adapters.model_api.thinking import resolve_style, thinking_parameters, token_limit_name, wants_reasoning_back
from clary.adapters.model_api.tool_schemas import clean_schema
from clary.adapters.scripted_provider import Attempts, Fault, Say
from clary.runtime.messages import (
    AssistantMessage,
    ImagePart,
    SystemMessage,
    TextPart,
    ToolCall,
    ToolMessage,
    ToolSpec,
    UserMessage,
)
from clary.runtime.model import ModelRequest, Thinking

pytestmark = pytest.mark.anyio

STYLES = [
    ("api.openai.com", "gpt-5.1", "reasoning_effort"),
    ("api.openai.com", "o3-mini", "reasoning_effort"),
    ("api.openai.com", "gpt-5-chat-latest", "none"),
    ("api.openai.com", "gpt-4o", "none"),
    ("me.openai.azure.com", "gpt-5", "reasoning_effort"),
    ("evil-api.openai.com.example.org", "gpt-5", "none"),
    ("notapi.openai.com", "gpt-5", "none"),
    ("generativelanguage.googleapis.com", "gemini-2.5-pro", "reasoning_effort"),
    ("api.groq.com", "openai/gpt-oss-120b", "reasoning_effort"),
    ("dashscope.aliyuncs.com", "qwen3-32b", "enable_thinking"),
    ("dashscope.aliyuncs.com", "qwen3-coder-plus", "none"),
    ("dashscope.aliyuncs.com", "Qwen-Plus", "enable_thinking"),
    ("api.siliconflow.cn", "Qwen/Qwen3-8B", "enable_thinking"),
    ("api.siliconflow.cn", "deepseek-ai/DeepSeek-R1", "none"),
    ("open.bigmodel.cn", "glm-4.6", "thinking_object"),
    ("ark.cn-beijing.volces.com", "doubao-seed-1-6", "thinking_object"),
    ("api.deepseek.com", "deepseek-chat", "thinking_object"),
    ("api.moonshot.cn", "kimi-k2.5", "thinking_object"),
    ("api.moonshot.cn", "kimi-k2-thinking", "none"),
    ("127.0.0.1", "gpt-5", "none"),
    ("", "", "none"),
]


@pytest.mark.parametrize(("host", "model", "style"), STYLES)
def test_the_form_of_thinking_goes_by_host_and_model(host, model, style):
    assert resolve_style("auto", host, model) == style
    assert resolve_style("enable_thinking", host, model) == "enable_thinking"


WISHES = [
    ("none", "m", Thinking(True, "high"), {}),
    ("reasoning_effort", "m", Thinking(), {}),
    ("reasoning_effort", "m", Thinking(True), {"reasoning_effort": "high"}),
    ("reasoning_effort", "m", Thinking(None, "minimal"), {"reasoning_effort": "low"}),
    ("reasoning_effort", "gpt-5", Thinking(None, "minimal"), {"reasoning_effort": "minimal"}),
    ("reasoning_effort", "m", Thinking(True, "max"), {"reasoning_effort": "high"}),
    ("reasoning_effort", "gpt-5.2", Thinking(True, "max"), {"reasoning_effort": "xhigh"}),
    ("reasoning_effort", "gpt-5.1", Thinking(False), {"reasoning_effort": "none"}),
    ("reasoning_effort", "o3", Thinking(False), {"reasoning_effort": "low"}),
    ("enable_thinking", "m", Thinking(True), {"enable_thinking": True}),
    ("enable_thinking", "m", Thinking(False, "high"), {"enable_thinking": False}),
    ("thinking_object", "m", Thinking(None, "low"), {"thinking": {"type": "enabled"}}),
    ("thinking_object", "m", Thinking(False), {"thinking": {"type": "disabled"}}),
]


@pytest.mark.parametrize(("style", "model", "wish", "parameters"), WISHES)
def test_a_wish_becomes_the_documented_parameter(style, model, wish, parameters):
    assert thinking_parameters(style, model, wish) == parameters


def test_limits_and_reasoning_by_model():
    assert token_limit_name("api.openai.com", "gpt-5") == "max_completion_tokens"
    assert token_limit_name("api.openai.com", "gpt-4o") == "max_tokens"
    assert wants_reasoning_back("deepseek-reasoner")
    assert not wants_reasoning_back("gpt-5")


@given(st.lists(st.text(max_size=80)))
def test_every_name_becomes_one_that_providers_take_and_its_own(names):
    mapped = map_names(names)
    assert set(mapped) == set(names)
    assert len(set(mapped.values())) == len(mapped)
    assert all(wire and len(wire) <= 64 and wire.isascii() for wire in mapped.values())
    assert all(mapped[name] == name for name in names if name.isascii() and name.isalnum() and len(name) <= 64)


def test_names_that_differ_in_a_dot_stay_apart_and_stable():
    first, second = map_names(["a.b", "a_b"]), map_names(["a_b", "a.b", "a-b"])
    assert first["a_b"] == "a_b"
    assert first["a.b"] == second["a.b"]
    assert first["a.b"].startswith("a_b_")


CALL_IDS = st.sampled_from(["c1", "c2", "c3"])
MESSAGES = st.lists(
    st.one_of(
        st.builds(SystemMessage, st.just("s")),
        st.builds(UserMessage, st.just("u")),
        st.builds(
            AssistantMessage,
            st.sampled_from(["", "text"]),
            st.lists(st.builds(ToolCall, CALL_IDS, st.just("t"), st.sampled_from(["{}", "", "{broken"]))).map(tuple),
        ),
        st.builds(ToolMessage, CALL_IDS, st.sampled_from(["r1", "r2"])),
    ),
    max_size=12,
)


@settings(max_examples=300)
@given(MESSAGES)
def test_every_call_is_followed_by_exactly_one_result(messages):
    wire = wire_messages(messages, {"t": "t"})
    position = 0
    while position < len(wire):
        calls = wire[position].get("tool_calls", [])
        results = wire[position + 1 : position + 1 + len(calls)]
        assert [each.get("tool_call_id") for each in results] == [call["id"] for call in calls]
        assert len({call["id"] for call in calls}) == len(calls)
        assert wire[position]["role"] != "tool"
        position += 1 + len(calls)


def test_results_are_found_behind_other_messages_and_missing_ones_are_filled():
    calls = (ToolCall("a", "x.y", '{"n": 1}'), ToolCall("b", "x.y", "{broken"), ToolCall("c", "x.y", " "))
    messages = [
        ToolMessage("z", "orphan"),
        AssistantMessage("", calls, "thought"),
        UserMessage("wait"),
        ToolMessage("b", "found"),
        ToolMessage("b", "twice"),
        AssistantMessage("end"),
        ToolMessage("a", "too late"),
    ]
    wire = wire_messages(messages, {"x.y": "x_y"})
    assert [(each["role"], each["content"]) for each in wire] == [
        ("assistant", None),
        ("tool", INTERRUPTED),
        ("tool", "found"),
        ("tool", INTERRUPTED),
        ("user", "wait"),
        ("assistant", "end"),
    ]
    functions = [call["function"] for call in wire[0]["tool_calls"]]
    assert [each["arguments"] for each in functions] == ['{"n": 1}', '{"_raw":"{broken"}', "{}"]
    assert {each["name"] for each in functions} == {"x_y"}
    assert "reasoning_content" not in wire[0]


def test_reasoning_goes_back_only_within_the_last_round_of_who_demands_it():
    old, new = AssistantMessage("", (ToolCall("a", "t", "{}"),), "old"), AssistantMessage("x", (), "new")
    round_now = AssistantMessage("", (ToolCall("b", "t", "{}"),), "now")
    wire = wire_messages([old, UserMessage("u"), round_now, new], {"t": "t"}, with_reasoning=True)
    assert [each["reasoning_content"] for each in wire if "reasoning_content" in each] == ["now"]


async def test_nothing_but_the_asked_for_is_sent(bench):
    table = await bench(Say("x"))
    image = UserMessage((TextPart("look"), ImagePart("data:image/png;base64,AAAA")))
    await table.ask(request=ModelRequest([SystemMessage("s"), image], temperature=0.0, max_tokens=5))
    request = table.requests[0]
    assert request.body == {
        "model": "scripted",
        "messages": [
            {"role": "system", "content": "s"},
            {
                "role": "user",
                "content": [
                    {"type": "text", "text": "look"},
                    {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}},
                ],
            },
        ],
        "stream": True,
        "stream_options": {"include_usage": True},
        "temperature": 0.0,
        "max_tokens": 5,
    }
    assert request.headers["authorization"] == "Bearer sk-secret-0123456789"
    assert request.headers["accept-encoding"] == "identity"


async def test_lone_surrogates_and_huge_integers_can_be_sent(bench):
    table = await bench(Say("x"))
    tool = ToolSpec("t", "", {"type": "object", "properties": {"n": {"maximum": 10**30}}})
    items, error = await table.ask(request=ModelRequest([UserMessage("a\ud83d")], [tool]))
    assert error is None
    assert items[0].text == "x"


REFUSALS = [
    ({"error": {"message": "Unsupported parameter: 'temperature'", "param": "temperature"}}, "temperature", None),
    ({"error": {"message": "Unknown field stream_options"}}, "stream_options", None),
    ({"detail": [{"loc": ["body", "top_p"], "msg": "not permitted"}]}, "top_p", None),
    (
        {"error": {"message": "'max_tokens' is not supported. Use 'max_completion_tokens' instead."}},
        "max_tokens",
        "max_completion_tokens",
    ),
]


@pytest.mark.parametrize(("body", "parameter", "successor"), REFUSALS, ids=[row[1] for row in REFUSALS])
async def test_a_refused_parameter_is_left_out_now_and_later(bench, body, parameter, successor):
    table = await bench(Attempts([Fault("status", status=400, body=body), Say("Yes.")]))
    client = table.client()
    request = ModelRequest([UserMessage("Hello")], max_tokens=9, temperature=0.5, top_p=0.5)
    _, error = await table.ask(client, request)
    await table.ask(client, request)
    sent = [each.body for each in table.requests]
    assert (error, table.clock.waits) == (None, [0.0])
    assert [parameter in each for each in sent] == [True, False, False]
    if successor:
        assert [each.get(successor) for each in sent] == [None, 9, 9]


async def test_a_parameter_that_was_not_sent_is_not_tried_again(bench):
    table = await bench(Fault("status", status=400, body={"error": {"message": "bad temperature"}}))
    _, error = await table.ask()
    assert (error.kind, len(table.requests)) == ("provider_error", 1)


def test_equal_requests_are_equal_bytes_and_schemas_are_objects():
    config = ModelApiConfig("http://127.0.0.1:1/v1", "k", "m", supports_structured_output=True)
    request = ModelRequest([UserMessage("x")], [ToolSpec("t", "", {})], response_schema={"type": "object"})
    assert RequestDraft(request, config).payload() == RequestDraft(request, config).payload()
    assert RequestDraft(request, config).body["response_format"]["json_schema"]["schema"] == {"type": "object"}
    assert clean_schema({"properties": None, "x": 1}) == {"type": "object", "properties": {}, "x": 1}


def test_types_are_called_what_every_provider_calls_them():
    odd = {
        "type": "dict",
        "required": 5,
        "properties": {
            "type": {"type": "String", "enum": ["dict"]},
            "at": {"type": "tuple", "items": {"type": "float"}},
            "any": {"type": "any", "description": "d"},
            "many": {"type": ["int", "long", "None", 5]},
            "deep": {"anyOf": [{"type": "bool"}, {"$ref": "#/$defs/x"}], "additionalProperties": {"type": "str"}},
            "yes": True,
        },
        "$defs": {"x": {"type": "list", "items": [{"type": "INTEGER"}, {"type": 7}]}},
    }
    assert clean_schema(odd) == {
        "type": "object",
        "properties": {
            "type": {"type": "string", "enum": ["dict"]},
            "at": {"type": "array", "items": {"type": "number"}},
            "any": {"description": "d"},
            "many": {"type": ["integer", "null"]},
            "deep": {"anyOf": [{"type": "boolean"}, {"$ref": "#/$defs/x"}], "additionalProperties": {"type": "string"}},
            "yes": True,
        },
        "$defs": {"x": {"type": "array", "items": [{"type": "integer"}, {}]}},
    }


@pytest.mark.parametrize(
    "url", ["https://other.example/v1", "http://api.example/v1", "https://api.example:444/v1", "x"]
)
def test_a_key_goes_only_to_the_origin_it_was_saved_for(url):
    with pytest.raises(ValueError) as caught:
        ModelApiConfig(url, "sk-secret", "m", key_origin="https://api.example")
    assert "secret" not in str(caught.value) + repr(ModelApiConfig("https://api.example/v1", "sk-secret", "m"))


async def test_probes_tell_what_a_provider_can(bench):
    table = await bench(Say("Deep RED sk-secret-0123456789 " + "x" * 900))
    config = ModelApiConfig(table.provider.url, "sk-secret-0123456789", "m")
    connection = await verify_connection(config, table.session)
    image = await verify_image(config, table.session)
    schema = await verify_schema(config, table.session)
    assert (connection.supported, len(connection.response), "secret" in connection.response) == (True, 500, False)
    assert (image.supported, image.recognized, schema.supported, schema.parsed) == (True, True, False, None)
    assert table.requests[0].body["max_tokens"] == 5
    days = await bench(Say(' {"days": 7}\n'))
    found = await verify_schema(ModelApiConfig(days.provider.url, "", "m"), days.session)
    assert (found.supported, found.parsed) == (True, {"days": 7})
    assert "authorization" not in days.requests[0].headers


async def test_probes_do_not_retry_and_do_not_wait_longer_than_told(bench):
    refused = await bench(Fault("status", status=500))
    silent = await bench(Fault("no_answer"))
    config = ModelApiConfig(refused.provider.url, "k", "m")
    assert (await verify_connection(config, refused.session)).failure == "provider_error"
    slow = await verify_image(ModelApiConfig(silent.provider.url, "k", "m"), silent.session, seconds=0.2)
    assert (slow.failure, len(refused.requests)) == ("provider_timeout", 1)
