"""The service of this slice, as a type in a route's signature."""

from typing import Annotated

from fastapi import Depends, Request

from clary.features.agents.service import AgentService


async def _agents(request: Request) -> AgentService:
    return request.app.state.agents


Agents = Annotated[AgentService, Depends(_agents)]
