"""The services of the slice, as types in a route's signature."""

from typing import Annotated, cast

from fastapi import Depends, Request

from clary.features.observability.service import JaegerGate, MetricsPage, Reader, RunTimeline, Statistics
from clary.features.permissions.guards import MaybeUser
from clary.http.peers import socket_peer
from clary.kit.text import Text

FORWARDING = ("x-forwarded-for", "x-forwarded-proto", "x-forwarded-host", "forwarded")


async def _statistics(request: Request) -> Statistics:
    return cast("Statistics", request.app.state.statistics)


async def _metrics(request: Request) -> MetricsPage:
    return cast("MetricsPage", request.app.state.metrics_page)


async def _gate(request: Request) -> JaegerGate:
    return cast("JaegerGate", request.app.state.jaeger_gate)


async def _timeline(request: Request) -> RunTimeline:
    return cast("RunTimeline", request.app.state.run_timeline)


async def _fault(request: Request) -> Text | None:
    return cast("Text | None", getattr(request.state, "identity_fault", None))


CredentialFault = Annotated[Text | None, Depends(_fault)]
"""What is wrong with the credential of a caller who is nobody; None if there was none."""


async def _reader(request: Request, user: MaybeUser, fault: CredentialFault) -> Reader:
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    return Reader(
        identity=user,
        fault=fault,
        address=socket_peer(request.scope),
        is_forwarded=any(name in request.headers for name in FORWARDING),
        bearer=token.strip() if scheme.lower() == "bearer" else "",
    )


Figures = Annotated[Statistics, Depends(_statistics)]
Metrics = Annotated[MetricsPage, Depends(_metrics)]
Gate = Annotated[JaegerGate, Depends(_gate)]
Timeline = Annotated[RunTimeline, Depends(_timeline)]
MetricsReader = Annotated[Reader, Depends(_reader)]
