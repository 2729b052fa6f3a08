"""The script language: what the provider does in one answer. Data only; `playing` performs it."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

FaultKind = Literal[
    "no_answer", "stall", "reset", "cut", "status", "error_event", "html", "huge_chunk", "redirect", "not_http"
]


@dataclass(frozen=True, slots=True)
class Tokens:
    """The usage that an answer reports."""

    prompt: int = 10
    completion: int = 5
    cached: int | None = None
    reasoning: int | None = None


@dataclass(frozen=True, slots=True)
class Form:
    """How an answer looks on the wire, for the habits of real providers."""

    crlf: bool = False
    """Lines end with CR LF."""
    bytes_per_write: int = 0
    """Cuts every event into pieces of so many bytes, which splits characters; 0 leaves events whole."""
    null_deltas: bool = False
    """Every field that has nothing to say is there and null."""
    done: bool = True
    """Ends with `data: [DONE]`."""
    comments: bool = False
    """A keep-alive comment before each event."""


@dataclass(frozen=True, slots=True)
class Say:
    """An answer in text. Text and reasoning are cut into `pieces` deltas; the delay precedes each."""

    text: str
    pieces: int = 1
    delay_seconds: float = 0.0
    reasoning: str = ""
    usage: Tokens | None = Tokens()
    finish_reason: str | None = "stop"
    form: Form = Form()


@dataclass(frozen=True, slots=True)
class Call:
    """One tool call; arguments given as a text are sent as they are, broken JSON included."""

    name: str
    arguments: dict[str, Any] | str = field(default_factory=dict[str, Any])
    id: str | None = None
    """None: a fresh one; empty: sent without."""


@dataclass(frozen=True, slots=True)
class CallTools:
    """An answer that asks for tools."""

    calls: Sequence[Call]
    text: str = ""
    reasoning: str = ""
    argument_piece: int = 0
    """Characters of arguments a delta; 0 sends them whole, with the name."""
    interleaved: bool = False
    """Pieces of several calls take turns."""
    index: Literal["counted", "missing", "zero"] = "counted"
    delay_seconds: float = 0.0
    usage: Tokens | None = Tokens()
    finish_reason: str | None = "tool_calls"
    form: Form = Form()


@dataclass(frozen=True, slots=True)
class Paced:
    """`chunks` deltas of the same text at a steady pace; cheap enough for hundreds at a time.

    `{n}` in the text becomes the number of the chunk, from 0.
    """

    chunks: int
    interval_seconds: float
    text: str = "token "
    usage: Tokens | None = Tokens()


@dataclass(frozen=True, slots=True)
class Raw:
    """A successful answer with exactly these pieces as its body, each written by itself."""

    pieces: tuple[bytes, ...]
    content_type: str = "text/event-stream"
    delay_seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Fault:
    """An answer that goes wrong. `text`, where it makes sense, is said before.

    `no_answer`: the request is read and nothing follows. `stall`: silence after the head and the text. `reset`: the
    connection is reset, before the head if there is no text. `cut`: the connection is closed inside the body.
    `status`: `status`, `headers` and `body`. `error_event`: `body` as an event of a successful stream. `html`: a web
    page with status 200. `huge_chunk`: one line of `size` bytes. `redirect`: to `location`. `not_http`: other bytes.
    """

    kind: FaultKind
    text: str = ""
    status: int = 500
    headers: dict[str, str] = field(default_factory=dict[str, str])
    body: dict[str, Any] | str = field(default_factory=lambda: {"error": {"message": "scripted error"}})
    size: int = 50 * 1024 * 1024
    location: str = "http://127.0.0.1:9/v1/chat/completions"
    comment_seconds: float = 0.0
    """A keep-alive comment so often during a stall; 0 keeps silent."""


@dataclass(frozen=True, slots=True)
class Attempts:
    """Another step each time the same messages are sent, so that a retry sees another answer; the last repeats."""

    steps: "Sequence[Step]"


class Gate:
    """Says `text`, then waits for the test: `reached` is set, and `open()` lets `then` follow."""

    def __init__(self, then: "Step", *, text: str = "") -> None:
        self.then = then
        self.text = text
        self.reached = asyncio.Event()
        self.opened = asyncio.Event()

    def open(self) -> None:
        """Lets every waiting and later answer pass."""
        self.opened.set()


Step = Say | CallTools | Paced | Raw | Fault | Attempts | Gate
