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
from clary.features.llm_providers.ports import ProviderSnapshot
from clary.features.llm_providers.service import Money, ProviderResolver
from clary.features.permissions.service import Identity
from clary.features.usage.service import LedgerEntry, record
from clary.http.content import plain_content
from clary.kit import json_text
from clary.kit.clock import Clock
from clary.kit.text import current_locale, cut
from clary.runtime.messages import ModelMessage, SystemMessage, UserMessage
from clary.runtime.model import AttemptLost, FailureKind, ModelDone, ModelFailedError, ModelRequest, TextDelta, Usage
from clary.runtime.prompt import prompt_language
from clary.runtime.prompts import Language, optimize_input
from clary.runtime.toolset import estimate_tokens

HISTORY_MESSAGES = 20
HISTORY_CHARACTERS = 2000
MAX_ANSWER_TOKENS = 8192
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
        money: Money,
        clock: Clock,
    ) -> None:
        self._database = database
        self._agents = agents
        self._providers = providers
        self._conversations = conversations
        self._models = models
        self._money = money
        self._clock = clock

    async def begin(self, *, identity: Identity, request: OptimizeRequest) -> "Draft":
        """A draft about to be rewritten; no model is called yet.

        Raises:
            AgentNotFoundError, ProviderMissingError
        """
        async with self._database.read() as db:
            agent = await self._agent(db, identity, request)
            provider = await self._providers.resolve(
                db,
                user_id=identity.user_id,
                agent_provider_id=agent.fast_provider_id or agent.provider_id,
                agent_owner_id=agent.owner_id,
            )
        language = request.language or prompt_language(current_locale.get())
        return Draft(
            request,
            language,
            _Call(self._database, self._models, self._money, self._clock, identity, agent.agent_id, provider),
        )

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
    """One call of a model outside of runs, booked whatever comes of it."""

    def __init__(
        self,
        database: Database,
        models: ModelGateway,
        money: Money,
        clock: Clock,
        identity: Identity,
        agent_id: str,
        provider: ProviderSnapshot,
    ) -> None:
        self._database = database
        self._models = models
        self._money = money
        self._clock = clock
        self._identity = identity
        self._agent_id = agent_id
        self._provider = provider
        self.text = ""

    @property
    def moment(self) -> float:
        """The present moment in epoch seconds."""
        return round(self._clock.epoch(), 3)

    async def stream(self, messages: Sequence[ModelMessage]) -> AsyncGenerator[str]:
        """Pieces of the answer; `text` is the whole of the attempt that counts.

        Raises:
            ModelCallFailedError
        """
        request = ModelRequest(messages, max_tokens=min(self._provider.max_tokens, MAX_ANSWER_TOKENS))
        usage: Usage | None = None
        failure: FailureKind | None = None
        try:
            async with aclosing(self._models.client(self._provider).stream(request)) as items:
                async for item in items:
                    if isinstance(item, TextDelta):
                        self.text += item.text
                        yield item.text
                    elif isinstance(item, AttemptLost):
                        self.text = ""
                        await self._book(item.usage, item.kind)
                    elif isinstance(item, ModelDone):
                        usage = item.usage
        except ModelFailedError as failed:
            usage, failure = failed.usage, failed.kind
            raise ModelCallFailedError(failed.kind) from None
        finally:
            # Also when the client hung up: what was asked for until then is booked as an estimate.
            if usage is None and failure is None:
                asked = sum(estimate_tokens(str(message)) for message in messages)
                await self._book(Usage(asked, estimate_tokens(self.text)), "estimated")
            else:
                await self._book(usage, failure)

    async def _book(self, usage: Usage | None, note: str | None) -> None:
        if usage is None:
            return
        entry = LedgerEntry(
            at=self._clock.now(),
            user_id=self._identity.user_id,
            request_source="other",
            step_name="optimize_input",
            provider_id=self._provider.id,
            model=self._provider.model,
            input_tokens=usage.prompt_tokens,
            output_tokens=usage.completion_tokens,
            cached_tokens=usage.cached_tokens or 0,
            reasoning_tokens=usage.reasoning_tokens or 0,
            cost=self._money.cost(self._provider, usage),
            currency=self._money.currency,
            agent_id=self._agent_id,
            note=note,
            key_id=self._identity.key_id,
            client_id=self._identity.client_id,
            outcome="ok" if note in (None, "estimated") else "error",
        )
        async with self._database.write() as db:
            await record(db, entry)


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
