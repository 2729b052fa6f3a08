"""What happens in a run, as values. Whoever drives the loop makes them durable before asking for the next one."""

from dataclasses import dataclass
from typing import Any, Literal

from clary.kit.text import Text
from clary.runtime.messages import Effect, ToolCall
from clary.runtime.model import FailureKind, Usage
from clary.runtime.tools import ProgressStream

AnswerType = Literal["do_subtask_result", "task_analysis", "final_answer", "planning", "observation"]

LoopEnd = Literal["answered", "need_user_input", "loop_limit", "repetition", "budget"]


@dataclass(frozen=True, slots=True)
class TextStreamed:
    """A piece of a message; pieces of one `message_id` are concatenated."""

    message_id: str
    text: str
    type: AnswerType = "do_subtask_result"


@dataclass(frozen=True, slots=True)
class ReasoningStreamed:
    """A piece of reasoning."""

    message_id: str
    text: str


@dataclass(frozen=True, slots=True)
class CallStreamed:
    """A fragment of a call's arguments, before the whole call is announced under the same `message_id`."""

    message_id: str
    call_id: str | None
    name: str | None
    arguments: str


@dataclass(frozen=True, slots=True)
class AttemptVoided:
    """Everything streamed by this step so far is void; the answer starts again under new ids."""

    step_id: str
    step_name: str
    kind: FailureKind
    usage: Usage | None


@dataclass(frozen=True, slots=True)
class ModelStepBegan:
    """A model call is about to be made."""

    step_id: str
    step_name: str


@dataclass(frozen=True, slots=True)
class AnnouncedCall:
    """A call as everybody sees it: arguments are a JSON object's text."""

    message_id: str
    call: ToolCall


@dataclass(frozen=True, slots=True)
class ModelStepDone:
    """A response was read completely; its calls are announced with it."""

    step_id: str
    step_name: str
    response_id: str
    model: str
    calls: tuple[AnnouncedCall, ...] = ()
    usage: Usage | None = None
    estimated: bool = False
    """The provider reported no usage; `usage` is an estimate (stream-runtime.md 9.17)."""
    finish_reason: str = "stop"


@dataclass(frozen=True, slots=True)
class SilentStepDone:
    """A model call that streams nothing (judge, compaction); only its usage matters."""

    step_id: str
    step_name: str
    model: str
    usage: Usage | None
    note: str | None = None


@dataclass(frozen=True, slots=True)
class ToolStepBegan:
    """A tool is about to run; must be durable first unless its effect is `read`."""

    call: ToolCall
    effect: Effect


@dataclass(frozen=True, slots=True)
class ToolProgressed:
    """Output of a running tool."""

    call_id: str
    stream: ProgressStream
    text: str
    closed: bool = False


@dataclass(frozen=True, slots=True)
class ToolStepDone:
    """The one result of a call: `content` for the wire, `model_text` for the model."""

    call: ToolCall
    message_id: str
    content: dict[str, Any] | str
    model_text: str
    is_error: bool


@dataclass(frozen=True, slots=True)
class Noticed:
    """A server notice that ends the run and offers to go on."""

    message_id: str
    kind: Literal["loop_limit", "repetition", "budget"]
    text: Text | None = None
    """What to say instead of the usual words."""


@dataclass(frozen=True, slots=True)
class ContextCompacted:
    """Earlier messages are now represented by a summary (stream-runtime.md 9.8)."""

    call_id: str
    call_message_id: str
    result_message_id: str
    summary: str
    covers_from: int
    covers_to: int
    model: str
    covers_before: str | None = None
    """Id of the first message that is not covered, where it came during this run: everything before it is."""


@dataclass(frozen=True, slots=True)
class ServerCalled:
    """The server itself makes a call, which everybody sees, the model too (stream-runtime.md 9.6)."""

    announced: AnnouncedCall


@dataclass(frozen=True, slots=True)
class ServerSummed:
    """The closing summary in the server's own words, where the model gave none (stream-runtime.md 9.11)."""

    message_id: str
    text: str


@dataclass(frozen=True, slots=True)
class UserInjected:
    """What the person said during the run reaches the model (stream-runtime.md 9.14)."""

    guidance_id: str
    message_id: str
    content: Any


@dataclass(frozen=True, slots=True)
class SelfChecked:
    """What was written is not right; the model sees the report and goes on (stream-runtime.md 9.11)."""

    message_id: str
    text: str
    files: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Suggested:
    """Three follow-ups from the person's point of view (stream-runtime.md 9.11)."""

    message_id: str
    suggestions: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class LoopEnded:
    """The loop is over; nothing follows. `report` is what `sys_finish_task` said, `text` the last answer."""

    reason: LoopEnd
    text: str = ""
    report: dict[str, Any] | None = None


RunEvent = (
    TextStreamed
    | ReasoningStreamed
    | CallStreamed
    | AttemptVoided
    | ModelStepBegan
    | ModelStepDone
    | SilentStepDone
    | ToolStepBegan
    | ToolProgressed
    | ToolStepDone
    | Noticed
    | ContextCompacted
    | ServerCalled
    | ServerSummed
    | UserInjected
    | SelfChecked
    | Suggested
    | LoopEnded
)


class RunFailedError(Exception):
    """The run cannot go on; the person is told by the text of the kind."""

    def __init__(self, kind: FailureKind, *, retryable: bool = False) -> None:
        super().__init__(kind)
        self.kind: FailureKind = kind
        self.retryable = retryable
