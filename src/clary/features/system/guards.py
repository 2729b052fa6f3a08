"""What the public routes of this slice learn about their caller."""

from typing import Annotated

from fastapi import Depends, Request


async def _is_signed_in(request: Request) -> bool:
    return getattr(request.state, "identity", None) is not None


SignedIn = Annotated[bool, Depends(_is_signed_in)]
"""Whether the caller of a public route has a valid login."""
