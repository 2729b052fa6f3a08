"""What a file of a release is, by its name (platform.md 11 "asset → platform", "asset → kind")."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from clary.features.releases.ports import SourceAsset

INSTALLERS: Final = (".dmg", ".exe", ".msi", ".appimage", ".deb")
SIGNATURE: Final = ".sig"
_UPDATERS: Final = ("-setup.zip", ".nsis.zip", ".msi.zip", ".appimage.tar.gz")
_MAC: Final = ("darwin", "macos", "apple", ".dmg", ".app.tar.gz")
_WINDOWS: Final = ("windows", "win", ".exe", ".msi", ".nsis.zip", "-setup.zip")
_LINUX: Final = ("linux", ".appimage", ".deb")
_ARM: Final = ("aarch64", "arm64")
_MAC_ARCHIVE: Final = ".tar.gz"


@dataclass(slots=True)
class Platform:
    """What a release has for one platform."""

    name: str
    installer: SourceAsset | None = None
    updater: SourceAsset | None = None
    signature: SourceAsset | None = None


def sorted_out(assets: Sequence[SourceAsset]) -> list[Platform]:
    """The platforms of a release in the order in which their files come; those with nothing to install left out.

    An updater counts only together with the file of its signature, `<name>.sig`.
    """
    signatures = {each.name: each for each in assets if each.name.lower().endswith(SIGNATURE)}
    platforms: dict[str, Platform] = {}
    for asset in assets:
        name = platform_of(asset.name)
        if name is None or asset.name.lower().endswith(SIGNATURE):
            continue
        platform = platforms.setdefault(name, Platform(name))
        if _is_updater(asset.name, name):
            signature = signatures.get(asset.name + SIGNATURE)
            if signature is not None and platform.updater is None:
                platform.updater, platform.signature = asset, signature
        elif _rank(asset.name) < _rank(platform.installer.name if platform.installer else ""):
            platform.installer = asset
    return [each for each in platforms.values() if each.installer is not None or each.updater is not None]


def platform_of(name: str) -> str | None:
    """`darwin`, `windows` or `linux` with the processor; None when the name does not say."""
    name = name.lower()
    is_arm = any(hint in name for hint in _ARM)
    system = _system(name, is_arm=is_arm)
    return None if system is None else f"{system}-{'aarch64' if is_arm else 'x86_64'}"


def _system(name: str, *, is_arm: bool) -> str | None:
    if any(hint in name for hint in _MAC):
        return "darwin"
    # `darwin` is out of the way, in which there is a `win`.
    if any(hint in name for hint in _WINDOWS):
        return "windows"
    if any(hint in name for hint in _LINUX):
        return "linux"
    return "darwin" if is_arm and name.endswith(_MAC_ARCHIVE) else None


def _is_updater(name: str, platform: str) -> bool:
    name = name.lower()
    return name.endswith(_UPDATERS) or (platform.startswith("darwin") and name.endswith(_MAC_ARCHIVE))


def _rank(name: str) -> int:
    """The place of an installer in the list; what is no installer comes after all."""
    found = re.search(r"\.[a-z]+\Z", name.lower())
    return INSTALLERS.index(found[0]) if found is not None and found[0] in INSTALLERS else len(INSTALLERS)
