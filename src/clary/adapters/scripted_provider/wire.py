"""Steps as the JSON of the protocol: the events of a stream, or one whole answer."""

from collections.abc import Iterator
from functools import lru_cache
from typing import Any
from uuid import uuid4

import orjson

from clary.adapters.scripted_provider.script import Call, CallTools, Form, Paced, Say, Tokens

MODEL = "scripted"
Event = dict[str, Any]
_CREATED = 1_700_000_000
_FIELDS = ("content", "reasoning_content", "tool_calls", "role", "refusal", "function_call")


def speech_events(step: Say | CallTools, answer_id: str) -> Iterator[Event]:
    """The events of an answer in order: role, reasoning, text, calls, finish reason, usage."""
    deltas: list[dict[str, Any]] = [{"role": "assistant", "content": ""}]
    pieces = step.pieces if isinstance(step, Say) else 1
    deltas += [{"reasoning_content": piece} for piece in cut(step.reasoning, pieces)]
    deltas += [{"content": piece} for piece in cut(step.text, pieces)]
    if isinstance(step, CallTools):
        deltas += [{"tool_calls": [fragment]} for fragment in _fragments(step)]
    for delta in deltas:
        yield chunk_event(delta, answer_id, form=step.form)
    if step.finish_reason is not None:
        yield chunk_event({}, answer_id, step.finish_reason, step.form)
    if step.usage is not None:
        yield {**_head(answer_id, "chat.completion.chunk"), "choices": [], "usage": usage_object(step.usage)}


def chunk_event(delta: dict[str, Any], answer_id: str, reason: str | None = None, form: Form = Form()) -> Event:
    """One event of a stream."""
    if form.null_deltas:
        delta = {**dict.fromkeys(_FIELDS), **delta}
    choice: dict[str, Any] = {"index": 0, "delta": delta, "finish_reason": reason}
    event: Event = {**_head(answer_id, "chat.completion.chunk"), "choices": [choice]}
    if form.null_deltas:
        choice["logprobs"] = None
        event["usage"] = None
        event["error"] = None
    return event


def whole_answer(step: Say | CallTools | Paced, answer_id: str) -> Event:
    """The answer to a request that asked for no stream."""
    message: dict[str, Any] = {"role": "assistant", "content": None}
    if isinstance(step, Paced):
        message["content"] = "".join(step.text.replace("{n}", str(n)) for n in range(step.chunks))
        reason: str | None = "stop"
    else:
        message["content"] = step.text or None
        reason = step.finish_reason
        if step.reasoning:
            message["reasoning_content"] = step.reasoning
    if isinstance(step, CallTools):
        message["tool_calls"] = [_whole_call(call) for call in step.calls]
    answer = {
        **_head(answer_id, "chat.completion"),
        "choices": [{"index": 0, "message": message, "finish_reason": reason}],
    }
    return answer if step.usage is None else {**answer, "usage": usage_object(step.usage)}


def as_lines(event: Event | bytes, form: Form = Form()) -> bytes:
    """An event as it is sent."""
    end = b"\r\n" if form.crlf else b"\n"
    data = event if isinstance(event, bytes) else orjson.dumps(event)
    comment = b": keep-alive" + end + end if form.comments else b""
    return comment + b"data: " + data + end + end


@lru_cache(maxsize=64)
def paced_chunks(step: Paced) -> tuple[tuple[bytes, ...], bytes]:
    """The events of a paced answer, framed for a chunked body, and the bytes of its end; computed once a step."""
    head = framed(as_lines(chunk_event({"role": "assistant", "content": ""}, "chatcmpl-paced")))
    same = framed(as_lines(chunk_event({"content": step.text}, "chatcmpl-paced")))
    numbered = "{n}" in step.text
    chunks = [
        framed(as_lines(chunk_event({"content": step.text.replace("{n}", str(n))}, "chatcmpl-paced")))
        if numbered
        else same
        for n in range(step.chunks)
    ]
    if chunks:
        chunks[0] = head + chunks[0]
    tail = as_lines(chunk_event({}, "chatcmpl-paced", "stop"))
    if step.usage is not None:
        usage: Event = {"choices": [], "usage": usage_object(step.usage)}
        tail += as_lines({**_head("chatcmpl-paced", "chat.completion.chunk"), **usage})
    return tuple(chunks), framed(tail + b"data: [DONE]\n\n") + b"0\r\n\r\n"


def framed(data: bytes) -> bytes:
    """A chunk of a chunked body."""
    return b"%x\r\n%b\r\n" % (len(data), data)


def usage_object(tokens: Tokens) -> dict[str, Any]:
    """The `usage` of an answer."""
    usage: dict[str, Any] = {
        "prompt_tokens": tokens.prompt,
        "completion_tokens": tokens.completion,
        "total_tokens": tokens.prompt + tokens.completion,
    }
    if tokens.cached is not None:
        usage["prompt_tokens_details"] = {"cached_tokens": tokens.cached}
    if tokens.reasoning is not None:
        usage["completion_tokens_details"] = {"reasoning_tokens": tokens.reasoning}
    return usage


def new_id(prefix: str) -> str:
    """A fresh id in the manner of providers."""
    return prefix + uuid4().hex[:24]


def cut(text: str, pieces: int) -> list[str]:
    """A text in so many pieces of about equal length, none of them empty."""
    size = max(1, -(-len(text) // max(1, pieces)))
    return [text[start : start + size] for start in range(0, len(text), size)]


def _head(answer_id: str, kind: str) -> dict[str, Any]:
    return {"id": answer_id, "object": kind, "created": _CREATED, "model": MODEL}


def _arguments(call: Call) -> str:
    return call.arguments if isinstance(call.arguments, str) else orjson.dumps(call.arguments).decode()


def _whole_call(call: Call) -> dict[str, Any]:
    return {
        "id": new_id("call_") if call.id is None else call.id,
        "type": "function",
        "function": {"name": call.name, "arguments": _arguments(call)},
    }


def _fragments(step: CallTools) -> list[dict[str, Any]]:
    """The fragments of all calls, one call after the other or taking turns."""
    rows = [_fragments_of(call, position, step) for position, call in enumerate(step.calls)]
    if not step.interleaved:
        return [fragment for row in rows for fragment in row]
    longest = max(map(len, rows), default=0)
    return [row[turn] for turn in range(longest) for row in rows if turn < len(row)]


def _fragments_of(call: Call, position: int, step: CallTools) -> list[dict[str, Any]]:
    whole = _whole_call(call)
    if not whole["id"]:
        del whole["id"]
    numbers: dict[str, dict[str, int]] = {"counted": {"index": position}, "zero": {"index": 0}, "missing": {}}
    number = numbers[step.index]
    if step.argument_piece <= 0:
        return [{**number, **whole}]
    arguments: str = whole["function"]["arguments"]
    first = {**number, **whole, "function": {"name": call.name, "arguments": ""}}
    size = step.argument_piece
    rest = [
        {**number, "function": {"arguments": arguments[start : start + size]}}
        for start in range(0, len(arguments), size)
    ]
    return [first, *rest]
