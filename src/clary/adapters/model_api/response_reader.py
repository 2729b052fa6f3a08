"""Reads one response: bytes in, items out. Knows the event stream and the plain JSON answer; does no I/O.

The hot path is one JSON parse and a few dictionary look-ups an event. Shapes are not checked level by level: a wrong
one raises inside `_take` and is a bad response there.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final, Literal, cast

import orjson

from clary.adapters.model_api.call_fragments import CallFragments, TooManyCallsError
from clary.adapters.model_api.failures import AttemptBrokenError, broken_by_event, usage_of
from clary.adapters.model_api.lines import MAX_LINE_BYTES, LineCutter, LineTooLongError
from clary.adapters.model_api.loose_json import SurrogateMender, loads_loosely, without_surrogates
from clary.runtime.model import ModelDone, ModelItem, ReasoningDelta, TextDelta, Usage

MAX_RESPONSE_BYTES: Final = 64 * 1024 * 1024
FinishReason = Literal["stop", "tool_calls", "length", "content_filter", "other"]
_REASONS: Final[dict[str, FinishReason]] = {
    "stop": "stop",
    "tool_calls": "tool_calls",
    "function_call": "tool_calls",
    "length": "length",
    "max_tokens": "length",
    "content_filter": "content_filter",
}
# Finish reasons that say the provider broke off; the request is repeated.
_BROKEN_OFF: Final = frozenset({"error", "insufficient_system_resource"})
_NOTHING: Final[dict[str, Any]] = {}
_BOM: Final = b"\xef\xbb\xbf"


class ResponseReader:
    """One response on its way in.

    `sent`: an item was handed out. `events`: parsed so far. `finished`: nothing more needs to be read.
    """

    __slots__ = (
        "_calls",
        "_error_event",
        "_items",
        "_json_lines",
        "_lines",
        "_mender",
        "_parts",
        "_pending",
        "_reason",
        "_size",
        "_speech",
        "_usage",
        "events",
        "finished",
        "sent",
    )

    def __init__(self, names: Mapping[str, str], new_call_id: Callable[[], str]) -> None:
        self._lines = LineCutter()
        self._calls = CallFragments(names, new_call_id)
        self._items: list[ModelItem] = []
        self._parts: list[str] = []
        self._speech: type[TextDelta] | type[ReasoningDelta] = TextDelta
        self._pending: list[bytes] = []
        self._json_lines: list[bytes] | None = None
        self._mender: SurrogateMender | None = None
        self._error_event = False
        self._reason: str | None = None
        self._usage: Any = None
        self._size = 0
        self.events = 0
        self.sent = False
        self.finished = False

    @property
    def has_finish_reason(self) -> bool:
        """Whether the model said that it is done; what is still missing then is only the usage."""
        return self._reason is not None

    @property
    def usage(self) -> Usage | None:
        """Tokens reported so far."""
        return usage_of(self._usage)

    def feed(self, data: bytes) -> list[ModelItem]:
        """The items that a piece of the body completes; text that arrived together is one delta.

        Raises:
            AttemptBrokenError: an error event, or nothing that can be read.
        """
        self._size += len(data)
        if self._size > MAX_RESPONSE_BYTES:
            raise AttemptBrokenError("provider_bad_response", retry=False)
        try:
            lines = self._lines.cut(data)
        except LineTooLongError:
            raise AttemptBrokenError("provider_bad_response", retry=False) from None
        for line in lines:
            if line.startswith(b"data:"):
                self._data(line[5:])
            else:
                self._other_line(line)
            if self.finished:
                break
        return self._handed_out()

    def end(self) -> list[ModelItem]:
        """The items that the end of the body completes.

        Raises:
            AttemptBrokenError: the response was cut before it was finished.
        """
        if not self.finished:
            try:
                self._last_line()
            except AttemptBrokenError:
                # What is cut off behind the finish reason was only the usage.
                if self._reason is None:
                    raise
        if self._reason is None and not self.finished:
            raise AttemptBrokenError("provider_bad_response", retry=True)
        return self._handed_out()

    def last_items(self) -> list[ModelItem]:
        """What closes the response: held-back text, nameless calls, and `ModelDone`."""
        if self._mender is not None:
            self._add(self._speech, self._mender.end())
        items = self._handed_out()
        items.extend(self._calls.nameless())
        items.append(ModelDone(self._finish_reason(), self._calls.calls(), self.usage))
        return items

    def _last_line(self) -> None:
        line = self._lines.rest()
        if line.startswith(b"data:"):
            self._data(line[5:])
        else:
            self._other_line(line)
        self._other_line(b"")
        if self._json_lines is not None:
            self._take_answer(b"\n".join(self._json_lines))

    def _finish_reason(self) -> FinishReason:
        reason = _REASONS.get(self._reason or "", "other")
        if self._calls and reason in ("stop", "other"):
            return "tool_calls"
        return "stop" if reason == "tool_calls" and not self._calls else reason

    def _handed_out(self) -> list[ModelItem]:
        self._flush()
        items, self._items = self._items, []
        if items:
            self.sent = True
        return items

    def _data(self, payload: bytes) -> None:
        """One `data:` line. A whole event nearly always fits one line, so it is not held for the blank line."""
        if self._pending:
            self._hold(payload)
            return
        try:
            event = orjson.loads(payload)
        except orjson.JSONDecodeError:
            self._odd_data(payload)
            return
        self._take(event)

    def _odd_data(self, payload: bytes) -> None:
        text = payload.strip()
        if text == b"[DONE]":
            self.finished = True
        elif text:
            try:
                event = loads_loosely(text)
            except ValueError:
                self._hold(payload)
                return
            self._take_loose(event)

    def _hold(self, payload: bytes) -> None:
        """Keeps a line of an event of several lines until its blank line."""
        self._pending.append(payload)
        if sum(map(len, self._pending)) > MAX_LINE_BYTES or len(self._pending) > 10_000:
            raise AttemptBrokenError("provider_bad_response", retry=False)

    def _other_line(self, line: bytes) -> None:
        """Blank lines, comments, other fields, and bodies that are no event stream at all."""
        if self._json_lines is not None:
            self._json_lines.append(line)
        elif not line:
            if self._pending:
                payload = b"\n".join(self._pending)
                self._pending.clear()
                self._take_held(payload)
            self._error_event = False
        elif not self.events:
            self._opening_line(line)
        elif line.startswith(b"event:"):
            self._error_event = line[6:].strip() == b"error"

    def _opening_line(self, line: bytes) -> None:
        """A line before the first event: content types lie, the first character does not."""
        line = line.removeprefix(_BOM)
        if line.startswith(b"data:"):
            self._data(line[5:])
        elif line.startswith(b"event:"):
            self._error_event = line[6:].strip() == b"error"
        elif line.lstrip()[:1] in (b"{", b"["):
            self._json_lines = [line]
        elif line.lstrip()[:1] == b"<":
            raise AttemptBrokenError("provider_bad_response", retry=False)

    def _take_held(self, payload: bytes) -> None:
        try:
            event = loads_loosely(payload)
        except ValueError:
            raise AttemptBrokenError("provider_bad_response", retry=True) from None
        self._take_loose(event)

    def _take_answer(self, body: bytes) -> None:
        """A whole answer that was not streamed."""
        try:
            answer = loads_loosely(body)
        except ValueError:
            raise AttemptBrokenError("provider_bad_response", retry=True) from None
        if isinstance(answer, list) and answer:
            answer = cast("list[Any]", answer)[0]
        self._take_loose(answer)
        if self._reason is None:
            if not self.sent and not self._parts and not self._items:
                raise AttemptBrokenError("provider_bad_response", retry=False)
            self._reason = "other"

    def _take_loose(self, event: Any) -> None:
        """An event of the forgiving parser: from here on surrogates are looked for."""
        if self._mender is None:
            self._mender = SurrogateMender()
        self._take(event)

    def _take(self, event: Any) -> None:
        self.events += 1
        try:
            self._read(event)
        except (AttributeError, TypeError, KeyError, ValueError, TooManyCallsError):
            raise AttemptBrokenError("provider_bad_response", retry=False) from None

    def _read(self, event: dict[str, Any]) -> None:
        usage = event.get("usage")
        if usage:
            self._usage = usage
        if self._error_event or event.get("error") or event.get("object") == "error":
            raise broken_by_event(event)
        choices = event.get("choices")
        if choices:
            choice = choices[0]
            delta = choice.get("delta") or choice.get("message")
            if delta:
                self._read_delta(delta)
            reason = choice.get("finish_reason")
            if reason:
                if reason in _BROKEN_OFF:
                    raise AttemptBrokenError("provider_error", retry=True)
                self._reason = str(reason)
        # A finish reason and the usage are all that can be hoped for; some servers then keep the stream open.
        if usage and self._reason is not None and self._json_lines is None:
            self.finished = True

    def _read_delta(self, delta: dict[str, Any]) -> None:
        reasoning = delta.get("reasoning_content") or delta.get("reasoning")
        if reasoning:
            self._add(ReasoningDelta, reasoning if type(reasoning) is str else _text_of_parts(reasoning))
        text = delta.get("content")
        if text:
            self._add(TextDelta, text if type(text) is str else _text_of_parts(text))
        fragments = delta.get("tool_calls")
        if fragments:
            self._flush()
            for fragment in fragments:
                if self._mender is not None:
                    fragment = _mended_fragment(fragment)
                item = self._calls.add(fragment)
                if item is not None:
                    self._items.append(item)

    def _add(self, speech: type[TextDelta] | type[ReasoningDelta], text: str) -> None:
        if speech is not self._speech:
            if self._mender is not None:
                self._parts.append(self._mender.end())
            self._flush()
            self._speech = speech
        self._parts.append(text if self._mender is None else self._mender.add(text))

    def _flush(self) -> None:
        if self._parts:
            text = "".join(self._parts)
            self._parts.clear()
            if text:
                self._items.append(self._speech(text))


def _text_of_parts(value: Any) -> str:
    """Text of content given as parts; anything else is no text."""
    if not isinstance(value, list):
        return ""
    parts = cast("list[Any]", value)
    texts = [cast("dict[str, Any]", part).get("text") for part in parts if isinstance(part, dict)]
    return "".join(text for text in texts if isinstance(text, str))


def _mended_fragment(fragment: dict[str, Any]) -> dict[str, Any]:
    function: dict[str, Any] = fragment.get("function") or _NOTHING
    mended = {key: without_surrogates(each) if isinstance(each, str) else each for key, each in function.items()}
    return {**fragment, "function": mended}
