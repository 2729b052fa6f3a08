"""Request bodies of the audit log."""

from typing import Annotated

from pydantic import Field

from clary.http.payload import Payload

Seq = Annotated[int, Field(ge=0, lt=2**63)]


class NotedHead(Payload):
    """An entry somebody noted outside."""

    seq: Seq
    hash: Annotated[str, Field(pattern="^[0-9a-f]{64}$")]


class VerifyRequest(Payload):
    """Where to begin, and what must be there."""

    from_seq: Annotated[int, Field(ge=1, lt=2**63)] | None = None
    head: NotedHead | None = None
