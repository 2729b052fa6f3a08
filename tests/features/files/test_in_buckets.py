"""Files in a bucket, and what happens when the store is away (platform.md 1.1, 9.2, 10.2, 10.3, 13)."""

import socket
import urllib.request
from pathlib import Path

import anyio
import pytest

from features.files.desk import PNG, desk_in
from support.s3_server import S3Server

pytestmark = pytest.mark.anyio


def dead_url() -> str:
    """An endpoint where nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as closed:
        return f"http://127.0.0.1:{closed.getsockname()[1]}"


async def test_files_live_in_the_bucket_and_come_through_the_server(tmp_path: Path, s3: S3Server) -> None:
    content = bytes(range(256)) * 40_000
    async with desk_in(tmp_path, **s3.settings(s3_prefix="clary")) as desk:
        made, named = await desk.keep("ann", content, "a.bin"), await desk.keep("ann", PNG, path="a.png")
        assert (await desk.get("", made["url"])).content == content
        part = await desk.get("", made["url"], range="bytes=5000000-5000009")
        assert (part.status_code, part.content) == (206, content[5_000_000:5_000_010])
        assert all(name.startswith("clary/objects/") for name in s3.names())
        await desk.keep("ann", b"other", path="a.png")
        assert (await desk.get("", named["url"])).content == b"other"
        assert (len(s3.names()), desk.contents(), await desk.loose()) == (2, [], 0)
        for key in (made["key"], named["key"]):
            assert (await desk.delete("ann", key))["code"] == 200
        assert (s3.names(), s3.parts()) == ([], [])
        ready = (await (await desk.as_("")).get("/api/ready")).json()["data"]["checks"]
        assert ready["object_store"] == "ok"


async def test_a_redirect_leads_to_the_store_with_type_and_disposition(tmp_path: Path, s3: S3Server) -> None:
    async with desk_in(tmp_path, **s3.settings(s3_redirect=True)) as desk:
        made = await desk.keep("ann", PNG, "猫.png")
        answer = await desk.get("", made["url"])
        assert answer.status_code == 302
        assert answer.headers["cache-control"] == "no-store"

        def fetched() -> tuple[bytes, str | None, str | None]:
            with urllib.request.urlopen(answer.headers["location"], timeout=30) as there:
                return there.read(), there.headers["Content-Type"], there.headers["Content-Disposition"]

        content, kind, how = await anyio.to_thread.run_sync(fetched)
        assert (content, kind) == (PNG, "image/png")
        assert how == "inline; filename=\"_.png\"; filename*=UTF-8''%E7%8C%AB.png"
        saved = await desk.get("", made["url"] + "&download=1")
        assert (saved.status_code, saved.content) == (200, PNG)
        assert (await desk.get("", made["url"].partition("?")[0])).status_code == 404


async def test_text_that_the_store_gives_out_keeps_its_charset(tmp_path: Path, s3: S3Server) -> None:
    async with desk_in(tmp_path, **s3.settings(s3_redirect=True)) as desk:
        made = await desk.keep("ann", "猫".encode(), "cat.txt")
        assert made["content_type"] == "text/plain"
        answer = await desk.get("", made["url"])

        def kind() -> str | None:
            with urllib.request.urlopen(answer.headers["location"], timeout=30) as there:
                return there.headers["Content-Type"]

        assert await anyio.to_thread.run_sync(kind) == "text/plain; charset=utf-8"


async def test_a_store_that_is_away_is_said_so_and_nothing_becomes_an_object(tmp_path: Path, s3: S3Server) -> None:
    async with desk_in(tmp_path, **s3.settings()) as desk:
        made = await desk.keep("ann", b"x")
    async with desk_in(tmp_path, **s3.settings(s3_endpoint=dead_url())) as desk:
        nobody, admin = await desk.as_(""), await desk.as_("admin")
        with anyio.fail_after(60):
            for answer in (
                await admin.post("/api/oss/upload", files={"file": ("a.txt", b"y")}),
                await nobody.get(made["url"].removeprefix("http://testserver")),
            ):
                assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
                assert answer.json()["error_detail"] == "unavailable"
                assert "127.0.0.1" not in answer.text
            ready = await nobody.get("/api/ready")
        assert (ready.status_code, ready.json()["error_detail"]) == (503, "not_ready")
        assert await desk.rows() == [made["key"]]
        assert (await desk.delete("admin", made["key"]))["code"] == 200
        assert (await desk.loose(), desk.contents()) == (2, [])
    async with desk_in(tmp_path, **s3.settings()) as desk:
        desk.house.clock.move(days=2)
        await desk.house.services.objects.sweep()
        assert (await desk.loose(), s3.names()) == (0, [])
