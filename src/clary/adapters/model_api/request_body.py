"""Our messages and tools as the JSON of a chat completion request.

Only roles, contents, calls and call ids go out (stream-runtime.md 9.15). Equal requests give equal bytes.
"""

import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import orjson

from clary.adapters.model_api.config import ModelApiConfig
from clary.adapters.model_api.loose_json import dumps_forgiving
from clary.adapters.model_api.thinking import (
    resolve_style,
    thinking_parameters,
    token_limit_name,
    wants_reasoning_back,
)
from clary.adapters.model_api.tool_schemas import clean_schema
from clary.runtime.messages import (
    AssistantMessage,
    ImagePart,
    ModelMessage,
    SystemMessage,
    TextPart,
    ToolCall,
    ToolMessage,
    ToolSpec,
    UserMessage,
)
from clary.runtime.model import ModelRequest

INTERRUPTED: Final = '{"error":true,"error_type":"INTERRUPTED","message":"The call has no result."}'
"""Result of a call whose real one is missing."""
_WIRE_NAME = re.compile(r"[a-zA-Z0-9_-]{1,64}")
_NOT_WIRE = re.compile(r"[^a-zA-Z0-9_-]")


class RequestDraft:
    """A request that can lose optional parameters. `names` leads from the provider's tool names back to ours."""

    def __init__(self, request: ModelRequest, config: ModelApiConfig) -> None:
        wire_names = map_names(_names_in(request))
        self.names = {wire: name for name, wire in wire_names.items()}
        self.body: dict[str, Any] = {
            "model": config.model,
            "messages": wire_messages(request.messages, wire_names, with_reasoning=wants_reasoning_back(config.model)),
            "stream": True,
            "stream_options": {"include_usage": True},
            **_options(request, config),
        }
        if request.tools:
            self.body["tools"] = [_wire_tool(tool, wire_names) for tool in request.tools]

    def drop(self, parameter: str, successor: str | None) -> None:
        """Leaves a parameter out, or sends its value under the name the provider wants."""
        value = self.body.pop(parameter, None)
        if successor is not None and value is not None:
            self.body[successor] = value

    def payload(self) -> bytes:
        """The JSON body."""
        try:
            return orjson.dumps(self.body)
        except TypeError:
            # Lone surrogates and integers over 64 bits, which the fast writer refuses.
            return dumps_forgiving(self.body)


def map_names(names: Iterable[str]) -> dict[str, str]:
    """Our tool names and the names providers accept; a changed name ends with a hash of the original."""
    originals = list(dict.fromkeys(names))
    taken = {name for name in originals if _WIRE_NAME.fullmatch(name)}
    mapped: dict[str, str] = {}
    for name in originals:
        wire = name
        if wire not in taken:
            digest = hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()
            stem = _NOT_WIRE.sub("_", name) or "tool"
            # Eight digits are enough unless a tool is made to clash; then more of them tell the two apart.
            wire = next(each for n in (8, 16, 32, 60) if (each := f"{stem[: 63 - n]}_{digest[:n]}") not in taken)
            taken.add(wire)
        mapped[name] = wire
    return mapped


def wire_messages(
    messages: Sequence[ModelMessage], names: Mapping[str, str], *, with_reasoning: bool = False
) -> list[dict[str, Any]]:
    """The messages in the provider's form; every call is followed by exactly one result.

    Results are taken from between a call and the next response, whatever else lies there. Missing ones become
    `INTERRUPTED`; results without a call are dropped. Reasoning goes back only within the last tool round.
    """
    last_question = max((n for n, each in enumerate(messages) if isinstance(each, UserMessage)), default=-1)
    out: list[dict[str, Any]] = []
    for position, message in enumerate(messages):
        if isinstance(message, SystemMessage):
            out.append({"role": "system", "content": message.text})
        elif isinstance(message, UserMessage):
            out.append({"role": "user", "content": _wire_content(message.content)})
        elif isinstance(message, AssistantMessage):
            reasoning = message.reasoning if with_reasoning and position > last_question else ""
            out.extend(_wire_response(message, names, _results_after(messages, position), reasoning))
    return out


def _options(request: ModelRequest, config: ModelApiConfig) -> dict[str, Any]:
    """Parameters a request works without; those that are None are not sent."""
    style = resolve_style(config.thinking_style, config.host, config.model)
    options: dict[str, Any] = {
        token_limit_name(config.host, config.model): request.max_tokens,
        "temperature": request.temperature,
        "top_p": request.top_p,
        "presence_penalty": request.presence_penalty,
        **thinking_parameters(style, config.model, request.thinking),
    }
    if request.response_schema is not None and config.supports_structured_output:
        options["response_format"] = {
            "type": "json_schema",
            "json_schema": {"name": "answer", "schema": request.response_schema},
        }
    return {name: value for name, value in options.items() if value is not None}


def _names_in(request: ModelRequest) -> Iterable[str]:
    yield from (tool.name for tool in request.tools)
    for message in request.messages:
        if isinstance(message, AssistantMessage):
            yield from (call.name for call in message.tool_calls)


def _wire_tool(tool: ToolSpec, names: Mapping[str, str]) -> dict[str, Any]:
    return {
        "type": "function",
        "function": {
            "name": names[tool.name],
            "description": tool.description,
            "parameters": clean_schema(tool.parameters),
        },
    }


def _wire_content(content: str | tuple[TextPart | ImagePart, ...]) -> str | list[dict[str, Any]]:
    if isinstance(content, str):
        return content
    return [
        {"type": "text", "text": part.text}
        if isinstance(part, TextPart)
        else {"type": "image_url", "image_url": {"url": part.url}}
        for part in content
    ]


def _results_after(messages: Sequence[ModelMessage], position: int) -> dict[str, str]:
    """Results up to the next response by call id; the first of several counts."""
    results: dict[str, str] = {}
    for message in messages[position + 1 :]:
        if isinstance(message, AssistantMessage):
            break
        if isinstance(message, ToolMessage):
            results.setdefault(message.tool_call_id, message.content)
    return results


def _wire_response(
    message: AssistantMessage, names: Mapping[str, str], results: Mapping[str, str], reasoning: str
) -> list[dict[str, Any]]:
    """A response and the results of its calls; a response without text and calls says nothing and is left out."""
    calls = list({call.id: call for call in reversed(message.tool_calls)}.values())[::-1]
    if not calls:
        return [{"role": "assistant", "content": message.text}] if message.text else []
    response: dict[str, Any] = {
        "role": "assistant",
        "content": message.text or None,
        "tool_calls": [_wire_call(call, names) for call in calls],
    }
    if reasoning:
        response["reasoning_content"] = reasoning
    answers = [
        {"role": "tool", "tool_call_id": call.id, "content": results.get(call.id, INTERRUPTED)} for call in calls
    ]
    return [response, *answers]


def _wire_call(call: ToolCall, names: Mapping[str, str]) -> dict[str, Any]:
    arguments = call.arguments
    try:
        orjson.loads(arguments)
    except orjson.JSONDecodeError:
        # Providers parse the arguments of earlier calls and refuse the whole conversation over a broken one.
        arguments = orjson.dumps({"_raw": arguments.encode("utf-8", "replace").decode()[:2000]}).decode()
        arguments = "{}" if not call.arguments.strip() else arguments
    return {"id": call.id, "type": "function", "function": {"name": names[call.name], "arguments": arguments}}
