"""Kinds of work that a recorder is given, to commit with the lines it writes."""

from collections.abc import Callable, Sequence

from clary.features.chat.config import Json, RunConfig
from clary.runtime.messages import ToolCall
from clary.streams.ports import Write

GuidanceTaker = Callable[[int, str], Write]
"""Work that removes a guidance item of a conversation when its line is written."""
Opening = Callable[[ToolCall], list[Write]]
"""Work that makes a call answerable, and commits with the line that shows it."""
ConfigKeeper = Callable[[RunConfig, Sequence[Json]], Write]
"""Work that stores the changed configuration of a run, and warnings that come with it."""


def opens_nothing(call: ToolCall) -> list[Write]:
    """No call waits for a person."""
    return []
