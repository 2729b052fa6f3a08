"""The versions page, the download page, and the updater (platform.md 11; 16.1 C12; 16.2 A34)."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from features.files.desk import Desk, desk_in

pytestmark = pytest.mark.anyio

PREFIX = "/api/system/version"
SIGNED = {
    "platform": "windows-x86_64",
    "installer_url": "https://dl.example.com/s.exe",
    "updater_url": "https://dl.example.com/s.nsis.zip",
    "updater_signature": "c2ln",
}
UNSIGNED = {"platform": "darwin-aarch64", "updater_url": "https://dl.example.com/s.app.tar.gz", "updater_signature": ""}


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    async with desk_in(tmp_path) as built:
        yield built


async def create(desk: Desk, version: str, *artifacts: Any, name: str = "admin", **more: Any) -> Any:
    """The answer to a new release."""
    body = {"version": version, "release_notes": "notes", "artifacts": list(artifacts or [SIGNED]), **more}
    return await (await desk.as_(name)).post(PREFIX, json=body)


async def get(desk: Desk, path: str = "", name: str = "", **query: str) -> Any:
    return await (await desk.as_(name)).get(PREFIX + path, params=query)


async def test_a_release_is_told_as_it_was_made(desk: Desk) -> None:
    answer = (await create(desk, "v1.2.3", UNSIGNED, SIGNED)).json()
    assert answer["message"] == "Version created successfully"
    assert answer["data"] == {
        "version": "1.2.3",
        "release_notes": "notes",
        "pub_date": "2026-01-02T03:04:05.000000Z",
        "artifacts": [{**UNSIGNED, "installer_url": None, "updater_signature": None}, SIGNED],
        "source": "manual",
    }
    assert (await get(desk, name="ann")).json()["data"] == [answer["data"]]
    assert (await get(desk, "/latest")).json()["data"] == answer["data"]


async def test_versions_decide_the_order_and_an_older_one_downgrades_nobody(desk: Desk) -> None:
    for version in ("1.10.0", "2.0.0-beta.1", "1.9.0", "1.2.0"):
        assert (await create(desk, version)).json()["code"] == 200
    listed = (await get(desk, name="ann")).json()["data"]
    assert [each["version"] for each in listed] == ["2.0.0-beta.1", "1.10.0", "1.9.0", "1.2.0"]
    for channel, version in (("", "1.10.0"), ("stable", "1.10.0"), ("beta", "2.0.0-beta.1")):
        assert (await get(desk, "/latest", channel=channel)).json()["data"]["version"] == version
        assert (await get(desk, "/check", channel=channel)).json()["version"] == version
    assert (await get(desk, "/check", channel="nightly")).status_code == 422


async def test_the_updater_is_told_without_an_envelope_and_only_of_signed_files(desk: Desk) -> None:
    assert ((await get(desk, "/check")).status_code, (await get(desk, "/latest")).json()["data"]) == (404, None)
    none = (await get(desk, "/check")).json()
    assert (none["code"], none["error_detail"], none["message"]) == (404, "release_not_found", "No version found")
    await create(desk, "1.2.3", UNSIGNED, SIGNED)
    told = {
        "version": "1.2.3",
        "notes": "notes",
        "pub_date": "2026-01-02T03:04:05.000000Z",
        "platforms": {"windows-x86_64": {"url": SIGNED["updater_url"], "signature": "c2ln"}},
    }
    for current in ("", "1.2.2", "v1.2.3-rc.1", "no version"):
        answer = await get(desk, "/check", current_version=current)
        assert (answer.status_code, answer.json()) == (200, told)
    for current in ("1.2.3", "v1.2.3", "1.2.3+build", "1.2.4", "2.0.0-alpha"):
        answer = await get(desk, "/check", current_version=current)
        assert (answer.status_code, answer.content) == (204, b"")


async def test_updater_addresses_can_lead_over_a_mirror(tmp_path: Path) -> None:
    async with desk_in(tmp_path, updater_url_prefix="https://mirror.example.com/") as desk:
        await create(desk, "1.2.3")
        found = (await get(desk, "/check")).json()["platforms"]["windows-x86_64"]["url"]
        assert found == "https://mirror.example.com/https://dl.example.com/s.nsis.zip"
        assert (await get(desk, "/latest")).json()["data"]["artifacts"] == [SIGNED]


async def test_the_same_version_twice_is_refused(desk: Desk) -> None:
    await create(desk, "1.2.3")
    answer = (await create(desk, "v1.2.3")).json()
    assert (answer["code"], answer["error_detail"], answer["message"]) == (
        400,
        "release_exists",
        "Version already exists",
    )
    problem = await (await desk.as_("admin")).post(
        PREFIX,
        json={"version": "1.2.3", "release_notes": "", "artifacts": [SIGNED]},
        headers={"Accept": "application/problem+json"},
    )
    assert problem.status_code == 409


@pytest.mark.parametrize("version", ["", "one", "1.2", "../1.2.3", "latest", "check", "1.2.3-" + "a" * 40])
async def test_what_is_no_version_is_refused(desk: Desk, version: str) -> None:
    answer = (await create(desk, version)).json()
    assert (answer["code"], answer["error_detail"]) == (400, "release_invalid")
    assert (await get(desk, name="ann")).json()["data"] == []


@pytest.mark.parametrize(
    "artifacts",
    [
        [SIGNED, SIGNED],
        [{"platform": "linux-x86_64"}],
        [{"platform": "linux-x86_64", "installer_url": "", "updater_url": ""}],
        [{**SIGNED, "platform": "my windows"}],
        [{**SIGNED, "platform": f"linux-a{number}"} for number in range(21)],
        [{**SIGNED, "updater_signature": "s" * 4097}],
        [{**SIGNED, "installer_url": "https://a/" + "x" * 2048}],
        *[
            [{"platform": "linux-x86_64", "installer_url": url}]
            for url in (
                "http://dl.example.com/x",
                "javascript:alert(1)",
                "https://",
                "https://user@dl.example.com/x",
                "https://dl.example.com/a b",
                "https://dl.example.com:0/x",
                "/api/oss/object/bundle/none.exe",
                "http://testserver/api/oss/object/bundle/none.exe",
            )
        ],
    ],
)
async def test_other_artifacts_are_refused(desk: Desk, artifacts: list[Any]) -> None:
    answer = await create(desk, "1.2.3", *artifacts)
    assert (answer.status_code, answer.json()["error_detail"]) == (422, "validation_error")
    assert (await get(desk, name="ann")).json()["data"] == []


async def test_notes_may_be_empty_but_not_endless(desk: Desk) -> None:
    assert (await create(desk, "1.0.0", release_notes="")).json()["code"] == 200
    assert (await create(desk, "1.0.1", release_notes="猫" * 21_845)).json()["code"] == 200
    assert (await create(desk, "1.0.2", release_notes="猫" * 21_846)).status_code == 422
    assert (await create(desk, "1.0.2", release_notes=None)).status_code == 422


async def test_an_uploaded_release_file_is_an_address(desk: Desk) -> None:
    url = (await desk.keep("admin", b"MZ", path="bundle/1.0.0/a.exe"))["url"]
    private = (await desk.keep("admin", b"MZ", "a.exe"))["url"]
    assert (await create(desk, "1.0.0", {"platform": "windows-x86_64", "installer_url": url})).json()["code"] == 200
    assert (await desk.get("", url)).content == b"MZ"
    for other in (
        private,
        url.removeprefix("http://testserver"),
        url.replace("testserver", "elsewhere"),
        url.replace("a.exe", "b.exe"),
    ):
        answer = await create(desk, "1.0.1", {"platform": "windows-x86_64", "installer_url": other})
        assert answer.status_code == 422, other


async def test_only_admins_write_and_everybody_signed_in_reads(desk: Desk) -> None:
    await create(desk, "1.0.0")
    narrow = await desk.with_key("admin", "read", "write", "chat")
    body = {"version": "1.0.1", "release_notes": "", "artifacts": [SIGNED]}
    for client, status, code in ((await desk.as_("ann"), 200, 403), (narrow, 200, 403), (await desk.as_(""), 401, 401)):
        for answer in (
            await client.post(PREFIX, json=body),
            await client.post(f"{PREFIX}/import_github"),
            await client.delete(f"{PREFIX}/1.0.0"),
            await client.delete(f"{PREFIX}/9.9.9"),
        ):
            assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert (await get(desk)).status_code == 401
    assert [each["version"] for each in (await get(desk, name="ann")).json()["data"]] == ["1.0.0"]


async def test_a_deleted_release_is_gone_and_words_are_no_versions(desk: Desk) -> None:
    await create(desk, "1.0.0+build")
    admin = await desk.as_("admin")
    for word in ("latest", "check", "1.0.0", "..%2f1.0.0"):
        assert (await admin.delete(f"{PREFIX}/{word}")).json()["error_detail"] in (
            "release_not_found",
            "route_not_found",
        )
    gone = (await admin.delete(f"{PREFIX}/v1.0.0%2Bbuild")).json()
    assert (gone["data"], gone["message"]) == ({"success": True}, "Version deleted successfully")
    assert (await get(desk, "/latest")).json()["data"] is None
    entries = (await admin.get("/api/audit?action=release.")).json()["data"]["items"]
    assert [(each["action"], each["object"]["id"]) for each in entries] == [
        ("release.deleted", "1.0.0+build"),
        ("release.created", "1.0.0+build"),
    ]
