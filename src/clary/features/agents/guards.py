"""The services of this slice, as types in a route's signature."""

from typing import Annotated

from fastapi import Depends, Request

from clary.features.agents.service import (
    AgentAbilities,
    AgentGeneration,
    AgentService,
    AgentSharing,
    AgentVersions,
    GenerationTasks,
)


async def _agents(request: Request) -> AgentService:
    return request.app.state.agents


async def _sharing(request: Request) -> AgentSharing:
    return request.app.state.agent_sharing


async def _versions(request: Request) -> AgentVersions:
    return request.app.state.agent_versions


async def _generation(request: Request) -> AgentGeneration:
    return request.app.state.agent_generation


async def _abilities(request: Request) -> AgentAbilities:
    return request.app.state.agent_abilities


async def _tasks(request: Request) -> GenerationTasks:
    return request.app.state.generation_tasks


Agents = Annotated[AgentService, Depends(_agents)]
Sharing = Annotated[AgentSharing, Depends(_sharing)]
Versions = Annotated[AgentVersions, Depends(_versions)]
Generation = Annotated[AgentGeneration, Depends(_generation)]
Abilities = Annotated[AgentAbilities, Depends(_abilities)]
Tasks = Annotated[GenerationTasks, Depends(_tasks)]
