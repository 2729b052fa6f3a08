"""One transaction per request, committed before the answer begins.

`scope="function"` is what makes the commit come before the answer: with the framework's default scope it would run
after the response was sent, and a failed commit would reach nobody.
"""

from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import Depends, Request

from clary.db.session import Session


async def _write(request: Request) -> AsyncIterator[Session]:
    async with request.app.state.database.write() as session:
        yield session


async def _read(request: Request) -> AsyncIterator[Session]:
    async with request.app.state.database.read() as session:
        yield session


UnitOfWork = Annotated[Session, Depends(_write, scope="function")]
"""A transaction that may change things."""

ReadUnit = Annotated[Session, Depends(_read, scope="function")]
"""One snapshot, nothing to change."""
