"""One response being read: its texts, and the ids of its messages and calls. Decides nothing."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace

from clary.runtime.events import CallStreamed, ReasoningStreamed, TextStreamed
from clary.runtime.model import ModelDone, ReasoningDelta, TextDelta, ToolCallDelta


@dataclass(slots=True)
class OpenResponse:
    """See the module."""

    step_id: str
    response_id: str
    new_id: Callable[[], str]
    taken_ids: set[str]
    text: str = ""
    reasoning: str = ""
    _text_id: str | None = None
    _reasoning_id: str | None = None
    _call_ids: dict[int, str] = field(default_factory=dict[int, str])
    _own_ids: dict[str, str] = field(default_factory=dict[str, str])

    def own_call_id(self, provider_id: str) -> str:
        """An id that is unique in the session (stream-runtime.md 4.2)."""
        own = provider_id if provider_id not in self.taken_ids else f"call_{self.new_id()}"
        return self._own_ids.setdefault(provider_id, own)

    def with_own_ids(self, done: ModelDone) -> ModelDone:
        """The whole response with its calls under ids of the session."""
        return replace(done, calls=tuple(replace(call, id=self.own_call_id(call.id)) for call in done.calls))

    def text_event(self, item: TextDelta) -> TextStreamed:
        """A piece of text."""
        if self._text_id is None:
            self._text_id = self.new_id()
        self.text += item.text
        return TextStreamed(self._text_id, item.text)

    def reasoning_event(self, item: ReasoningDelta) -> ReasoningStreamed:
        """A piece of reasoning."""
        if self._reasoning_id is None:
            self._reasoning_id = self.new_id()
        self.reasoning += item.text
        return ReasoningStreamed(self._reasoning_id, item.text)

    def call_event(self, item: ToolCallDelta) -> CallStreamed:
        """A piece of a call."""
        own_id = self.own_call_id(item.id) if item.id else None
        return CallStreamed(self.call_message_id(item.position), own_id, item.name, item.arguments)

    def call_message_id(self, position: int) -> str:
        """The message of a call, the same for its pieces and the whole."""
        if position not in self._call_ids:
            self._call_ids[position] = self.new_id()
        return self._call_ids[position]

    def restart(self) -> None:
        """Begins again under new ids: what was sent is void."""
        self.text = self.reasoning = ""
        self._text_id = self._reasoning_id = None
        self._call_ids = {}
