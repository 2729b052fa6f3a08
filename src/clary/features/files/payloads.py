"""Wire shapes of files (platform.md 10.1)."""

from typing import Annotated

from pydantic import Field

from clary.http.payload import Payload


class ImportRequest(Payload):
    """An address to fetch."""

    url: Annotated[str, Field(min_length=4, max_length=2048)]
