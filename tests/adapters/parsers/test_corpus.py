"""A folder of some 300 normal and hostile files: each ends with one outcome (product.md 5.5, A22, A23)."""

import asyncio
from pathlib import Path

import pytest
from anyio import fail_after

from clary.adapters.parsers.knowledge import KnowledgeParser
from clary.features.knowledge.ports import DocumentRefusedError
from support.sample_corpus import Expected, write_corpus

pytestmark = pytest.mark.anyio


async def outcome_of(parser: KnowledgeParser, path: Path, expected: Expected) -> str:
    """How a file ends."""
    try:
        document = await parser.parse(path, name=expected.name)
    except DocumentRefusedError as refused:
        return refused.outcome
    if expected.text is not None and expected.text not in document.text:
        return f"text: {document.text[:80]!r}"
    return "ok"


@pytest.mark.timeout(600)
async def test_every_file_of_a_mixed_folder_ends_as_it_may(tmp_path: Path) -> None:
    expected = write_corpus(tmp_path)
    assert len(expected) >= 300
    with fail_after(580):
        async with KnowledgeParser(parallel=2) as parser:
            found = await asyncio.gather(*(outcome_of(parser, tmp_path / entry.name, entry) for entry in expected))
    wrong = [(entry.name, end) for entry, end in zip(expected, found, strict=True) if end not in entry.outcomes]
    assert wrong == []
    normal = [end for entry, end in zip(expected, found, strict=True) if entry.is_normal]
    assert normal.count("ok") >= 0.95 * len(normal)
    assert not Path("/tmp/evil.txt").exists()
