"""Bodies that come as a form of either kind or as JSON, where existing clients send both."""

from typing import Any, TypeVar
from urllib.parse import parse_qsl

from fastapi import Request
from fastapi.exceptions import RequestValidationError
from pydantic import ValidationError

from clary.http.middleware import ABSENT
from clary.http.multipart import FormReader
from clary.http.payload import Payload
from clary.http.problems import BodyTooLargeError, InvalidTextError
from clary.http.requests import FORM, content_type

P = TypeVar("P", bound=Payload)
MAX_FIELDS = 1000


async def json_or_form(request: Request, shape: type[P]) -> P:
    """The body of a route that takes both, in one shape; files in a form are not looked at.

    Raises:
        RequestValidationError: as for a JSON body.
        InvalidTextError, BodyTooLargeError: a form that holds what no form may.
    """
    kind, _ = content_type(request.headers.get("content-type", ""))
    if kind == FORM:
        fields: Any = _fields_in(await request.body())
    elif kind == "multipart/form-data":
        fields = {part.name: await part.text() async for part in FormReader(request).parts() if part.filename is None}
    else:
        fields = await request.json() if await request.body() else {}
    try:
        return shape.model_validate(fields)
    except ValidationError as error:
        listed = [{**each, "loc": ("body", *each["loc"])} for each in error.errors(include_url=False)]
        raise RequestValidationError(listed) from None


def _fields_in(body: bytes) -> dict[str, str | None]:
    """The fields of a url-encoded form; of one that is sent twice the last counts, as in JSON."""
    try:
        found = dict(parse_qsl(body.decode(), keep_blank_values=True, errors="strict", max_num_fields=MAX_FIELDS))
    except UnicodeDecodeError:
        raise InvalidTextError from None
    except ValueError:
        raise BodyTooLargeError from None
    if any("\0" in name or "\0" in value for name, value in found.items()):
        raise InvalidTextError
    return {name: None if value in ABSENT else value for name, value in found.items()}
