"""Imports from addresses (product.md 7.3, 7.4; 13 A30)."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiohttp import web

from clary.features.skills.policy.addresses import archive_address
from features.skills.archives import program, skill_md, skill_zip, tarred, zipped
from features.skills.shelf import Shelf, shelf_in, told

pytestmark = pytest.mark.anyio

FAILED = (502, "download_failed", "Import failed: the address could not be downloaded")
BLOCKED = "outbound_blocked"


@asynccontextmanager
async def site(files: dict[str, bytes]) -> AsyncIterator[str]:
    """The address of a server with these files; `/inside` leads to a private address."""

    async def answer(request: web.Request) -> web.Response:
        if request.path == "/inside":
            raise web.HTTPFound("http://169.254.169.254/latest")
        if request.path not in files:
            raise web.HTTPNotFound
        return web.Response(body=files[request.path])

    app = web.Application()
    app.router.add_get("/{path:.*}", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    place = web.TCPSite(runner, "127.0.0.1", 0)
    await place.start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


@pytest.fixture
async def shelf(tmp_path: Path) -> AsyncIterator[Shelf]:
    """A house that may fetch from this machine."""
    async with shelf_in(tmp_path, outbound_allow=("127.0.0.1",), skill_archive_max_mb=1) as built:
        yield built


async def test_zip_and_tar_come_in_and_keep_where_they_came_from(shelf: Shelf) -> None:
    files = {
        "/a.zip": skill_zip("one"),
        "/b": tarred({"repo-1/skills/two/SKILL.md": skill_md("two"), "repo-1/README.md": "x"}),
    }
    async with site(files) as address:
        one = await shelf.post("ann", "/import-url", url=f"{address}/a.zip?token=secret")
        two = await shelf.post("ann", "/import-url", url=f"{address}/b", subpath="skills/two")
    assert (one["message"], one["data"]["name"], one["data"]["source_url"]) == ("success", "one", f"{address}/a.zip")
    assert two["data"]["state"] == "approved"
    listed = (await shelf.get("ann", ""))["data"]["skills"]
    assert [(each["name"], each["source"]) for each in listed] == [("one", "url"), ("two", "url")]


async def test_what_can_be_executed_waits_for_its_owner_when_it_comes_from_elsewhere(shelf: Shelf) -> None:
    archive = zipped([("SKILL.md", skill_md()), program("run.sh", "#!/bin/sh\necho\n")])
    assert (await shelf.bring("bob", archive))["state"] == "approved"
    async with site({"/a.zip": archive}) as address:
        made = (await shelf.post("ann", "/import-url", url=f"{address}/a.zip"))["data"]
    assert made["state"] == "quarantined"
    assert (await shelf.post("ann", "/approve", name="dates", hash=made["hash"]))["data"]["state"] == "approved"


async def test_what_cannot_be_fetched_is_told_without_saying_what_is_there(shelf: Shelf) -> None:
    async with site({"/page": b"<html>", "/large": b"PK" + b"\0" * (2 << 20)}) as address:
        answers = {
            path: told(await shelf.post("ann", "/import-url", url=f"{address}{path}"))
            for path in ("/none", "/page", "/large", "/inside")
        }
    assert {path: each[1] for path, each in answers.items()} == {
        "/none": "download_failed",
        "/page": "archive_type",
        "/large": "file_too_large",
        "/inside": BLOCKED,
    }
    assert answers["/none"] == FAILED
    assert shelf.stored() == []


@pytest.mark.parametrize(
    "url",
    [
        "http://example.com/a.zip",
        "https://169.254.169.254/a.zip",
        "https://[::]/a.zip",
        "https://[fd00:ec2::254]/a",
        "https://[::ffff:127.0.0.9]/a",
        "https://2130706441/a",
        "https://0x7f.1.2/a",
        "https://me@example.com/a",
        "file:///etc/passwd",
        "gopher://example.com/",
        "https://a\\@b/",
        "",
    ],
)
async def test_addresses_that_may_not_be_fetched_are_refused_before_a_packet(shelf: Shelf, url: str) -> None:
    assert (await shelf.post("ann", "/import-url", url=url))["error_detail"] == BLOCKED


async def test_imports_from_addresses_can_be_switched_off(tmp_path: Path) -> None:
    async with shelf_in(tmp_path / "off", skill_url_import=False) as shelf:
        answer = await shelf.post("ann", "/import-url", url="https://example.com/a.zip")
        assert told(answer)[:2] == (403, "forbidden")


async def test_places_are_checked_before_anything_is_fetched(shelf: Shelf) -> None:
    url = "http://127.0.0.1:1/a.zip"
    system = await shelf.post("ann", "/import-url", url=url, is_system=True)
    agent = await shelf.post("ann", "/import-url", url=url, is_agent=True, agent_id="agent_00000000")
    assert [system["error_detail"], agent["error_detail"]] == ["skill_forbidden", "agent_not_found"]
    assert told(await shelf.post("ann", "/import-url", url=url)) == FAILED


@pytest.mark.parametrize(
    ("url", "wanted"),
    [
        ("https://example.com/a.zip", ("https://example.com/a.zip", None)),
        ("https://github.com/o/r/archive/main.zip", ("https://github.com/o/r/archive/main.zip", None)),
        ("https://github.com/o/r/tree/main", ("https://codeload.github.com/o/r/zip/main", None)),
        ("https://github.com/o/r/tree/v1/skills/a%20b/", ("https://codeload.github.com/o/r/zip/v1", "skills/a b")),
        ("https://github.com.evil.example/o/r/tree/main", ("https://github.com.evil.example/o/r/tree/main", None)),
        ("https://[", ("https://[", None)),
    ],
)
def test_a_folder_shown_by_github_is_the_archive_of_its_branch(url: str, wanted: tuple[str, str | None]) -> None:
    assert archive_address(url) == wanted
