"""The door of the slice: the agents page, and what a run needs of an agent."""

from clary.features.agents.policy import AgentLimits
from clary.features.agents.ports import AgentSnapshot, AgentThings, FixedTools
from clary.features.agents.service.agents import AgentService, ListScope
from clary.features.agents.service.checking import ConfigurationCheck
from clary.features.agents.service.in_use import AgentResolver
from clary.features.agents.service.leaving import AgentLeaving
from clary.features.agents.service.references import AgentReferences
from clary.features.agents.service.sharing import AgentSharing

__all__ = [
    "AgentLeaving",
    "AgentLimits",
    "AgentReferences",
    "AgentResolver",
    "AgentService",
    "AgentSharing",
    "AgentSnapshot",
    "AgentThings",
    "ConfigurationCheck",
    "FixedTools",
    "ListScope",
]
