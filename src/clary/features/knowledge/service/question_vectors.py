"""Vectors of questions: asked for in little time, remembered for a while, done without when the model is in trouble."""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Final, NamedTuple

from clary.features.knowledge.ports import REFUSALS, CallRefusedError, Embedder, EmbeddingFailedError

SECONDS: Final = 3.0
"""A model that takes longer is done without: words answer at once."""
REST_SECONDS: Final = 10.0
REMEMBERED: Final = 512
REFUSED_BEFORE_REST: Final = 3
"""Different questions, one after the other: then it is the model, not what somebody asked."""
REMEMBERED_SECONDS: Final = 60.0
"""Long enough for the next page of the same question, too short to hide an endpoint that is gone."""


class _Model(NamedTuple):
    """What tells one model from every other: models of one name are many. `origin`: see `Embedder`."""

    whose: str
    origin: str
    name: str


class _Known(NamedTuple):
    vector: bytes
    until: float


class QuestionVectors:
    """Of one process. A model that failed rests, so that not every query waits for it again."""

    def __init__(self, *, seconds: float = SECONDS, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._seconds = seconds
        self._monotonic = monotonic
        self._known: OrderedDict[tuple[_Model, str], _Known] = OrderedDict()
        self._rest_until: dict[_Model, float] = {}
        self._refused: dict[_Model, set[str]] = {}

    async def find(self, embedder: Embedder, query: str, *, dims: int, whose: str) -> bytes | None:
        """The vector of a question; None: the model gives none now, also if it gave one before it fell into trouble.

        `whose`: on whose choice it is asked; empty: the operator's.
        """
        model = _Model(whose, embedder.origin, embedder.model)
        if self._rest_until.get(model, 0.0) > self._monotonic():
            return None
        known = self._find_known(model, query)
        if known is not None and len(known) == 2 * dims:
            return known
        try:
            async with asyncio.timeout(self._seconds):
                vector = (await embedder.embed([query], mode="query"))[0]
        except CallRefusedError:
            # That is about who asks, not about the model.
            return None
        except EmbeddingFailedError as failed:
            if failed.kind not in REFUSALS or self._has_refused_many(model, query):
                self._rest(model)
            return None
        except TimeoutError:
            self._rest(model)
            return None
        self._refused.pop(model, None)
        if len(vector) != 2 * dims:
            self._rest(model)
            return None
        self._remember(model, query, vector)
        return vector

    def _find_known(self, model: _Model, query: str) -> bytes | None:
        known = self._known.get((model, query))
        if known is None or known.until <= self._monotonic():
            return None
        self._known.move_to_end((model, query))
        return known.vector

    def _remember(self, model: _Model, query: str, vector: bytes) -> None:
        self._known[model, query] = _Known(vector, self._monotonic() + REMEMBERED_SECONDS)
        self._known.move_to_end((model, query))
        if len(self._known) > REMEMBERED:
            self._known.popitem(last=False)

    def _has_refused_many(self, model: _Model, query: str) -> bool:
        """Whether it is no longer this question that may be the reason; nobody else's is answered in words for it."""
        if len(self._refused) > REMEMBERED:
            self._refused.clear()
        self._refused.setdefault(model, set()).add(query)
        return len(self._refused[model]) >= REFUSED_BEFORE_REST

    def _rest(self, model: _Model) -> None:
        now = self._monotonic()
        self._rest_until = {each: until for each, until in self._rest_until.items() if until > now}
        self._rest_until[model] = now + REST_SECONDS
        self._refused.pop(model, None)
