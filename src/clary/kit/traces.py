"""Spans of what happens, spoken like logs: whoever does something opens one, and an exporter, if there is one, hears.

A span that is open around a task is the parent of those opened in it. While nobody listens, a span is one shared object
that does nothing. Content is asked for only where somebody wants it.
"""

import asyncio
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Literal, NamedTuple, Protocol

Value = str | int | float | bool | tuple[str, ...] | None
Kind = Literal["internal", "server", "client"]


class RemoteParent(NamedTuple):
    """The span of somebody else that a request is part of: 16 hex digits, and whether it is recorded there."""

    span_id: str
    is_sampled: bool


class Span(Protocol):
    """Something that goes on."""

    def set(self, **attributes: Value) -> None:
        """Says more about it: `__` in a name stands for a dot; None is left out."""
        ...

    def content(self, name: str, make: Callable[[], str]) -> None:
        """Says what people and models wrote, where the operator wants that; `make` is called only then."""
        ...

    def rename(self, name: str) -> None:
        """Calls it something else, now that more is known."""
        ...

    def fail(self, kind: str) -> None:
        """It went wrong; `kind` is a fixed word."""
        ...

    def end(self) -> None:
        """It is over; harmless when repeated."""
        ...


class Tracer(Protocol):
    """Makes spans, and sends them somewhere."""

    def start(
        self,
        name: str,
        *,
        kind: Kind,
        attributes: Mapping[str, Value],
        parent: Span | None,
        trace_id: str | None,
        remote_parent: RemoteParent | None,
        link: Span | None,
        seconds_ago: float,
    ) -> Span:
        """A span; see `start`."""
        ...


class _Nothing:
    """A span that nobody hears."""

    def set(self, **attributes: Value) -> None:
        """See `Span.set`."""

    def content(self, name: str, make: Callable[[], str]) -> None:
        """See `Span.content`."""

    def rename(self, name: str) -> None:
        """See `Span.rename`."""

    def fail(self, kind: str) -> None:
        """See `Span.fail`."""

    def end(self) -> None:
        """See `Span.end`."""


class _Desk:
    tracer: Tracer | None = None


NOTHING: Span = _Nothing()
_current: ContextVar[Span | None] = ContextVar("span", default=None)
_notes: ContextVar[Mapping[str, Value] | None] = ContextVar("span_notes", default=None)


def trace_with(tracer: Tracer | None) -> None:
    """From now on this one hears, and no other; None: nobody."""
    _Desk.tracer = tracer


def start(
    name: str,
    *,
    kind: Kind = "internal",
    trace_id: str | None = None,
    remote_parent: RemoteParent | None = None,
    linked: bool = False,
    seconds_ago: float = 0.0,
    **attributes: Value,
) -> Span:
    """A span below the present one; whoever starts it ends it.

    `trace_id` (32 hex digits) begins a trace of that id instead, below `remote_parent` if that is
    known; with `linked` the present span is noted as what caused it. `seconds_ago`: when it began.
    """
    if _Desk.tracer is None:
        return NOTHING
    present = _current.get()
    return _Desk.tracer.start(
        name,
        kind=kind,
        attributes={**(_notes.get() or {}), **_named(attributes)},
        parent=present if trace_id is None else None,
        trace_id=trace_id,
        remote_parent=remote_parent,
        link=present if linked else None,
        seconds_ago=seconds_ago,
    )


def current() -> Span:
    """The span that is open around here."""
    return _current.get() or NOTHING


def note(**attributes: Value) -> None:
    """Says something about every span that this task starts from now on; None: no more."""
    _notes.set({**(_notes.get() or {}), **{name.replace("__", "."): value for name, value in attributes.items()}})


@contextmanager
def span(name: str, *, kind: Kind = "internal", **attributes: Value) -> Generator[Span]:
    """A span around a block, and the parent of what is opened in it. A fault is noted by its class."""
    plain = start(name, kind=kind, trace_id=None, remote_parent=None, linked=False, seconds_ago=0.0, **attributes)
    with inside(plain) as opened:
        yield opened


@contextmanager
def inside(opened: Span) -> Generator[Span]:
    """A block that belongs to a span, which ends with it."""
    token = _current.set(opened)
    try:
        yield opened
    except (asyncio.CancelledError, GeneratorExit):
        # Given up, which is no fault.
        raise
    except BaseException as error:
        opened.fail(type(error).__name__)
        raise
    finally:
        _current.reset(token)
        opened.end()


def trace_of(uuid: str) -> str:
    """The id of the trace that belongs to something with a uuid, whoever goes on with it."""
    return uuid.replace("-", "")


def _named(attributes: Mapping[str, Value]) -> dict[str, Value]:
    return {name.replace("__", "."): value for name, value in attributes.items() if value is not None}
