"""The answer of a successful call (platform.md 1.1)."""

import time
from typing import Any, Generic, TypeVar

from pydantic import BaseModel, Field

from clary.kit.text import Text, same

T = TypeVar("T")

SUCCESS = same("success")


def said(chinese: str) -> Text:
    """A success text of an existing endpoint: Chinese as given, `success` in English (product.md 1.2)."""
    return Text(chinese, "success")


class Envelope(BaseModel, Generic[T]):
    """`{code, message, data, timestamp}`; always these four keys."""

    code: int = 200
    message: str = "success"
    data: T
    timestamp: float = Field(default_factory=time.time)


def answer(data: T, message: Text = SUCCESS) -> "Envelope[T]":
    """Wraps data; the message is put into the caller's language."""
    return Envelope(data=data, message=message.render())


def error_body(*, code: int, message: str, slug: str | None, request_id: str) -> dict[str, Any]:
    """The body of every refusal (platform.md 1.1)."""
    return {
        "code": code,
        "message": message,
        "data": None,
        "error_detail": slug,
        "timestamp": time.time(),
        "request_id": request_id,
    }
