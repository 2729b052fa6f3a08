"""The newest release of a repository elsewhere comes in, or is said not to (platform.md 11 "import")."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from clary.adapters.github import GitHubReleases
from clary.features.releases.service import ReleaseImport
from features.files.desk import Desk, desk_in, site

pytestmark = pytest.mark.anyio

PREFIX = "/api/system/version"
REPO = "clary/desktop"
DOWNLOADS = "https://dl.example.com"


class GitHub:
    """Answers as GitHub does."""

    def __init__(self) -> None:
        self.release: Any = {
            "tag_name": "desktop-v1.2.3",
            "body": "What is new",
            "draft": False,
            "prerelease": False,
            "published_at": "2026-03-04T05:06:07Z",
        }
        self.assets = [
            "Clary_x64-setup.exe",
            "Clary_x64-setup.nsis.zip",
            "Clary_x64-setup.nsis.zip.sig",
            "Clary_arm64.dmg",
        ]
        self.signature = b" c2lnbmF0dXJl\n"
        self.asked: list[tuple[str, str | None]] = []
        self.delay = 0.0
        self.elsewhere = ""

    async def answer(self, request: web.Request) -> web.StreamResponse:
        self.asked.append((request.path, request.headers.get("Authorization")))
        await asyncio.sleep(self.delay)
        if request.path == f"/repos/{REPO}/releases/latest":
            origin = f"http://{request.host}"
            assets = [
                {"name": name, "url": f"{origin}/asset/{name}", "browser_download_url": f"{DOWNLOADS}/{name}"}
                for name in self.assets
            ]
            return web.json_response(self.release | {"assets": assets}) if self.release else web.Response(status=404)
        if self.elsewhere and request.path.startswith("/asset/"):
            raise web.HTTPFound(self.elsewhere)
        return web.Response(body=self.signature)


@asynccontextmanager
async def importing(folder: Path, github: GitHub, seconds: float = 30, **settings: Any) -> AsyncIterator[Desk]:
    """A house whose GitHub is on this machine."""
    async with (
        site(github.answer) as url,
        desk_in(folder, outbound_allow=("127.0.0.1",), releases_github_repo=REPO, **settings) as desk,
    ):
        services = desk.house.services
        source = GitHubReleases(services.guard, REPO, token="ghp_secret", api=url)
        prefix = services.settings.releases_tag_prefix
        services.objects.releases.import_from(ReleaseImport(source, tag_prefix=prefix, seconds=seconds))
        yield desk


async def take_in(desk: Desk) -> Any:
    return (await (await desk.as_("admin")).post(f"{PREFIX}/import_github")).json()


async def test_a_release_comes_in_with_its_time_files_and_signatures(tmp_path: Path) -> None:
    github = GitHub()
    async with importing(tmp_path, github) as desk:
        answer = await take_in(desk)
        assert answer["message"] == "Version 1.2.3 imported successfully"
        assert answer["data"] == {
            "version": "1.2.3",
            "release_notes": "What is new",
            "pub_date": "2026-03-04T05:06:07.000000Z",
            "artifacts": [
                {
                    "platform": "windows-x86_64",
                    "installer_url": f"{DOWNLOADS}/Clary_x64-setup.exe",
                    "updater_url": f"{DOWNLOADS}/Clary_x64-setup.nsis.zip",
                    "updater_signature": "c2lnbmF0dXJl",
                },
                {
                    "platform": "darwin-aarch64",
                    "installer_url": f"{DOWNLOADS}/Clary_arm64.dmg",
                    "updater_url": None,
                    "updater_signature": None,
                },
            ],
            "source": "github",
        }
        assert github.asked == [
            (f"/repos/{REPO}/releases/latest", "Bearer ghp_secret"),
            ("/asset/Clary_x64-setup.nsis.zip.sig", "Bearer ghp_secret"),
        ]


async def test_the_same_version_is_replaced_and_an_older_one_downgrades_nobody(tmp_path: Path) -> None:
    github = GitHub()
    async with importing(tmp_path, github) as desk:
        await take_in(desk)
        github.release |= {"body": None}
        assert (await take_in(desk))["data"]["release_notes"] == ""
        github.release |= {"tag_name": "v1.0.0"}
        await take_in(desk)
        admin = await desk.as_("admin")
        listed = (await admin.get(PREFIX)).json()["data"]
        assert [each["version"] for each in listed] == ["1.2.3", "1.0.0"]
        assert (await admin.get(f"{PREFIX}/latest")).json()["data"]["version"] == "1.2.3"


@pytest.mark.parametrize("text", [b"", b"  \n"])
async def test_an_updater_without_a_signature_is_left_out(tmp_path: Path, text: bytes) -> None:
    github = GitHub()
    github.signature, github.assets = text, ["a_arm64.app.tar.gz", "a_arm64.app.tar.gz.sig", "a_amd64.deb"]
    async with importing(tmp_path, github) as desk:
        found = (await take_in(desk))["data"]["artifacts"]
        assert [(each["platform"], each["updater_url"]) for each in found] == [("linux-x86_64", None)]


async def test_a_tag_that_is_no_version_is_refused(tmp_path: Path) -> None:
    github = GitHub()
    github.release |= {"tag_name": "nightly"}
    async with importing(tmp_path, github) as desk:
        assert (await take_in(desk))["error_detail"] == "release_invalid"


def failing() -> dict[str, GitHub]:
    """What GitHub may answer instead of a release."""
    found = {
        name: GitHub() for name in ("none", "draft", "prerelease", "no tag", "no time", "large", "binary", "inside")
    }
    found["none"].release = None
    found["draft"].release |= {"draft": True}
    found["prerelease"].release |= {"prerelease": True}
    del found["no tag"].release["tag_name"]
    found["no time"].release |= {"published_at": None}
    found["large"].signature = b"s" * 4097
    found["binary"].signature = b"\xff\xfe"
    found["inside"].elsewhere = "http://127.0.0.2/secret"
    return found


@pytest.mark.parametrize("name", list(failing()))
async def test_what_cannot_be_used_is_refused_and_nothing_is_stored(tmp_path: Path, name: str) -> None:
    async with importing(tmp_path, failing()[name]) as desk:
        answer = await take_in(desk)
        assert (answer["code"], answer["error_detail"], answer["message"]) == (
            500,
            "github_failed",
            "Failed to fetch from GitHub",
        )
        assert (await (await desk.as_("admin")).get(PREFIX)).json()["data"] == []


async def test_a_slow_repository_is_given_up(tmp_path: Path) -> None:
    github = GitHub()
    github.delay = 60
    async with importing(tmp_path, github, seconds=0.2) as desk:
        assert (await take_in(desk))["error_detail"] == "github_failed"


async def test_without_a_repository_there_is_nothing_to_import(tmp_path: Path) -> None:
    async with desk_in(tmp_path) as desk:
        answer = await take_in(desk)
        assert (answer["code"], answer["error_detail"]) == (400, "github_unset")


async def test_the_token_is_not_sent_where_a_release_leads(tmp_path: Path) -> None:
    github, other = GitHub(), GitHub()
    async with site(other.answer) as elsewhere, importing(tmp_path, github) as desk:
        github.elsewhere = f"{elsewhere}/signature"
        assert (await take_in(desk))["data"]["artifacts"][0]["updater_signature"] == "c2lnbmF0dXJl"
    assert other.asked == [("/signature", None)]
