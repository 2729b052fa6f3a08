"""Conversations with tools, told by what goes where: calls in order, arguments byte by byte, one result for each call.

Stream-runtime.md 4.5, 9.5, 9.15 and product.md 6.2: whatever a provider is sent holds to its rules, and whatever a tool
is sent is what the model wrote.
"""

import json
import re
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from anyio import fail_after

from clary.adapters.scripted_provider import Call, CallTools, Say, Step
from features.chat.world import Chat, Lines, chat_in, end_of
from support.mcp_servers import Stranger, stranger

pytestmark = pytest.mark.anyio
Json = dict[str, Any]
TYPES = {"object", "array", "string", "number", "integer", "boolean", "null"}


def function(name: str, required: Sequence[str] = (), **properties: Any) -> Json:
    """A tool of the server."""
    schema: Json = {"type": "object", "properties": properties}
    if required:
        schema["required"] = list(required)
    return {"name": name, "description": f"Does {name}.", "inputSchema": schema, "annotations": {"readOnlyHint": True}}


NUMBER, TEXT = {"type": "number"}, {"type": "string"}
FLIGHTS = [
    function("find_flights", ["origin", "to"], origin=TEXT, to=TEXT, day={"type": "string"}),
    function("book", ["flight"], flight=TEXT, seats={"type": "integer"}, extras={"type": "array", "items": TEXT}),
    function("math.sum.v2", ["values"], values={"type": "tuple", "items": {"type": "float"}}),
    function("odd", a={"type": "dict", "properties": {"x": {"type": "String"}}}, b={"type": "any"}, c={"type": "bool"}),
    function("weather", ["city"], city=TEXT),
]
SUM = "shop__math_sum_v2"
ODDLY_WRITTEN = '{ "city":"M\\u00fcnchen 🌧\u200f",\n  "extra" : [1.0, 1e2, -0]}'


@dataclass(frozen=True)
class Case:
    """What the model says, turn by turn; what the server must be sent; what kinds of results come back."""

    turns: Sequence[Sequence[Step]]
    sent: Sequence[tuple[str, Json]]
    kinds: Sequence[str] = ()
    written: Sequence[str] = field(default_factory=tuple)
    in_order: bool = True
    """Calls of one response that only read may reach the server in any order."""


def calls(*listed: Call, **more: Any) -> CallTools:
    """One response."""
    return CallTools(list(listed), **more)


FIND = Call("find_flights", {"origin": "Wien", "to": "東京"}, id="call_find")
BOOK = Call("book", {"flight": "OS 51", "seats": 2, "extras": ["window", "🍜"]}, id="call_book")
CASES: dict[str, Case] = {
    "one after the other": Case(
        [[calls(FIND), calls(BOOK), Say("Booked.")]],
        [
            ("find_flights", {"origin": "Wien", "to": "東京"}),
            ("book", {"flight": "OS 51", "seats": 2, "extras": ["window", "🍜"]}),
        ],
    ),
    "side by side": Case(
        [[calls(*(Call("weather", {"city": f"city {n}"}) for n in range(12))), Say("All dry.")]],
        [("weather", {"city": f"city {n}"}) for n in range(12)],
        in_order=False,
    ),
    "the same call twice in one response": Case(
        [[calls(*(Call("weather", {"city": "Rome"}, id=call_id) for call_id in ("one", "two"))), Say("Dry.")]],
        [("weather", {"city": "Rome"})] * 2,
    ),
    "over several turns": Case(
        [
            [calls(FIND), Say("There is one.")],
            [Say("Which seat?")],
            [calls(Call("book", {"flight": "OS 51"}, id="call_find")), Say("Booked.")],
        ],
        [("find_flights", {"origin": "Wien", "to": "東京"}), ("book", {"flight": "OS 51"})],
    ),
    "a name with dots and types of another language": Case(
        [
            [
                calls(
                    Call(SUM, {"values": [1, 2.5, -3e2]}),
                ),
                calls(Call("odd", {"a": {"x": "y"}, "b": None, "c": True})),
                Say("Summed."),
            ]
        ],
        [("math.sum.v2", {"values": [1, 2.5, -3e2]}), ("odd", {"a": {"x": "y"}, "b": None, "c": True})],
    ),
    "arguments as oddly written as they may be": Case(
        [[calls(Call("weather", ODDLY_WRITTEN, id="call_odd")), Say("Wet.")]],
        [("weather", {"city": "München 🌧\u200f", "extra": [1.0, 100.0, 0]})],
        written=[ODDLY_WRITTEN],
    ),
    "a function that is not there, then one that is": Case(
        [
            [
                calls(Call("cancel_flight", {"flight": "OS 51"})),
                calls(Call("math.sum.v2", {"values": [1]}), Call("Weather", {"city": "Rome"})),
                calls(Call("weather", {"city": "Rome"})),
                Say("Dry."),
            ]
        ],
        [("weather", {"city": "Rome"})],
        ["TOOL_NOT_FOUND", "TOOL_NOT_FOUND", "TOOL_NOT_FOUND", "ok"],
    ),
    "wrong arguments, then right ones": Case(
        [
            [
                calls(Call("find_flights", {"origin": "Wien"}), Call("book", {"flight": 51, "seats": "many"})),
                calls(Call("book", '{"flight": "OS 51"'), Call("book", "flight OS 51")),
                calls(Call("book", {"flight": "OS 51", "seats": "2"})),
                Say("Booked."),
            ]
        ],
        [("book", {"flight": "OS 51"}), ("book", {"flight": "OS 51", "seats": 2})],
        ["INVALID_ARGUMENTS", "INVALID_ARGUMENTS", "ok", "INVALID_JSON", "ok"],
    ),
    "no call where none is needed": Case([[Say("Hello.")], [Say("Still here.")]], []),
    "a call with words beside it, in small pieces": Case(
        [
            [
                calls(FIND, BOOK, text="Let me look.", argument_piece=1, interleaved=True),
                calls(Call("weather", {"city": "Rome"}, id=""), Call("weather", {"city": "Oslo"}, id=""), index="zero"),
                calls(Call("weather", {"city": "Lima"}), Call("weather", {"city": "Bern"}), index="missing"),
                Say("Done."),
            ]
        ],
        [
            ("find_flights", {"origin": "Wien", "to": "東京"}),
            ("book", {"flight": "OS 51", "seats": 2, "extras": ["window", "🍜"]}),
            *(("weather", {"city": city}) for city in ("Rome", "Oslo", "Lima", "Bern")),
        ],
        in_order=False,
    ),
}


