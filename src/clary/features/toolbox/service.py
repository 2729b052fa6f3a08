"""The door of the slice: the box of built-in tools, the list people see, calls outside a run."""

from clary.features.toolbox.command_words import denied_word
from clary.features.toolbox.direct_calls import DirectCall, DirectCalls, DirectLimits, Surroundings
from clary.features.toolbox.filling import kept_where_room
from clary.features.toolbox.knowledge_tool import knowledge_answer
from clary.features.toolbox.listing import ToolList
from clary.features.toolbox.loop_tools import MCP_READING
from clary.features.toolbox.pictures import Picture, Pictures
from clary.features.toolbox.session_tools import tasks_of_workflow
from clary.features.toolbox.toolbox import (
    ALIASES,
    LOOP_TOOLS,
    SESSION_TOOLS,
    BuiltInTool,
    Toolbox,
    canonical_name,
)

__all__ = [
    "ALIASES",
    "LOOP_TOOLS",
    "MCP_READING",
    "SESSION_TOOLS",
    "BuiltInTool",
    "DirectCall",
    "DirectCalls",
    "DirectLimits",
    "Picture",
    "Pictures",
    "Surroundings",
    "ToolList",
    "Toolbox",
    "canonical_name",
    "denied_word",
    "kept_where_room",
    "knowledge_answer",
    "tasks_of_workflow",
]
