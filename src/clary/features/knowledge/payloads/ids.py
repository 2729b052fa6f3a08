"""Ids as people send them."""

from typing import Annotated, Final

from pydantic import Field

MAX_ID: Final = 1024
"""Far longer than any id: what looks like none is unknown, as every other id that nobody has, not malformed."""

Id = Annotated[str, Field(max_length=MAX_ID)]
