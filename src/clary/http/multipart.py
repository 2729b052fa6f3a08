"""Uploads: the parts of a `multipart/form-data` body, one after the other, never whole in memory or in a spool file.

The consumer pulls: nothing is read from the client before it is asked for, so a limit stops an upload while it comes.
"""

import logging
from collections import deque
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any, Final

from fastapi import Request
from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from clary.http.middleware import ABSENT
from clary.http.problems import BodyTooLargeError, InvalidTextError, UnsupportedMediaTypeError, ValidationFailedError
from clary.kit.text import Text

if TYPE_CHECKING:
    from python_multipart.multipart import MultipartCallbacks

MAX_PARTS: Final = 1000
MAX_FIELD_BYTES: Final = 64 * 1024
MAX_HEADER_BYTES: Final = 32 * 1024
"""As of a request (platform.md 1.3): a long name is cut, not refused."""
_BROKEN: Final = Text("multipart 格式错误", "malformed multipart body")

# The parser tells every byte it skips.
logging.getLogger("python_multipart.multipart").setLevel(logging.ERROR)


class FormPart:
    """One part. `filename` is None for a plain field, and as sent for a file."""

    def __init__(self, reader: "FormReader", headers: dict[bytes, bytes]) -> None:
        _, options = parse_options_header(headers.get(b"content-disposition", b"").decode("latin-1"))
        self._reader = reader
        self.name = options.get(b"name", b"").decode("utf-8", "replace")
        sent = options.get(b"filename")
        self.filename = None if sent is None else sent.decode("utf-8", "replace")

    async def chunks(self) -> AsyncIterator[bytes]:
        """The content as it arrives.

        Raises:
            ValidationFailedError: the body is broken.
        """
        while (chunk := await self._reader.next_chunk()) is not None:
            yield chunk

    async def text(self) -> str | None:
        """The value of a field; None for what counts as absent (product.md 1).

        Raises:
            BodyTooLargeError, InvalidTextError, ValidationFailedError
        """
        value = b""
        async for chunk in self.chunks():
            value += chunk
            if len(value) > MAX_FIELD_BYTES:
                raise BodyTooLargeError
        try:
            text = value.decode()
        except UnicodeDecodeError:
            raise InvalidTextError from None
        if "\0" in text:
            raise InvalidTextError
        return None if text in ABSENT else text


class FormReader:
    """The body of a request whose route takes multipart."""

    def __init__(self, request: Request) -> None:
        kind, options = parse_options_header(request.headers.get("content-type"))
        if kind != b"multipart/form-data" or not options.get(b"boundary"):
            raise UnsupportedMediaTypeError
        self._stream = request.stream()
        self._found: deque[dict[bytes, bytes] | bytes | None] = deque()
        """Headers begin a part, bytes are its content, None ends it."""
        self._headers: dict[bytes, bytes] = {}
        self._field = self._value = b""
        self._is_over = False
        self._in_part = False
        try:
            self._parser = MultipartParser(options[b"boundary"], self._callbacks(), max_header_size=MAX_HEADER_BYTES)
        except FormParserError:
            raise UnsupportedMediaTypeError from None

    async def parts(self) -> AsyncIterator[FormPart]:
        """Every part in order; what was not read of one is skipped.

        Raises:
            ValidationFailedError: the body is broken or ends early.
            BodyTooLargeError: more than 1000 parts.
        """
        count = 0
        while True:
            while self._in_part:
                await self.next_chunk()
            headers = await self._next()
            if headers is None:
                return
            assert isinstance(headers, dict)
            count += 1
            if count > MAX_PARTS:
                raise BodyTooLargeError
            self._in_part = True
            yield FormPart(self, headers)

    async def next_chunk(self) -> bytes | None:
        """More content of the present part, or None at its end."""
        if not self._in_part:
            return None
        found = await self._next()
        if found is None:
            self._in_part = False
            return None
        assert isinstance(found, bytes)
        return found

    async def _next(self) -> dict[bytes, bytes] | bytes | None:
        """What comes next; None is the end of a part, and outside of parts the end of the form."""
        while not self._found:
            if self._is_over:
                return None
            chunk = await anext(self._stream, b"")
            if not chunk:
                raise _broken()
            try:
                self._parser.write(chunk)
            except FormParserError:
                raise _broken() from None
        return self._found.popleft()

    def _callbacks(self) -> "MultipartCallbacks":
        return {
            "on_part_begin": self._begin_part,
            "on_header_field": self._add_field,
            "on_header_value": self._add_value,
            "on_header_end": self._end_header,
            "on_headers_finished": self._end_headers,
            "on_part_data": self._add_data,
            "on_part_end": self._end_part,
            "on_end": self._end,
        }

    def _begin_part(self) -> None:
        self._headers = {}

    def _add_field(self, data: bytes, start: int, end: int) -> None:
        self._field += data[start:end]

    def _add_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def _end_header(self) -> None:
        self._headers[self._field.lower()] = self._value
        self._field = self._value = b""

    def _end_headers(self) -> None:
        self._found.append(self._headers)

    def _add_data(self, data: bytes, start: int, end: int) -> None:
        self._found.append(data[start:end])

    def _end_part(self) -> None:
        self._found.append(None)

    def _end(self) -> None:
        self._is_over = True


def _broken() -> ValidationFailedError:
    return ValidationFailedError(_BROKEN.render())


def form_of(**fields: dict[str, Any]) -> dict[str, Any]:
    """`openapi_extra` for a form with these fields; those with `required: True` are asked for."""
    required = [name for name, schema in fields.items() if schema.get("required")]
    shown = {name: {key: value for key, value in each.items() if key != "required"} for name, each in fields.items()}
    schema = {"type": "object", "properties": shown, "required": required}
    return {"requestBody": {"required": True, "content": {"multipart/form-data": {"schema": schema}}}}
