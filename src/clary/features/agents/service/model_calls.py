"""Short calls of a model outside any run: bounded, repeated once when unreadable, and metered (product.md 3.6)."""

import asyncio
from collections.abc import Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import Literal, TypeVar

from clary.features.agents.answers import Reader, read_answer
from clary.features.agents.errors import ModelCallFailedError
from clary.features.agents.ports import DraftModels
from clary.features.agents.prompts import instructions
from clary.features.llm_providers.ports import CallOwner, Metering, ProviderSnapshot
from clary.features.permissions.service import Identity
from clary.runtime.messages import AssistantMessage, ModelMessage, SystemMessage, UserMessage
from clary.runtime.model import (
    AttemptLost,
    ModelClient,
    ModelFailedError,
    ModelRequest,
    TextDelta,
    Thinking,
)
from clary.runtime.prompts import Language

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


class ModelCalls:
    """See the module. Holds no transaction while a model answers."""

    def __init__(
        self,
        *,
        models: DraftModels,
        metering: Metering,
        max_seconds: float = MAX_SECONDS,
    ) -> None:
        self._models = models
        self._metering = metering
        self._max_seconds = max_seconds

    async def ask(self, assignment: Assignment, reader: Reader[T]) -> T:
        """What the model's answer says; an answer that cannot be read is asked for again once.

        Cancelling it closes the connection to the model at once; what was cut is booked as estimated.

        Raises:
            ModelCallFailedError: no answer, none in time, or none that can be read.
            BudgetExhaustedError, ModelUnpricedError: a budget stands in the way.
        """
        provider, author = assignment.provider, assignment.author
        owner = CallOwner(
            author.user_id, assignment.step_name, author.key_id, author.client_id, agent_id=assignment.agent_id
        )
        client = self._metering.metered(self._models.brief_client(provider), provider, owner)
        messages: list[ModelMessage] = [SystemMessage(assignment.instructions), UserMessage(assignment.material)]
        text = ""
        try:
            async with asyncio.timeout(self._max_seconds):
                for _ in range(ASKS):
                    text = await self._call(assignment, client, messages)
                    # Repairing walks the text; a long one must not hold up everybody else.
                    found = await asyncio.to_thread(read_answer, text, reader)
                    if found is not None:
                        return found
                    again = instructions("again", assignment.language)
                    messages = [*messages, AssistantMessage(text or "{}"), UserMessage(again)]
        except TimeoutError:
            raise ModelCallFailedError("provider_timeout") from None
        raise ModelCallFailedError("provider_bad_response" if text.strip() else "empty_response")

    async def _call(self, assignment: Assignment, client: ModelClient, messages: Sequence[ModelMessage]) -> str:
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
            return await _answer(client, request)
        except ModelFailedError as failure:
            raise ModelCallFailedError(failure.kind) from None


async def _answer(client: ModelClient, request: ModelRequest) -> str:
    pieces, size = list[str](), 0
    async with aclosing(client.stream(request)) as items:
        async for item in items:
            if isinstance(item, TextDelta):
                pieces.append(item.text)
                size += len(item.text)
                if size > MAX_ANSWER_CHARACTERS:
                    raise ModelFailedError("provider_bad_response")
            elif isinstance(item, AttemptLost):
                size = 0
                pieces.clear()
    return "".join(pieces)
