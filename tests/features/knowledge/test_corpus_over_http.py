"""A mixed folder of normal and hostile files, sent to a real server: it answers all along, and every file ends."""

import asyncio
import time
from collections import Counter
from collections.abc import Sequence
from io import BytesIO
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from clary.kit.file_names import clean_name
from support.sample_corpus import Expected, write_corpus
from support.server_process import Person, ServerProcess, running, signed_in

pytestmark = [pytest.mark.anyio, pytest.mark.slow, pytest.mark.timeout(1200)]

KB = "/api/knowledge-base"
BATCH = 50
PATIENCE = 900
SLOWEST_ANSWER_SECONDS = 30.0


async def test_a_server_lives_through_every_file_and_gives_the_text_of_normal_ones(tmp_path: Path) -> None:
    folder = tmp_path / "corpus"
    folder.mkdir()
    expected = write_corpus(folder)
    async with running(tmp_path / "data", CLARY_EMBEDDING="none", CLARY_OCR="off") as server:
        person = await signed_in(server)
        base = {"name": "corpus", "type": "document"}
        kdb_id = (await person.data("POST", f"{KB}/add", base))["kdb_id"]
        tasks = [
            await _send(server, person, kdb_id, folder, expected[start : start + BATCH])
            for start in range(0, len(expected), BATCH)
        ]
        slowest = await _until_ended(person, kdb_id, tasks, len(expected))
        documents = await _documents(person, kdb_id)
        read = {each["doc_name"]: await _text(person, each) for each in documents}
        assert (await person.data("GET", f"{KB}/info?kdb_id={kdb_id}"))["docNum"] == len(expected)
    assert slowest < SLOWEST_ANSWER_SECONDS
    assert Counter(each["status"] in (2, 3) for each in documents) == {True: len(expected)}
    outcomes = {each["doc_name"]: each["outcome"] for each in documents}
    # A name comes back as it is stored.
    expected = [each._replace(name=clean_name(each.name) or "") for each in expected]
    assert [(e.name, outcomes[e.name]) for e in expected if outcomes[e.name] not in e.outcomes] == []
    normal = [each for each in expected if each.is_normal]
    whole = [each for each in normal if outcomes[each.name] == "ok" and (each.text or "") in read[each.name]]
    assert len(whole) >= 0.95 * len(normal)


async def _send(server: ServerProcess, person: Person, kdb_id: str, folder: Path, batch: Sequence[Expected]) -> str:
    form = aiohttp.FormData(quote_fields=False)
    form.add_field("kdb_id", kdb_id)
    for entry in batch:
        form.add_field("files", BytesIO((folder / entry.name).read_bytes()), filename=entry.name)
    async with (
        aiohttp.ClientSession(headers=person.headers) as session,
        session.post(f"{server.url}{KB}/doc/add_by_files", data=form) as answer,
    ):
        assert answer.status == 200
        envelope = await answer.json()
    assert envelope["code"] == 200, envelope
    return envelope["data"]["taskId"]


async def _until_ended(person: Person, kdb_id: str, tasks: Sequence[str], total: int) -> float:
    """Asks how far it is until all of it has ended; how long the slowest answer took."""
    slowest, ended = 0.0, 0
    async with asyncio.timeout(PATIENCE):
        while ended < total:
            await asyncio.sleep(0.5)
            ended = 0
            for task in tasks:
                began = time.monotonic()
                found = await person.data("GET", f"{KB}/doc/task_process?kdb_id={kdb_id}&task_id={task}")
                slowest = max(slowest, time.monotonic() - began)
                ended += found["success"] + found["fail"]
    return slowest


async def _documents(person: Person, kdb_id: str) -> list[dict[str, Any]]:
    path = f"{KB}/doc/list?kdb_id={kdb_id}&page_size=200&page_no="
    return [each for page in (1, 2, 3) for each in (await person.data("GET", f"{path}{page}"))["list"]]


async def _text(person: Person, document: dict[str, Any]) -> str:
    if document["outcome"] != "ok":
        return ""
    return (await person.data("GET", f"{KB}/doc/content/{document['id']}?start=0&end=100000"))["text"]
