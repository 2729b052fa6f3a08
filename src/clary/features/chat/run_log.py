"""The log of a root run as all runs of its tree write it (stream-runtime.md 1, event log)."""

from dataclasses import dataclass

from clary.features.chat.lines import Stamps
from clary.features.runs.service import change_run
from clary.streams.hub import LogWriter
from clary.streams.ports import Write


@dataclass(frozen=True, slots=True)
class RunPlace:
    """Where the messages and steps of a run belong. `root_conversation_id`: where its tree numbers what it cites."""

    run_id: str
    conversation_id: int
    root_conversation_id: int
    is_root: bool = True


class RunLog:
    """One writer, one time, and one mark up to which the message store holds everything."""

    def __init__(self, writer: LogWriter, root_run_id: str, stamps: Stamps) -> None:
        self.writer = writer
        self.root_run_id = root_run_id
        self.stamps = stamps
        self._open: dict[str, int] = {}

    @property
    def generation(self) -> int:
        """The generation under which the tree is executed."""
        return self.writer.generation

    def opened(self, message_id: str) -> None:
        """A message begins to grow; from its first line on the store is behind the log."""
        self._open.setdefault(message_id, self.writer.queued_length)

    def closed(self, message_id: str) -> None:
        """The message is about to be stored, or void."""
        self._open.pop(message_id, None)

    def stored_lines(self, added: int) -> int:
        """The mark of the root after a transaction that adds so many lines."""
        # A growing message's lines are ahead of the store, so the mark stays before the earliest of them.
        return min(self._open.values(), default=self.writer.queued_length + added)

    def mark(self, added: int) -> Write:
        """Moves the mark of the root, as part of a transaction that adds so many lines."""
        return self.changed(self.root_run_id, stored_lines=self.stored_lines(added))

    def changed(self, run_id: str, **values: object) -> Write:
        """A change to a run of the tree."""
        return change_run(run_id, self.generation, **values)
