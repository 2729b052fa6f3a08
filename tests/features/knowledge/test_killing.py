"""A server that is killed again and again in mid-ingestion ends with the index of one that was left alone."""

import asyncio
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from sqlalchemy import select

from clary.db.database import Database
from clary.features.knowledge.tables import KnowledgeDocumentRow, KnowledgePassageRow
from features.knowledge.stacks import PREFIX
from support.schema import database_url
from support.server_process import Person, ServerProcess, signed_in

pytestmark = [pytest.mark.anyio, pytest.mark.slow, pytest.mark.timeout(900)]

FILES = {f"n{n}.txt": f"Document {n}.\n\n" + f"The otter{n} builds a holt beside the river. " * 60 for n in range(30)}
FILES |= {"junk.pdf": "%PDF-1.4 junk", "blank.txt": " \n", "table.csv": "bird,colour\nkestrel,chestnut\n"}
KILLS = 3
PATIENCE = 400


async def test_the_index_after_many_kills_is_that_of_an_undisturbed_server(tmp_path: Path) -> None:
    calm = await _ingest(tmp_path / "calm", kills=0)
    shaken = await _ingest(tmp_path / "shaken", kills=KILLS)
    assert len(calm["documents"]) == len(FILES)
    assert shaken == calm


async def _ingest(folder: Path, *, kills: int) -> dict[str, Any]:
    folder.mkdir()
    server = ServerProcess(folder / "data", CLARY_EMBEDDING="none")
    await server.start()
    try:
        person = await signed_in(server)
        kdb_id = await _new_base(person)
        task = await _upload(server, person, kdb_id)
        await _hang_up(server, person, kdb_id)
        for kill in range(kills):
            await _until_done(person, kdb_id, task, count=(kill + 1) * len(FILES) // (2 * kills))
            await server.kill()
            await server.start()
            person = await signed_in(server)
        await _until_done(person, kdb_id, task, count=len(FILES))
        stored = sorted(path for path in (folder / "data" / "knowledge").rglob("*") if path.is_file())
        assert len(stored) == len(FILES)
        return await _index(folder, kdb_id)
    finally:
        await server.stop()


async def _new_base(person: Person) -> str:
    body = {"name": "base", "type": "document", "kdb_setting": {"embedding": {"mode": "none"}}}
    return (await person.data("POST", "/api/knowledge-base/add", body))["kdb_id"]


async def _upload(server: ServerProcess, person: Person, kdb_id: str) -> str:
    form = aiohttp.FormData()
    form.add_field("kdb_id", kdb_id)
    for name, text in FILES.items():
        form.add_field("files", text.encode(), filename=name)
    async with (
        aiohttp.ClientSession(headers=person.headers) as session,
        session.post(server.url + PREFIX + "/add_by_files", data=form) as answer,
    ):
        return (await answer.json())["data"]["taskId"]


async def _hang_up(server: ServerProcess, person: Person, kdb_id: str) -> None:
    """Goes away in the middle of an upload."""
    head = "".join(f"{name}: {value}\r\n" for name, value in person.headers.items())
    body = (
        f'--b\r\nContent-Disposition: form-data; name="kdb_id"\r\n\r\n{kdb_id}\r\n'
        '--b\r\nContent-Disposition: form-data; name="files"; filename="half.txt"\r\n\r\nhalf a fi'
    )
    request = (
        f"POST {PREFIX}/add_by_files HTTP/1.1\r\nHost: 127.0.0.1:{server.port}\r\n{head}"
        f"Content-Type: multipart/form-data; boundary=b\r\nContent-Length: 100000\r\n\r\n{body}"
    )
    _, writer = await asyncio.open_connection("127.0.0.1", server.port)
    writer.write(request.encode())
    await writer.drain()
    await asyncio.sleep(0.3)
    writer.close()
    await writer.wait_closed()


async def _until_done(person: Person, kdb_id: str, task: str, *, count: int) -> None:
    async with asyncio.timeout(PATIENCE):
        while True:
            found = await person.data("GET", f"{PREFIX}/task_process?kdb_id={kdb_id}&task_id={task}")
            ended = found["success"] + found["fail"]
            assert ended + found["inProgress"] + found["waiting"] == found["total"] == len(FILES)
            if ended >= count:
                return
            await asyncio.sleep(0.02)


async def _index(folder: Path, kdb_id: str) -> dict[str, Any]:
    """What a search can find, and what people see of the documents; without ids, times and attempts."""
    document, passage = KnowledgeDocumentRow, KnowledgePassageRow
    database = Database(database_url(folder / "data", "clary.db"))
    columns = (passage.place, passage.start, passage.end, passage.text, passage.context, passage.tokens)
    query = select(document.name, *columns).join(document, document.id == passage.doc_id)
    rows = select(document.name, document.status, document.outcome, document.passages, document.text_ready)
    try:
        async with database.read() as db:
            passages = await db.execute(query.where(passage.kdb_id == kdb_id))
            documents = await db.execute(rows.where(document.kdb_id == kdb_id))
            return {
                "passages": sorted(tuple(row) for row in passages),
                "documents": sorted((tuple(row) for row in documents), key=str),
            }
    finally:
        await database.close()
