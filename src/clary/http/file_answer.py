"""Answers that are a file: pieces come from a thread, one at a time, and stop when the client is gone."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import aclosing, suppress
from typing import BinaryIO, Protocol

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from clary.errors import InvalidRequestError
from clary.http.conditional import NotModified, Part, Unsatisfiable, Version, decide_part
from clary.kit.text import Text

PIECE_BYTES = 256 * 1024


class Pieces(Protocol):
    """What is sent, bit by bit; a generator is one too. Blocks while it makes the next one."""

    def __next__(self) -> bytes:
        """The next piece."""
        ...

    def close(self) -> None:
        """Lets go of what is read from; harmless when repeated."""
        ...


class RangeUnsatisfiableError(InvalidRequestError):
    """The range lies past the end of the file."""

    slug = "range_unsatisfiable"
    code = 416
    http_status = 416
    text = Text("请求的范围无效", "The range cannot be satisfied")

    def __init__(self, size: int) -> None:
        super().__init__(headers={"Content-Range": f"bytes */{size}"})


class PieceResponse(Response):
    """Sends pieces as they are made."""

    def __init__(self, pieces: Pieces, *, status_code: int = 200, headers: Mapping[str, str], media_type: str) -> None:
        super().__init__(None, status_code=status_code, headers=dict(headers))
        if "Content-Length" not in headers:
            del self.headers["content-length"]
        self.headers["content-type"] = media_type
        self._pieces = pieces

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Runs until the pieces end or the client goes away."""
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        gone = asyncio.create_task(_watch(receive))
        try:
            # HEAD is answered like GET without its body; nothing need be read for it.
            while not gone.done() and not scope["state"].get("is_head"):
                piece = await asyncio.to_thread(_next, self._pieces)
                if piece is None:
                    break
                await send({"type": "http.response.body", "body": piece, "more_body": True})
            if not gone.done() or scope["state"].get("is_head"):
                await send({"type": "http.response.body", "body": b"", "more_body": False})
        finally:
            gone.cancel()
            # A cut answer may leave a generator at work in its thread; it closes what it holds when it is dropped.
            with suppress(ValueError):
                self._pieces.close()


def answer_file(
    file: BinaryIO, version: Version, *, asked: Mapping[str, str], headers: Mapping[str, str], media_type: str
) -> Response:
    """A file, a part of it, or that the caller has it already (product.md 4.3). Closes the file, now or at the end.

    Raises:
        RangeUnsatisfiableError
    """
    found = decide_part(asked, version)
    always = {"ETag": version.tag, "Last-Modified": version.last_modified, **headers}
    if isinstance(found, NotModified):
        file.close()
        return Response(status_code=304, headers=always)
    if isinstance(found, Unsatisfiable):
        file.close()
        raise RangeUnsatisfiableError(version.size)
    always = _part_headers(always, found, version)
    pieces = _FilePieces(file, found.start, found.end)
    return PieceResponse(pieces, status_code=200 if found.is_whole else 206, headers=always, media_type=media_type)


class ContentResponse(Response):
    """Sends pieces that come from elsewhere; the first one is here already."""

    def __init__(
        self,
        first: bytes,
        rest: AsyncGenerator[bytes],
        *,
        status_code: int,
        headers: Mapping[str, str],
        media_type: str,
    ) -> None:
        super().__init__(None, status_code=status_code, headers=dict(headers))
        self.headers["content-type"] = media_type
        self._first = first
        self._rest = rest

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Runs until the pieces end or the client goes away."""
        is_head = bool(scope["state"].get("is_head"))
        async with aclosing(self._rest) as rest:
            await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
            gone = asyncio.create_task(_watch(receive))
            try:
                if not is_head:
                    await send({"type": "http.response.body", "body": self._first, "more_body": True})
                    async for piece in rest:
                        if gone.done():
                            return
                        await send({"type": "http.response.body", "body": piece, "more_body": True})
                await send({"type": "http.response.body", "body": b"", "more_body": False})
            finally:
                gone.cancel()


async def answer_content(
    pieces: Callable[[int, int], AsyncGenerator[bytes]],
    version: Version,
    *,
    asked: Mapping[str, str],
    headers: Mapping[str, str],
    media_type: str,
) -> Response:
    """Like `answer_file`, of a content that is fetched from somewhere. What goes wrong at its start is a refusal.

    `pieces(start, end)` gives the bytes in between.

    Raises:
        RangeUnsatisfiableError
    """
    found = decide_part(asked, version)
    always = {"ETag": version.tag, "Last-Modified": version.last_modified, **headers}
    if isinstance(found, NotModified):
        return Response(status_code=304, headers=always)
    if isinstance(found, Unsatisfiable):
        raise RangeUnsatisfiableError(version.size)
    rest = pieces(found.start, found.end)
    try:
        first = await anext(rest, b"")
    except BaseException:
        await rest.aclose()
        raise
    status = 200 if found.is_whole else 206
    always = _part_headers(always, found, version)
    return ContentResponse(first, rest, status_code=status, headers=always, media_type=media_type)


def _part_headers(always: dict[str, str], part: Part, version: Version) -> dict[str, str]:
    found = always | {"Accept-Ranges": "bytes", "Content-Length": str(part.end - part.start)}
    if not part.is_whole:
        found["Content-Range"] = f"bytes {part.start}-{part.end - 1}/{version.size}"
    return found


class _FilePieces:
    def __init__(self, file: BinaryIO, start: int, end: int) -> None:
        self._file = file
        self._at, self._end = start, end

    def __next__(self) -> bytes:
        self._file.seek(self._at)
        piece = self._file.read(min(PIECE_BYTES, self._end - self._at))
        if not piece:
            raise StopIteration
        self._at += len(piece)
        return piece

    def close(self) -> None:
        self._file.close()


def _next(pieces: Pieces) -> bytes | None:
    # A StopIteration cannot leave a thread as an exception of a future.
    try:
        return next(pieces)
    except StopIteration:
        return None


async def _watch(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
