"""The model inside."""

import asyncio
from pathlib import Path

import numpy as np
import pytest

from clary.adapters.embeddings import EmbeddedModel, find_weights
from clary.adapters.embeddings.embedded import Weights

pytestmark = pytest.mark.anyio


def cosine(one: bytes, two: bytes) -> float:
    left, right = (np.frombuffer(each, "<f2").astype("f4") for each in (one, two))
    return float(left @ right)


async def test_a_question_is_near_its_answer_in_another_language_and_waits_for_no_passages() -> None:
    weights = find_weights()
    assert weights is not None
    assert (weights.model, weights.dims) == ("multilingual-e5-small", 384)
    model = EmbeddedModel(weights)
    tea, router = await model.embed(["绿茶用八十五度的水冲泡。", "路由器的默认地址印在背面。"], mode="passage")

    many = asyncio.create_task(model.embed(["很长的一段文字。" * 60] * 40, mode="passage"))
    await asyncio.sleep(0)
    (question,) = await model.embed(["how hot should water for green tea be"], mode="query")
    assert not many.done()
    many.cancel()
    odd = await model.embed(["", "a\0b", "\ud800", "x" * 4000], mode="query")

    assert cosine(question, tea) > cosine(question, router)
    assert all(len(each) == 768 and cosine(each, each) == pytest.approx(1, abs=0.01) for each in (question, tea, *odd))
    model.close()


async def test_a_folder_without_weights_gives_no_model_and_other_weights_another_name(tmp_path: Path) -> None:
    (tmp_path / "note.bin").write_bytes(b"nothing")
    assert find_weights(tmp_path) is None
    assert find_weights(tmp_path / "absent") is None

    (tmp_path / "note.bin").write_bytes(b"E5S1" + b"\x01\0\0\0" + b"\x80\x01\0\0")
    weights = find_weights(tmp_path)
    assert weights == Weights(tmp_path / "note.bin", "note", 384)
