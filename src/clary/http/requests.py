"""Request bodies: counted while read, parsed strictly (platform.md 1.3)."""

import asyncio
from email.message import Message
from typing import Any

from fastapi import Request
from starlette.types import Receive, Scope

from clary.http.problems import (
    BodyTooLargeError,
    InvalidJsonError,
    InvalidTextError,
    UnsupportedMediaTypeError,
)
from clary.kit import json_text

FORM = "application/x-www-form-urlencoded"
PARSE_IN_THREAD_BYTES = 256 * 1024


class CountedRequest(Request):
    """A request whose body can not be larger than its route allows, whatever `Content-Length` says."""

    def __init__(self, scope: Scope, receive: Receive, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._seen_bytes = 0

        async def counted() -> Any:
            message = await receive()
            if message["type"] == "http.request":
                self._seen_bytes += len(message.get("body", b""))
                if self._seen_bytes > max_bytes:
                    raise BodyTooLargeError
            return message

        super().__init__(scope, counted)

    def require_declared_size(self) -> None:
        """Refuses a body that announces itself as too large or as compressed, before it is read."""
        if _declares_more(self.headers.get("content-length", "0"), self._max_bytes):
            raise BodyTooLargeError
        if self.headers.get("content-encoding", "identity").lower() != "identity":
            raise UnsupportedMediaTypeError

    def require_clean_query(self) -> None:
        """Refuses U+0000 in a query value, as in a body."""
        if b"%00" in self.scope["query_string"]:
            raise InvalidTextError

    def replace_zero_bytes(self) -> None:
        """Makes U+0000 in a path what bytes are that are no text, U+FFFD: a route then finds nothing of that name.

        Not every database takes a question with U+0000 in it.
        """
        found = self.scope["path_params"]
        for name, value in found.items():
            if isinstance(value, str):
                found[name] = value.replace("\0", "\ufffd")

    @property
    def has_body(self) -> bool:
        """Whether the caller announced a body."""
        return self.headers.get("content-length", "0") != "0" or "transfer-encoding" in self.headers

    def is_json(self) -> bool:
        """Whether the content type is JSON in UTF-8."""
        kind, charset = content_type(self.headers.get("content-type", ""))
        json_kind = kind == "application/json" or (kind.startswith("application/") and kind.endswith("+json"))
        return json_kind and charset in ("", "utf-8", "utf8")

    def is_multipart(self) -> bool:
        """Whether the content type is a form with files."""
        return content_type(self.headers.get("content-type", ""))[0] == "multipart/form-data"

    def is_form(self) -> bool:
        """Whether the content type is a form without files."""
        return content_type(self.headers.get("content-type", ""))[0] == FORM

    async def parse_json(self) -> None:
        """Parses the body once, so that the framework finds it parsed.

        Raises:
            InvalidJsonError, InvalidTextError, BodyTooLargeError
        """
        raw = await self.body()
        if not raw:
            return
        try:
            if len(raw) > PARSE_IN_THREAD_BYTES:
                self._json = await asyncio.to_thread(json_text.loads_strict, raw)
            else:
                self._json = json_text.loads_strict(raw)
        except json_text.ForbiddenTextError:
            raise InvalidTextError from None
        except ValueError:
            raise InvalidJsonError from None


def _declares_more(length: str, most: int) -> bool:
    """Compares digits, not numbers: the text of a stranger may be no number, or one of thousands of digits."""
    digits = length.lstrip("0")
    if not digits.isdecimal():
        return False
    return len(digits) > len(str(most)) or int(digits) > most


def content_type(header: str) -> tuple[str, str]:
    """(`type/subtype`, charset), both lower-case, "" where absent."""
    if not header:
        return "", ""
    message = Message()
    message["content-type"] = header
    charset = message.get_param("charset")
    return message.get_content_type().lower(), str(charset or "").lower()
