"""The door of the slice: the agents page, and what a run needs of an agent."""

from clary.features.agents.payloads import ContextBudgetBody
from clary.features.agents.policy import AgentLimits
from clary.features.agents.ports import AgentSnapshot, AgentThings, FixedTools, SubAgents
from clary.features.agents.service.abilities import AgentAbilities
from clary.features.agents.service.agents import AgentService, ListScope
from clary.features.agents.service.budgets import AgentBudgets
from clary.features.agents.service.checking import ConfigurationCheck
from clary.features.agents.service.generation import AgentGeneration
from clary.features.agents.service.in_use import AgentResolver
from clary.features.agents.service.leaving import AgentLeaving
from clary.features.agents.service.model_calls import Author, ModelCalls
from clary.features.agents.service.reach import AgentReach
from clary.features.agents.service.references import AgentReferences
from clary.features.agents.service.removal import AgentRemoval
from clary.features.agents.service.sharing import AgentSharing
from clary.features.agents.service.tasks import TASK_TYPES, GenerationTasks
from clary.features.agents.service.versions import AgentVersions

__all__ = [
    "ContextBudgetBody",
    "TASK_TYPES",
    "AgentAbilities",
    "AgentBudgets",
    "AgentGeneration",
    "AgentLeaving",
    "AgentLimits",
    "AgentReach",
    "AgentReferences",
    "AgentRemoval",
    "AgentResolver",
    "AgentService",
    "AgentSharing",
    "AgentSnapshot",
    "AgentThings",
    "AgentVersions",
    "Author",
    "ConfigurationCheck",
    "FixedTools",
    "GenerationTasks",
    "ListScope",
    "ModelCalls",
    "SubAgents",
]
