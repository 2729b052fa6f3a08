"""Rewriting a draft before it is sent (stream-runtime.md 10.4). Not a run: no log, no history, nothing to resume."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from typing import Any

from clary.db.database import Database
from clary.db.session import Session
from clary.errors import ProblemError
from clary.features.agents.errors import AgentNotFoundError, ModelCallFailedError
from clary.features.agents.ports import AgentSnapshot
from clary.features.agents.service import AgentResolver
from clary.features.chat.payloads.revising import HistoryItem, OptimizeRequest
from clary.features.chat.ports import ModelGateway
from clary.features.conversations.service import ConversationService, text_of
from clary.features.llm_providers.ports import CallOwner, MeteredModel, Metering
from clary.features.llm_providers.service import ProviderResolver
from clary.features.permissions.service import Identity
from clary.http.content import plain_content
from clary.kit import json_text
from clary.kit.clock import Clock
from clary.kit.text import current_locale, cut
from clary.runtime.messages import ModelMessage, SystemMessage, UserMessage
from clary.runtime.model import AttemptLost, ModelFailedError, ModelRequest, TextDelta
from clary.runtime.prompt import prompt_language
from clary.runtime.prompts import Language, optimize_input

HISTORY_MESSAGES = 20
HISTORY_CHARACTERS = 2000
MAX_ANSWER_TOKENS = 8192
STEP_NAME = "optimize_input"
Json = dict[str, Any]


class DraftingService:
    """Finds the model for a draft: the agent's small one, else its main one, else the person's default."""

    def __init__(
        self,
        *,
        database: Database,
        agents: AgentResolver,
        providers: ProviderResolver,
        conversations: ConversationService,
        models: ModelGateway,
        metering: Metering,
        clock: Clock,
    ) -> None:
        self._database = database
        self._agents = agents
        self._providers = providers
        self._conversations = conversations
        self._models = models
        self._metering = metering
        self._clock = clock

    async def begin(self, *, identity: Identity, request: OptimizeRequest) -> "Draft":
        """A draft about to be rewritten; no model is called yet.

        Raises:
            AgentNotFoundError, ProviderMissingError, BudgetExhaustedError, ModelUnpricedError
        """
        async with self._database.read() as db:
            agent = await self._agent(db, identity, request)
            provider = await self._providers.resolve(
                db,
                user_id=identity.user_id,
                agent_provider_id=agent.fast_provider_id or agent.provider_id,
                agent_owner_id=agent.owner_id,
            )
            owner = CallOwner(identity.user_id, STEP_NAME, identity.key_id, identity.client_id, agent_id=agent.agent_id)
            model = self._metering.metered(self._models.client(provider), provider, owner)
            # A stream has begun with its first byte: what cannot be called at all is refused before.
            await model.require_room(db)
        language = request.language or prompt_language(current_locale.get())
        return Draft(request, language, _Call(model, provider.max_tokens, self._clock))

    async def _agent(self, db: Session, identity: Identity, request: OptimizeRequest) -> AgentSnapshot:
        if request.agent_id:
            return await self._agents.resolve_for_run(db, identity=identity, agent_id=request.agent_id)
        own = None
        if request.session_id:
            own = await self._conversations.find_own(db, session_id=request.session_id, user_id=identity.user_id)
        try:
            return await self._agents.resolve_for_run(
                db, identity=identity, agent_id=own.agent_id if own is not None else None
            )
        except AgentNotFoundError:
            # The conversation's agent is gone; nobody asked for it by name.
            return await self._agents.resolve_for_run(db, identity=identity, agent_id=None)


class _Call:
    """One call of a model outside of runs."""

    def __init__(self, model: MeteredModel, max_tokens: int, clock: Clock) -> None:
        self._model = model
        self._max_tokens = max_tokens
        self._clock = clock
        self.text = ""

    @property
    def moment(self) -> float:
        """The present moment in epoch seconds."""
        return round(self._clock.epoch(), 3)

    async def stream(self, messages: Sequence[ModelMessage]) -> AsyncGenerator[str]:
        """Pieces of the answer; `text` is the whole of the attempt that counts.

        Raises:
            ModelCallFailedError, BudgetExhaustedError, ModelUnpricedError
        """
        request = ModelRequest(messages, max_tokens=min(self._max_tokens, MAX_ANSWER_TOKENS))
        try:
            async with aclosing(self._model.stream(request)) as items:
                async for item in items:
                    if isinstance(item, TextDelta):
                        self.text += item.text
                        yield item.text
                    elif isinstance(item, AttemptLost):
                        self.text = ""
        except ModelFailedError as failed:
            raise ModelCallFailedError(failed.kind) from None


class Draft:
    """A draft and the call that rewrites it."""

    def __init__(self, request: OptimizeRequest, language: Language, call: _Call) -> None:
        self._messages = _messages(request, language)
        self._language = language
        self._call = call

    async def rewrite(self) -> Json:
        """`{optimized_input, language}`.

        Raises:
            ModelCallFailedError
        """
        async with aclosing(self._call.stream(self._messages)) as pieces:
            async for _ in pieces:
                pass
        return {"optimized_input": self._result(), "language": self._language}

    async def lines(self) -> AsyncGenerator[bytes]:
        """`delta` lines, then one `done` or `error`; what `done` holds counts."""
        try:
            async with aclosing(self._call.stream(self._messages)) as pieces:
                async for piece in pieces:
                    yield json_text.dumps({"type": "delta", "content": piece})
            done = {"type": "done", "optimized_input": self._result(), "timestamp": self._call.moment}
            yield json_text.dumps(done)
        except ProblemError as problem:
            yield json_text.dumps({"type": "error", "message": problem.message.render()})

    def _result(self) -> str:
        text = self._call.text.strip()
        if not text:
            raise ModelCallFailedError("empty_response")
        return text


class DraftLines:
    """A `LineSource` of a draft; when the reader goes, the model's connection is closed."""

    def __init__(self, lines: AsyncGenerator[bytes]) -> None:
        self._ready: list[bytes] = []
        self._nudged = asyncio.Event()
        self._ended = False
        self._task = asyncio.create_task(self._pump(lines))

    async def _pump(self, lines: AsyncGenerator[bytes]) -> None:
        try:
            async with aclosing(lines):
                async for line in lines:
                    self._ready.append(line)
                    self._nudged.set()
        finally:
            self._ended = True
            self._nudged.set()

    async def next_batch(self) -> list[bytes]:
        """See `LineSource`."""
        if not self._ready and not self._ended:
            await self._nudged.wait()
        self._nudged.clear()
        if self._ended and not self._ready:
            await asyncio.wait((self._task,))
            if not self._task.cancelled():
                self._task.result()
            raise StopAsyncIteration
        batch, self._ready = self._ready, []
        return batch

    def nudge(self) -> None:
        """See `LineSource`."""
        self._nudged.set()

    def close(self) -> None:
        """See `LineSource`."""
        self._task.cancel()


def _messages(request: OptimizeRequest, language: Language) -> list[ModelMessage]:
    earlier = [_shown(item) for item in request.history_messages[-HISTORY_MESSAGES:]]
    history = "\n".join(each for each in earlier if each)
    before = f"<earlier_messages>\n{history}\n</earlier_messages>\n\n" if history else ""
    return [
        SystemMessage(optimize_input(language)),
        UserMessage(f"{before}<draft>\n{request.current_input}\n</draft>"),
    ]


def _shown(item: HistoryItem) -> str:
    text = text_of(plain_content(item.content)).strip() if item.role in ("user", "assistant") else ""
    return f"{item.role}: {cut(text, HISTORY_CHARACTERS)}" if text else ""
