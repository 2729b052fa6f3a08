"""Vectors of questions: asked for in little time, remembered for a while, done without when the model is in trouble."""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Final

from clary.features.knowledge.ports import CallRefusedError, Embedder, EmbeddingFailedError

SECONDS: Final = 3.0
"""A model that takes longer is done without: words answer at once."""
REST_SECONDS: Final = 10.0
REMEMBERED: Final = 512


class QuestionVectors:
    """Of one process. A model that failed rests, so that not every query waits for it again."""

    def __init__(self, *, seconds: float = SECONDS, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._seconds = seconds
        self._monotonic = monotonic
        self._known: OrderedDict[tuple[str, str, str], bytes] = OrderedDict()
        self._rest_until: dict[tuple[str, str], float] = {}

    async def find(self, embedder: Embedder, query: str, *, dims: int, whose: str) -> bytes | None:
        """The vector of a question; None: the model gives none now. `whose`: tells models of one name apart."""
        model, name = (whose, embedder.model), (whose, embedder.model, query)
        if (known := self._known.get(name)) is not None and len(known) == 2 * dims:
            self._known.move_to_end(name)
            return known
        if self._rest_until.get(model, 0.0) > self._monotonic():
            return None
        try:
            async with asyncio.timeout(self._seconds):
                vector = (await embedder.embed([query], mode="query"))[0]
        except CallRefusedError:
            # That is about who asks, not about the model.
            return None
        except (EmbeddingFailedError, TimeoutError):
            self._rest(model)
            return None
        if len(vector) != 2 * dims:
            self._rest(model)
            return None
        self._known[name] = vector
        if len(self._known) > REMEMBERED:
            self._known.popitem(last=False)
        return vector

    def _rest(self, model: tuple[str, str]) -> None:
        now = self._monotonic()
        self._rest_until = {each: until for each, until in self._rest_until.items() if until > now}
        self._rest_until[model] = now + REST_SECONDS
