"""The services of the slice, as types in a route's signature."""

from typing import Annotated, cast

from fastapi import Depends, Request

from clary.features.audit.service import AuditLog, AuditReading


async def _log(request: Request) -> AuditLog:
    return cast("AuditLog", request.app.state.audit)


async def _reading(request: Request) -> AuditReading:
    return cast("AuditReading", request.app.state.audit_reading)


Audit = Annotated[AuditLog, Depends(_log)]
Reading = Annotated[AuditReading, Depends(_reading)]
