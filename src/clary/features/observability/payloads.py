"""Wire shapes of the slice."""

from typing import Annotated

from pydantic import Field

from clary.http.payload import Payload

Name = Annotated[str, Field(max_length=64)]


class ToolUsageRequest(Payload):
    """Which runs count; `days` outside 1..365 are clamped."""

    days: int
    agent_id: Name | None = None
    user_id: Name | None = None
