"""Kinds of work that a recorder is given, to commit with the lines it writes."""

from collections.abc import Callable, Sequence
from typing import Protocol

from clary.features.chat.config import Json, RunConfig
from clary.runtime.messages import ToolCall
from clary.streams.ports import Write

GuidanceTaker = Callable[[int, str], Write]
"""Work that removes a guidance item of a conversation when its line is written."""
ConfigKeeper = Callable[[RunConfig, Sequence[Json]], Write]
"""Work that stores the changed configuration of a run, and warnings that come with it."""


class Questions(Protocol):
    """Calls that wait for a person."""

    def opening(self, call: ToolCall) -> list[Write]:
        """Work that makes a call answerable, and commits with the line that shows it."""
        ...

    def closed(self, call: ToolCall) -> None:
        """A call has its result, whether anybody was asked or not; called before that is written."""
        ...


class NoQuestions:
    """No call waits for a person."""

    def opening(self, call: ToolCall) -> list[Write]:
        """See `Questions`."""
        return []

    def closed(self, call: ToolCall) -> None:
        """See `Questions`."""
