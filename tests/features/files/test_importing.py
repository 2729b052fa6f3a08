"""Files from addresses that people name (platform.md 10.1, 10.2; 16.2 A30)."""

import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from features.files.desk import KEY_NAME, PNG, Desk, desk_in, site

pytestmark = pytest.mark.anyio

LIMIT = 25 * 1024 * 1024


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    """May fetch from this machine, by its address alone."""
    async with desk_in(tmp_path, outbound_allow=("127.0.0.1",)) as built:
        yield built


def refused(answer: Any) -> tuple[int, str, str]:
    return answer["code"], answer["error_detail"], answer["message"]


async def answering(request: web.Request) -> web.StreamResponse:
    match request.path:
        case "/cat.png":
            return web.Response(body=PNG, content_type="text/html")
        case "/named":
            return web.Response(
                body=b"x", headers={"Content-Disposition": "attachment; filename*=UTF-8''..%2F%E7%8C%AB.txt"}
            )
        case "/empty":
            return web.Response()
        case "/to-cat":
            raise web.HTTPFound("/cat.png")
        case "/inside":
            raise web.HTTPFound("http://127.0.0.2/cat.png")
        case "/round":
            raise web.HTTPFound("/round")
        case "/large":
            return web.Response(body=b"x" * (LIMIT + 1))
        case "/cut":
            answer = web.StreamResponse(headers={"Content-Length": "100"})
            await answer.prepare(request)
            await answer.write(b"x")
            assert request.transport is not None
            request.transport.close()
            return answer
        case _:
            return web.Response(status=404, text="secret words")


async def test_a_file_comes_in_as_if_it_were_uploaded(desk: Desk) -> None:
    async with site(answering) as url:
        made = (await desk.import_url("ann", f"{url}/cat.png?token=x"))["data"]
        assert re.fullmatch(rf"{KEY_NAME}/cat\.png", made["key"])
        assert (made["filename"], made["size"], made["content_type"]) == ("cat.png", len(PNG), "image/png")
        assert set(made) == {"url", "filename", "key", "size", "content_type"}
        assert (await desk.get("", made["url"])).content == PNG
        assert (await desk.import_url("ann", f"{url}/named"))["data"]["filename"] == "猫.txt"
        assert (await desk.import_url("ann", f"{url}/to-cat"))["data"]["filename"] == "cat.png"


async def test_what_cannot_be_fetched_is_refused_and_leaves_nothing(desk: Desk) -> None:
    async with site(answering) as url:
        failed = (502, "download_failed", "The address could not be downloaded")
        for path in ("/none", "/round", "/cut"):
            assert refused(await desk.import_url("ann", url + path)) == failed
        assert refused(await desk.import_url("ann", f"{url}/empty")) == (
            400,
            "remote_empty",
            "The remote file is empty",
        )
        assert refused(await desk.import_url("ann", f"{url}/large")) == (
            413,
            "file_too_large",
            "The file is too large, limit 25 MB",
        )
    assert refused(await desk.import_url("ann", f"{url}/cat.png")) == failed
    assert (await desk.rows(), desk.contents(), await desk.loose()) == ([], [], 0)


async def test_addresses_inside_are_refused_wherever_they_show(desk: Desk) -> None:
    async with site(answering) as url:
        port = url.rpartition(":")[2]
        addresses = (
            *(f"{url}/inside", f"http://127.0.0.2:{port}/cat.png", "http://[::1]/x", "http://169.254.169.254/latest"),
            *(
                "http://10.0.0.1/x",
                "ftp://example.com/x",
                "file:///etc/passwd",
                "http://user@127.0.0.1/x",
                "http://0/x",
            ),
        )
        answers = [refused(await desk.import_url("ann", address))[:2] for address in addresses]
    assert answers == [(400, "outbound_blocked")] * len(addresses)
    assert (await desk.rows(), desk.contents()) == ([], [])


async def test_an_import_counts_against_the_quota_and_needs_the_scope_write(tmp_path: Path) -> None:
    async with desk_in(tmp_path, outbound_allow=("127.0.0.1",), files_quota_mb=1) as desk, site(answering) as url:
        await desk.keep("ann", b"x" * 1024 * 1024)
        assert refused(await desk.import_url("ann", f"{url}/cat.png"))[1] == "quota_exceeded"
        client = await desk.with_key("ann", "read", "chat")
        assert (await client.post("/api/oss/import_url", json={"url": f"{url}/cat.png"})).json()["code"] == 403
        assert (await (await desk.as_("ann")).post("/api/oss/import_url", json={"url": "x"})).status_code == 422
