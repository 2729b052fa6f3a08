"""Keys of objects (platform.md 10.2). A key is never a path of the host."""

import re
import unicodedata
from dataclasses import dataclass
from typing import Final, Literal

from clary.kit.text import has_control_characters

Kind = Literal["random", "named", "bundle"]
BUNDLE: Final = "bundle"
MAX_NAME_BYTES: Final = 200
MAX_PATH_BYTES: Final = 512
UNNAMED: Final = "file"
_OWN: Final = "u"
_REPLACED: Final = frozenset("/\\?#%")
# `1.2.0` names a folder of a version, `a.7z` a file.
_EXTENSION: Final = re.compile(r"[^.].*\.(?=[0-9]*[A-Za-z])[A-Za-z0-9]{1,16}\Z")


@dataclass(frozen=True, slots=True)
class Wish:
    """A path somebody asked for: its segments below the place, and whether the last one is the file's name."""

    segments: tuple[str, ...]
    is_bundle: bool
    names_file: bool


@dataclass(frozen=True, slots=True)
class Place:
    """Where an object is kept."""

    key: str
    filename: str
    kind: Kind


def clean_segment(sent: str) -> str:
    """A name as part of a key: the last segment, marks that part addresses replaced, at most 200 bytes."""
    last = re.split(r"[/\\]", sent)[-1]
    name = "".join("_" if char in _REPLACED or has_control_characters(char) else char for char in last)
    name = unicodedata.normalize("NFC", name.encode("utf-8", "replace").decode()).strip()
    return UNNAMED if name in ("", ".", "..") else _cut(name)


def read_path(path: str, *, user_id: str) -> Wish | None:
    """What a path asks for; None for one that is not allowed. One that names its own place in full is taken too."""
    path = unicodedata.normalize("NFC", path)
    segments = tuple(path.split("/"))
    if len(path.encode("utf-8", "replace")) > MAX_PATH_BYTES or not all(_is_segment(each) for each in segments):
        return None
    is_bundle = segments[0] == BUNDLE
    if is_bundle:
        segments = segments[1:]
    elif segments[0] == _OWN:
        if segments[1:2] != (user_id,):
            return None
        segments = segments[2:]
    if not segments:
        return None
    return Wish(segments, is_bundle, _EXTENSION.match(segments[-1]) is not None)


def place_of(wish: Wish | None, *, filename: str, user_id: str, random: str) -> Place:
    """Key and name of an object. `random`: 26 characters that nobody guesses."""
    name = clean_segment(filename)
    if wish is None:
        return Place(f"{random}/{name}", name, "random")
    start = BUNDLE if wish.is_bundle else f"{_OWN}/{user_id}"
    folder = "/".join((start, *wish.segments))
    kind: Kind = "bundle" if wish.is_bundle else "named"
    if wish.names_file:
        return Place(folder, wish.segments[-1], kind)
    return Place(f"{folder}/{random}-{name}", name, kind)


def _is_segment(segment: str) -> bool:
    return segment.strip() not in ("", ".", "..") and all(char.isalnum() or char in "._- " for char in segment)


def _cut(name: str) -> str:
    if len(name.encode()) <= MAX_NAME_BYTES:
        return name
    stem, dot, ending = name.rpartition(".")
    kept = f"{dot}{ending}" if stem and len(ending.encode()) <= 16 else ""
    start = (stem if kept else name).encode()[: MAX_NAME_BYTES - len(kept.encode())]
    return start.decode("utf-8", "ignore") + kept
