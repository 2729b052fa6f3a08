"""What has been read of a model's response that is still coming."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace

from clary.runtime.events import AnswerType, CallStreamed, ReasoningStreamed, TextStreamed
from clary.runtime.growing_text import GrowingText
from clary.runtime.model import ModelDone, ReasoningDelta, TextDelta, ToolCallDelta


@dataclass(slots=True)
class ResponseDraft:
    """One response being read: its texts and the ids of its messages."""

    step_id: str
    response_id: str
    new_id: Callable[[], str]
    taken_ids: set[str]
    """Ids of the session's calls so far."""
    answer_type: AnswerType = "do_subtask_result"
    withheld: set[int] = field(default_factory=set[int])
    """Places of calls whose fragments are not shown."""
    _text: GrowingText = field(default_factory=GrowingText)
    _reasoning: GrowingText = field(default_factory=GrowingText)
    _text_id: str | None = None
    _reasoning_id: str | None = None
    _call_ids: dict[int, str] = field(default_factory=dict[int, str])
    _own_ids: dict[str, str] = field(default_factory=dict[str, str])

    @property
    def text(self) -> str:
        """Text so far."""
        return str(self._text)

    @property
    def reasoning(self) -> str:
        """Thinking so far."""
        return str(self._reasoning)

    def text_event(self, item: TextDelta) -> TextStreamed:
        """Takes a piece of text; returns its event."""
        if self._text_id is None:
            self._text_id = self.new_id()
        self._text.add(item.text)
        return TextStreamed(self._text_id, item.text, self.answer_type)

    def reasoning_event(self, item: ReasoningDelta) -> ReasoningStreamed:
        """Takes a piece of thinking; returns its event."""
        if self._reasoning_id is None:
            self._reasoning_id = self.new_id()
        self._reasoning.add(item.text)
        return ReasoningStreamed(self._reasoning_id, item.text)

    def call_event(self, item: ToolCallDelta) -> CallStreamed:
        """A fragment of a call."""
        own_id = self._own_call_id(item.id) if item.id else None
        return CallStreamed(self.call_message_id(item.position), own_id, item.name, item.arguments)

    def with_own_ids(self, done: ModelDone) -> ModelDone:
        """The whole response with its calls under ids that are unique in the session (stream-runtime.md 4.2)."""
        return replace(done, calls=tuple(replace(call, id=self._own_call_id(call.id)) for call in done.calls))

    def _own_call_id(self, provider_id: str) -> str:
        own = provider_id if provider_id not in self.taken_ids else f"call_{self.new_id()}"
        return self._own_ids.setdefault(provider_id, own)

    def call_message_id(self, position: int) -> str:
        """Id of the message that carries a call."""
        if position not in self._call_ids:
            self._call_ids[position] = self.new_id()
        return self._call_ids[position]

    def restart(self) -> None:
        """Forgets what a lost attempt sent."""
        self._text.clear()
        self._reasoning.clear()
        self._text_id = self._reasoning_id = None
        self._call_ids = {}
