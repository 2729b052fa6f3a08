"""What a request to start a run comes with, and where the words that the run answers come from."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime

from clary.db.session import Session
from clary.features.chat.control_tags import ControlTags
from clary.features.chat.intake import Intake, content_hash_of, read_messages, untagged
from clary.features.chat.lines import fallback_end
from clary.features.chat.payloads import ChatRequest
from clary.features.conversations.service import ConversationRow, new_conversation, text_of
from clary.features.interventions.service import Interventions
from clary.features.permissions.service import Identity
from clary.features.runs.service import Endpoint, RunRow, is_active
from clary.streams.hub import View

Take = Callable[[Session, ConversationRow | None, str], Awaitable[Intake]]
"""Finds, in the start's transaction, what a run (by its id) of a conversation answers. Anything it raises is a refusal
and undoes what it did."""


@dataclass(frozen=True, slots=True)
class ChatLimits:
    """Caps per user and run."""

    runs_per_user: Callable[[], int]
    views_per_run: int


@dataclass(frozen=True, slots=True)
class Start:
    """A request to start a run. `take`: another source than the request's messages; `title`: of a new conversation."""

    identity: Identity
    request: ChatRequest
    endpoint: Endpoint
    session_id: str
    key: str | None
    take: Take | None = None
    title: str | None = None

    @property
    def content_hash(self) -> str:
        """What makes two requests the same (stream-runtime.md 6.8)."""
        return content_hash_of(self.endpoint, self.request)

    def new_conversation(self, agent_id: str, agent_name: str, now: datetime) -> ConversationRow:
        """The conversation that this start opens; its first words name it unless a title was given."""
        return new_conversation(
            user_id=self.identity.user_id,
            session_id=self.session_id,
            agent_id=agent_id,
            agent_name=agent_name,
            now=now,
            title=self.title,
        )

    async def take_in(
        self, db: Session, known: ConversationRow | None, run_id: str, *, interventions: Interventions, now: float
    ) -> Intake:
        """The words of the request, or of guidance that waits if there are none (stream-runtime.md 2).

        Raises:
            MessagesEmptyError, ValidationFailedError, and what `take` raises.
        """
        if self.take is not None:
            return await self.take(db, known, run_id)
        if not self.request.messages and known is not None:
            # The loop takes guidance before its first model call; nothing of it is stored here.
            waiting = await interventions.first_guidance(db, conversation_id=known.conversation_id)
            if waiting is not None:
                said, _ = untagged(waiting.content)
                return Intake(ControlTags(), (), (), frozenset(), text_of(said)[:500])
        return read_messages(self.request.messages, now=now)


@dataclass(frozen=True, slots=True)
class OpenedView:
    """A view with the names its answer's headers carry, and what to say when nothing is left to send."""

    view: View | None
    run_id: str
    session_id: str
    last_line: Callable[[], bytes | None]


def opened_view(session_id: str, run: RunRow | None, view: View | None, *, now: float) -> OpenedView:
    """What a reader gets, who is told of the end also where no line of it is left (stream-runtime.md 6.5)."""
    run_id = run.run_id if run is not None else None

    def last_line() -> bytes | None:
        # A live run that ends without more lines (shutdown) is no end: the client resumes. It may also have ended
        # since its row was read, which then says no more how.
        if view is not None and not view.is_of_ended:
            return None
        status = run.status if run is not None and not is_active(run.status) else None
        return fallback_end(session_id=session_id, timestamp=round(now, 3), run_id=run_id, status=status)

    return OpenedView(view, run_id or "", session_id, last_line)


@dataclass(frozen=True, slots=True)
class Interrupted:
    """Outcome of an interrupt."""

    session_id: str
    user_id: str
    interrupted: bool
    run_id: str | None
    status: str | None


class OccupiedError(Exception):
    """The session has an active run that the request may replace."""

    def __init__(self, run_id: str) -> None:
        super().__init__(run_id)
        self.run_id = run_id


class KeyTakenError(Exception):
    """Somebody else used the idempotency key in the same moment; nothing of this start is kept."""
