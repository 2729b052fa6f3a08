"""Performs a step on an answer."""

import asyncio

from clary.adapters.scripted_provider.answer import Answer
from clary.adapters.scripted_provider.script import Attempts, CallTools, Fault, Form, Gate, Paced, Raw, Say, Step
from clary.adapters.scripted_provider.wire import (
    as_lines,
    chunk_event,
    new_id,
    paced_chunks,
    speech_events,
    whole_answer,
)

_BLOCK_BYTES = 256 * 1024
_PAGE = "<!DOCTYPE html><html><head><title>Sign in</title></head><body><h1>Portal</h1></body></html>"


async def play(step: Step, answer: Answer) -> None:
    """Plays one step to its end. Cancel it when the client has gone."""
    if isinstance(step, Say | CallTools):
        await _speak(step, answer)
    elif isinstance(step, Paced):
        await _pace(step, answer)
    elif isinstance(step, Raw):
        await _play_raw(step, answer)
    elif isinstance(step, Gate):
        await _wait_at(step, answer)
    elif isinstance(step, Attempts):
        raise TypeError("attempts are resolved before a step is played, and hold no further attempts")
    else:
        await _fail(step, answer)


async def _speak(step: Say | CallTools, answer: Answer) -> None:
    if not answer.streaming:
        await asyncio.sleep(step.delay_seconds)
        await answer.whole(200, whole_answer(step, new_id("chatcmpl-")))
        return
    await answer.start()
    for event in speech_events(step, new_id("chatcmpl-")):
        if step.delay_seconds:
            await asyncio.sleep(step.delay_seconds)
        await answer.send(as_lines(event, step.form), step.form.bytes_per_write)
    if step.form.done:
        await answer.send(as_lines(b"[DONE]", Form(crlf=step.form.crlf)))
    await answer.end()


async def _pace(step: Paced, answer: Answer) -> None:
    if not answer.streaming:
        await asyncio.sleep(step.chunks * step.interval_seconds)
        await answer.whole(200, whole_answer(step, new_id("chatcmpl-")))
        return
    chunks, tail = paced_chunks(step)
    await answer.start()
    loop = asyncio.get_running_loop()
    due = loop.time()
    for chunk in chunks:
        # By due times, not by sleeping the interval: lateness of one chunk must not shift all the others.
        due += step.interval_seconds
        await asyncio.sleep(max(0.0, due - loop.time()))
        await answer.write(chunk)
    await answer.write(tail)


async def _play_raw(step: Raw, answer: Answer) -> None:
    await answer.start(step.content_type)
    for piece in step.pieces:
        await asyncio.sleep(step.delay_seconds)
        if piece:
            await answer.send(piece)
    await answer.end()


async def _wait_at(gate: Gate, answer: Answer) -> None:
    await _say_before(gate.text, answer)
    gate.reached.set()
    await gate.opened.wait()
    await play(gate.then, answer)


async def _say_before(text: str, answer: Answer) -> None:
    """Text ahead of a fault or a gate; an answer that is not streamed has none."""
    if text and answer.streaming:
        await answer.start()
        await answer.send(as_lines(chunk_event({"role": "assistant", "content": text}, new_id("chatcmpl-"))))


async def _fail(fault: Fault, answer: Answer) -> None:
    await _say_before(fault.text, answer)
    if fault.kind == "no_answer":
        await asyncio.Event().wait()
    elif fault.kind == "stall":
        await _stall(fault, answer)
    elif fault.kind == "reset":
        # What was said must have left the machine: a reset discards bytes that are still under way.
        await asyncio.sleep(0.05 if fault.text else 0)
        answer.reset()
    elif fault.kind == "cut":
        await answer.start()
        await answer.write(b'400\r\ndata: {"choices": [{"delta": {"content": "half')
        answer.cut()
    elif fault.kind == "error_event":
        await answer.start()
        data = fault.body.encode() if isinstance(fault.body, str) else fault.body
        await answer.send(as_lines(data))
        await answer.end()
    elif fault.kind == "huge_chunk":
        await _send_huge(fault, answer)
    else:
        await _answer_otherwise(fault, answer)


async def _answer_otherwise(fault: Fault, answer: Answer) -> None:
    """Faults that are complete answers, only not the one that was asked for."""
    if fault.kind == "html":
        await answer.whole(200, _PAGE, fault.headers, "text/html; charset=utf-8")
    elif fault.kind == "redirect":
        await answer.whole(307, "", {**fault.headers, "Location": fault.location})
    elif fault.kind == "not_http":
        await answer.write(b"SSH-2.0-OpenSSH_9.6\r\n")
        answer.cut()
    else:
        await answer.whole(fault.status, fault.body, fault.headers)


async def _stall(fault: Fault, answer: Answer) -> None:
    await answer.start()
    while fault.comment_seconds > 0:
        await asyncio.sleep(fault.comment_seconds)
        await answer.send(b": keep-alive\n\n")
    await asyncio.Event().wait()


async def _send_huge(fault: Fault, answer: Answer) -> None:
    """One event in one chunk of the body; its line ends only after `size` bytes."""
    opening, closing = b'data: {"choices": [{"delta": {"content": "', b'"}}]}\n\n'
    await answer.start()
    await answer.write(b"%x\r\n" % (len(opening) + fault.size + len(closing)) + opening)
    left = fault.size
    block = b"x" * _BLOCK_BYTES
    while left > 0:
        await answer.write(block[:left])
        left -= _BLOCK_BYTES
    await answer.write(closing + b"\r\n")
    await answer.end()
