"""Bodies that come as a form or as JSON, where existing clients send both."""

from typing import Any, TypeVar

from fastapi import Request
from fastapi.exceptions import RequestValidationError
from pydantic import ValidationError

from clary.http.multipart import FormReader
from clary.http.payload import Payload

P = TypeVar("P", bound=Payload)


async def json_or_form(request: Request, shape: type[P]) -> P:
    """The body of a route that takes both, in one shape; files in a form are not looked at.

    Raises:
        RequestValidationError: as for a JSON body.
    """
    if request.headers.get("content-type", "").lower().startswith("multipart/form-data"):
        fields: Any = {
            part.name: await part.text() async for part in FormReader(request).parts() if part.filename is None
        }
    else:
        fields = await request.json() if await request.body() else {}
    try:
        return shape.model_validate(fields)
    except ValidationError as error:
        listed = [{**each, "loc": ("body", *each["loc"])} for each in error.errors(include_url=False)]
        raise RequestValidationError(listed) from None
