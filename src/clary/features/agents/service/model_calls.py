"""Short calls of a model outside any run: bounded, repeated once when unreadable, and booked (product.md 3.6)."""

import asyncio
from collections.abc import Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Literal, TypeVar

from clary.db.database import Database
from clary.features.agents.answers import Reader, read_answer
from clary.features.agents.errors import ModelCallFailedError
from clary.features.agents.ports import DraftModels
from clary.features.agents.prompts import instructions
from clary.features.llm_providers.ports import ProviderSnapshot
from clary.features.llm_providers.service import Money
from clary.features.permissions.service import Identity
from clary.features.usage.service import LedgerEntry, record
from clary.kit.clock import Clock
from clary.runtime.messages import AssistantMessage, ModelMessage, SystemMessage, UserMessage
from clary.runtime.model import (
    AttemptLost,
    ModelClient,
    ModelDone,
    ModelFailedError,
    ModelRequest,
    TextDelta,
    Thinking,
    Usage,
)
from clary.runtime.prompts import Language
from clary.runtime.toolset import estimate_tokens

ASKS = 2
"""With at most two attempts each, that makes four calls."""
MAX_SECONDS = 120.0
MAX_ANSWER_CHARACTERS = 400_000
StepName = Literal["agent_generate", "prompt_optimize", "agent_abilities"]
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Author:
    """On whom calls are booked, and with which key or client they came."""

    user_id: str
    key_id: str | None = None
    client_id: str | None = None

    @classmethod
    def of(cls, identity: Identity) -> "Author":
        """The caller of a request."""
        return cls(identity.user_id, identity.key_id, identity.client_id)


@dataclass(frozen=True, slots=True)
class Assignment:
    """What a model is asked for, whose model it is, and for what it is booked."""

    provider: ProviderSnapshot
    author: Author
    step_name: StepName
    language: Language
    instructions: str
    material: str
    agent_id: str | None = None


@dataclass(slots=True)
class _Heard:
    """What came of a call so far; lets a call that was cut be booked."""

    attempt: int
    began: float
    pieces: list[str] = field(default_factory=list[str])
    usage: Usage | None = None

    @property
    def text(self) -> str:
        """The answer."""
        return "".join(self.pieces)


class ModelCalls:
    """See the module. Holds no transaction while a model answers."""

    def __init__(
        self,
        *,
        database: Database,
        models: DraftModels,
        money: Money,
        clock: Clock,
        max_seconds: float = MAX_SECONDS,
    ) -> None:
        self._database = database
        self._models = models
        self._money = money
        self._clock = clock
        self._max_seconds = max_seconds

    async def ask(self, assignment: Assignment, reader: Reader[T]) -> T:
        """What the model's answer says; an answer that cannot be read is asked for again once.

        Cancelling it closes the connection to the model at once; what was cut is booked as estimated.

        Raises:
            ModelCallFailedError: no answer, none in time, or none that can be read.
        """
        client = self._models.brief_client(assignment.provider)
        messages: list[ModelMessage] = [SystemMessage(assignment.instructions), UserMessage(assignment.material)]
        text = ""
        try:
            async with asyncio.timeout(self._max_seconds):
                for attempt in range(1, ASKS + 1):
                    text = await self._call(assignment, client, messages, attempt)
                    # Repairing walks the text; a long one must not hold up everybody else.
                    found = await asyncio.to_thread(read_answer, text, reader)
                    if found is not None:
                        return found
                    again = instructions("again", assignment.language)
                    messages = [*messages, AssistantMessage(text or "{}"), UserMessage(again)]
        except TimeoutError:
            raise ModelCallFailedError("provider_timeout") from None
        raise ModelCallFailedError("provider_bad_response" if text.strip() else "empty_response")

    async def _call(
        self, assignment: Assignment, client: ModelClient, messages: Sequence[ModelMessage], attempt: int
    ) -> str:
        heard = _Heard(attempt, self._clock.monotonic())
        provider = assignment.provider
        request = ModelRequest(
            messages,
            max_tokens=provider.max_tokens,
            temperature=provider.temperature,
            top_p=provider.top_p,
            presence_penalty=provider.presence_penalty,
            thinking=Thinking(enabled=False),
        )
        try:
            await self._listen(assignment, client, request, heard)
        except ModelFailedError as failure:
            await self._book(assignment, heard, failure.usage or Usage(), note=failure.kind, outcome="error")
            raise ModelCallFailedError(failure.kind) from None
        except asyncio.CancelledError:
            cut = Usage(_estimate(messages), estimate_tokens(heard.text))
            await asyncio.shield(self._book(assignment, heard, cut, note="estimated", outcome="cancelled"))
            raise
        if heard.usage is not None:
            await self._book(assignment, heard, heard.usage)
        else:
            guess = Usage(_estimate(messages), estimate_tokens(heard.text))
            await self._book(assignment, heard, guess, note="estimated")
        return heard.text

    async def _listen(self, assignment: Assignment, client: ModelClient, request: ModelRequest, heard: _Heard) -> None:
        size = 0
        async with aclosing(client.stream(request)) as items:
            async for item in items:
                if isinstance(item, TextDelta):
                    heard.pieces.append(item.text)
                    size += len(item.text)
                    if size > MAX_ANSWER_CHARACTERS:
                        raise ModelFailedError("provider_bad_response")
                elif isinstance(item, AttemptLost):
                    await self._book(assignment, heard, item.usage or Usage(), note=item.kind, outcome="error")
                    size = 0
                    heard.pieces.clear()
                elif isinstance(item, ModelDone):
                    heard.usage = item.usage

    async def _book(
        self, assignment: Assignment, heard: _Heard, usage: Usage, *, note: str | None = None, outcome: str = "ok"
    ) -> None:
        # A failed call without figures costs what it used: nothing that anybody knows of.
        is_priced = outcome != "error" or usage.total_tokens > 0
        entry = LedgerEntry(
            at=self._clock.now(),
            user_id=assignment.author.user_id,
            request_source="other",
            step_name=assignment.step_name,
            provider_id=assignment.provider.id,
            model=assignment.provider.model,
            input_tokens=usage.prompt_tokens,
            output_tokens=usage.completion_tokens,
            cached_tokens=usage.cached_tokens or 0,
            reasoning_tokens=usage.reasoning_tokens or 0,
            cost=self._money.cost(assignment.provider, usage) if is_priced else None,
            currency=self._money.currency,
            agent_id=assignment.agent_id,
            key_id=assignment.author.key_id,
            client_id=assignment.author.client_id,
            note=note,
            outcome=outcome,
            attempt=heard.attempt,
            duration_ms=round((self._clock.monotonic() - heard.began) * 1000),
        )
        async with self._database.write() as db:
            await record(db, entry)


def _estimate(messages: Sequence[ModelMessage]) -> int:
    return sum(
        estimate_tokens(each.text if isinstance(each, (SystemMessage, AssistantMessage)) else str(each.content))
        for each in messages
    )
