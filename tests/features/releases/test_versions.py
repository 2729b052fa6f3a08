"""Semantic versions, and what a file of a release is for (platform.md 11)."""

import itertools

import pytest

from clary.features.releases.policy import platform_of, read_version, sorted_out
from clary.features.releases.ports import SourceAsset

ASCENDING = (
    *("0.0.1", "0.9.0", "0.10.0", "1.0.0-0", "1.0.0-2", "1.0.0-10", "1.0.0-alpha", "1.0.0-alpha.1", "1.0.0-alpha.beta"),
    *(
        "1.0.0-beta",
        "1.0.0-beta.2",
        "1.0.0-beta.11",
        "1.0.0-beta.rc",
        "1.0.0-rc.1",
        "1.0.0",
        "1.0.1",
        "2.0.0-a",
        "10.0.0",
    ),
)


def test_versions_have_the_order_of_the_specification() -> None:
    read = [read_version(text) for text in ASCENDING]
    for low, high in itertools.combinations(read, 2):
        assert low is not None
        assert high is not None
        assert (low < high, high > low, low == high) == (True, True, False), (low.text, high.text)


def test_how_a_version_was_built_does_not_count_and_v_is_dropped() -> None:
    one, other = read_version("v1.2.3+linux.5"), read_version("1.2.3+mac")
    assert one is not None
    assert (one.text, one == other, hash(one) == hash(other)) == ("1.2.3+linux.5", True, True)
    assert [read.is_prerelease for text in ("1.0.0-rc.1", "1.0.0", "1.0.0+a-b") if (read := read_version(text))] == [
        True,
        False,
        False,
    ]


@pytest.mark.parametrize(
    "text",
    [
        *("", "v", "1", "1.2", "1.2.3.4", "01.2.3", "1.02.3", "1.2.3-", "1.2.3-a..b", "1.2.3-01", "1.2.3+", "vv1.2.3"),
        *("V1.2.3", " 1.2.3", "1.2.3\n", "../1.2.3", "1.2.3/x", "latest", "check", "1.2.-3", "１.2.3", "1.2.3-ä"),
        "1.2.3-" + "a" * 27,
    ],
)
def test_these_are_no_versions(text: str) -> None:
    assert read_version(text) is None


@pytest.mark.parametrize(
    ("name", "platform"),
    [
        ("Clary_1.0.0_aarch64.dmg", "darwin-aarch64"),
        ("Clary_1.0.0_x64.dmg", "darwin-x86_64"),
        ("clary-darwin-arm64.zip", "darwin-aarch64"),
        ("Clary_arm64.tar.gz", "darwin-aarch64"),
        ("Clary_intel.app.tar.gz", "darwin-x86_64"),
        ("Clary_1.0.0_x64-setup.exe", "windows-x86_64"),
        ("Clary_1.0.0_ARM64-setup.exe", "windows-aarch64"),
        ("Clary_1.0.0_x64_en-US.msi.zip", "windows-x86_64"),
        ("clary_1.0.0_amd64.AppImage", "linux-x86_64"),
        ("clary_1.0.0_aarch64.AppImage.tar.gz", "linux-aarch64"),
        ("clary-linux-arm64.tar.gz", "linux-aarch64"),
        ("clary_1.0.0_amd64.deb", "linux-x86_64"),
        ("source.tar.gz", None),
        ("latest.json", None),
    ],
)
def test_a_name_tells_the_platform(name: str, platform: str | None) -> None:
    assert platform_of(name) == platform


def asset(name: str) -> SourceAsset:
    return SourceAsset(name, f"https://dl.example.com/{name}", f"https://api.example.com/{name}")


def test_files_of_a_release_are_sorted_out() -> None:
    names = (
        *("latest.json", "c_x64.msi", "c_x64-setup.exe", "c_x64-setup.nsis.zip", "c_x64-setup.nsis.zip.sig"),
        *("c_aarch64.dmg", "c_aarch64.app.tar.gz", "c_aarch64.app.tar.gz.sig", "c_amd64.deb", "c_amd64.AppImage"),
        *("c_amd64.AppImage.tar.gz", "c_x64.app.tar.gz"),
    )
    found = [
        (each.name, each.installer and each.installer.name, each.updater and each.updater.name, bool(each.signature))
        for each in sorted_out([asset(name) for name in names])
    ]
    assert found == [
        ("windows-x86_64", "c_x64-setup.exe", "c_x64-setup.nsis.zip", True),
        ("darwin-aarch64", "c_aarch64.dmg", "c_aarch64.app.tar.gz", True),
        ("linux-x86_64", "c_amd64.AppImage", None, False),
    ]
