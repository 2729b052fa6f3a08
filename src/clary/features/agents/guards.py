"""The services of this slice, as types in a route's signature."""

from typing import Annotated

from fastapi import Depends, Request

from clary.features.agents.service import AgentService, AgentSharing, AgentVersions


async def _agents(request: Request) -> AgentService:
    return request.app.state.agents


async def _sharing(request: Request) -> AgentSharing:
    return request.app.state.agent_sharing


async def _versions(request: Request) -> AgentVersions:
    return request.app.state.agent_versions


Agents = Annotated[AgentService, Depends(_agents)]
Sharing = Annotated[AgentSharing, Depends(_sharing)]
Versions = Annotated[AgentVersions, Depends(_versions)]
