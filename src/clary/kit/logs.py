"""Structured logs: one JSON object a line, or text on a terminal; known secrets never leave (platform.md 12.3)."""

import logging
import sys
import traceback
from collections.abc import Sequence
from typing import Any

import orjson
import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

MASK = "***"
MIN_SECRET = 6


def configure_logs(*, level: str, form: str, secrets: Sequence[str]) -> None:
    """Sets up structlog and the standard library's loggers alike."""
    as_json = form == "json" or (form == "auto" and not sys.stderr.isatty())
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True, key="time"),
        # Only class and place of a fault: texts of exceptions may hold what people wrote.
        structlog.processors.ExceptionRenderer(_traceback),
        _masker(secrets),
    ]
    renderer: Processor = (
        structlog.processors.JSONRenderer(serializer=_as_json)
        if as_json
        else structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
    )
    structlog.configure(
        processors=[*shared, renderer],
        wrapper_class=structlog.make_filtering_bound_logger(getattr(logging, level.upper())),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer], foreign_pre_chain=shared
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)


def _as_json(value: Any, **_options: Any) -> str:
    return orjson.dumps(value, default=str).decode()


def _traceback(exc_info: Any) -> str:
    """Frames and class names, innermost last; no values, no message."""
    kind, error, trace = exc_info
    parts = [
        f"{frame.filename.rsplit('/', 1)[-1]}:{frame.lineno} {frame.name}" for frame in traceback.extract_tb(trace)
    ]
    cause = error.__cause__
    because = f" caused by {type(cause).__name__}" if cause is not None else ""
    return f"{kind.__name__}{because} at " + " > ".join(parts[-12:])


def masked(text: str, secrets: Sequence[str]) -> str:
    """A text without these secrets."""
    for secret in secrets:
        if len(secret) >= MIN_SECRET and secret in text:
            text = text.replace(secret, MASK)
    return text


def _masker(secrets: Sequence[str]) -> Processor:
    known = [secret for secret in secrets if len(secret) >= MIN_SECRET]

    def mask(_logger: WrappedLogger, _name: str, event: EventDict) -> EventDict:
        for key, value in event.items():
            if isinstance(value, str):
                event[key] = masked(value, known)
        return event

    return mask
