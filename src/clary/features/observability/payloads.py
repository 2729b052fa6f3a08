"""Wire shapes of the slice."""

from clary.http.payload import Payload


class ToolUsageRequest(Payload):
    """Which runs count; `days` outside 1..365 are clamped."""

    days: int
    agent_id: str | None = None
    user_id: str | None = None
