"""The services of the slice, as types in a route's signature."""

from typing import Annotated, cast

from fastapi import Depends, Request

from clary.features.files.service import FileReading, FileService


async def _files(request: Request) -> FileService:
    return cast("FileService", request.app.state.stored_files)


async def _reading(request: Request) -> FileReading:
    return cast("FileReading", request.app.state.file_reading)


async def _origin(request: Request) -> str:
    return cast("str", request.state.peer.origin)


Files = Annotated[FileService, Depends(_files)]
Reading = Annotated[FileReading, Depends(_reading)]
PeerOrigin = Annotated[str, Depends(_origin)]
"""Scheme and host as the caller reached the server (platform.md 2.7)."""