@pytest.fixture
async def server() -> AsyncIterator[Stranger]:
    """The server with these tools."""
    async with stranger() as built:
        built.tools = FLIGHTS
        yield built


@pytest.mark.parametrize("name", CASES)
async def test_every_call_arrives_as_written_and_every_request_holds_to_the_rules(
    tmp_path: Path, server: Stranger, name: str
) -> None:
    case = CASES[name]
    scripts = {f"turn{number}": turn for number, turn in enumerate(case.turns)}
    async with chat_in(tmp_path, scripts) as chat:
        address = {"name": "shop", "protocol": "streamable_http", "streamable_http_url": server.url}
        await chat.alice.data("POST", "/api/mcp/add", address)
        names = [each["name"] for each in FLIGHTS if "." not in each["name"]]
        agent = await chat.alice.agent(availableTools=[*names, SUM])
        lines: Lines = []
        with fail_after(30):
            for number in range(len(case.turns)):
                told = await chat.alice.say(f"[[play:turn{number}]] Turn {number}.", agent_id=agent)
                assert end_of(told) == ("completed", "answered")
                lines += told
        history = await chat.alice.history()
        requests = [each.body for each in chat.provider.requests]
    assert sorted(server.calls, key=str) == sorted(case.sent, key=str)
    if case.in_order:
        assert server.calls == list(case.sent)
    for request in requests:
        check_rules(request)
    check_lines(lines, case)
    check_lines([message for message in history if message["role"] != "user"], case)
    check_memory(chat, requests, lines)


def check_rules(request: Json) -> None:
    """What providers refuse: odd names, foreign types, calls without exactly one result right behind them."""
    for each in request.get("tools", ()):
        assert re.fullmatch(r"[a-zA-Z0-9_-]{1,64}", each["function"]["name"])
        assert each["function"]["parameters"]["type"] == "object"
        assert types_in(each["function"]["parameters"]) <= TYPES
    messages, seen, at = request["messages"], set[str](), 0
    while at < len(messages):
        made = messages[at].get("tool_calls") or []
        for call in made:
            assert re.fullmatch(r"[a-zA-Z0-9_-]{1,64}", call["function"]["name"])
            assert isinstance(json.loads(call["function"]["arguments"]), dict)
        answers = messages[at + 1 : at + 1 + len(made)]
        assert [each.get("tool_call_id") for each in answers] == [call["id"] for call in made]
        assert not seen & {call["id"] for call in made}
        seen |= {call["id"] for call in made}
        at += 1 + len(made)
        assert at >= len(messages) or messages[at]["role"] != "tool"


def types_in(schema: Any) -> set[str]:
    """Every type a schema names."""
    if isinstance(schema, list):
        return set[str]().union(*(types_in(each) for each in schema))
    if not isinstance(schema, dict):
        return set()
    found = {schema["type"]} if isinstance(schema.get("type"), str) else set[str]()
    return found.union(*(types_in(each) for key, each in schema.items() if key != "type"))


def check_lines(lines: Lines, case: Case) -> None:
    """One line for each call in model order, one result after it; arguments as the model wrote them."""
    announced = [call for line in lines for call in line.get("tool_calls") or ()]
    results = {line["tool_call_id"]: line["content"] for line in lines if line.get("role") == "tool"}
    asked = [call for turn in case.turns for step in turn if isinstance(step, CallTools) for call in step.calls]
    assert [call["function"]["name"] for call in announced] == [call.name for call in asked]
    assert list(dict.fromkeys(call["id"] for call in announced)) == [call["id"] for call in announced]
    assert set(results) == {call["id"] for call in announced}
    assert len([line for line in lines if line.get("role") == "tool"]) == len(announced)
    kinds = [kind_of(results[call["id"]]) for call in announced]
    assert kinds == (list(case.kinds) or ["ok"] * len(announced))
    for call, wish in zip(announced, asked, strict=True):
        if isinstance(wish.arguments, dict):
            assert json.loads(call["function"]["arguments"]) == wish.arguments
    for text in case.written:
        assert text in [call["function"]["arguments"] for call in announced]


def check_memory(chat: Chat, requests: Sequence[Json], lines: Lines) -> None:
    """What the model is shown of its calls is what was announced, in the order in which it made them."""
    shown = [call for message in requests[-1]["messages"] for call in message.get("tool_calls") or ()]
    announced = [call for line in lines for call in line.get("tool_calls") or ()]
    assert [call["function"]["arguments"] for call in shown] == [call["function"]["arguments"] for call in announced]
    assert [call["id"] for call in shown] == [call["id"] for call in announced]


def kind_of(content: Any) -> str:
    """`error_type` of a failed result, else `ok`."""
    return content["error_type"] if isinstance(content, dict) and content.get("error") is True else "ok"
