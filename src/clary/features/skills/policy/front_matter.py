"""The front matter of a `SKILL.md` (product.md 7.1)."""

import re
import unicodedata
from dataclasses import dataclass
from typing import Any, Final, cast

from clary.kit.bounded_yaml import BoundedYamlError, load_mapping
from clary.kit.text import has_control_characters

SKILL_FILE: Final = "SKILL.md"
MAX_SKILL_FILE_BYTES: Final = 256 * 1024
MAX_NAME: Final = 64
MAX_DESCRIPTION: Final = 1024
MAX_COMPATIBILITY: Final = 500
_KNOWN: Final = frozenset({"name", "description", "license", "compatibility", "metadata", "allowed-tools"})
_CONFORMANT = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")
_OUTSIDE_BRACKETS = re.compile(r"(?:[^\s,()]|\([^()]*\))+")


class FrontMatterError(ValueError):
    """A rule of 7.1 is broken; says nothing of the text."""


@dataclass(frozen=True, slots=True)
class FrontMatter:
    """What a skill says of itself. `tools`, `hosts`: what it declares that it needs."""

    name: str
    description: str
    tools: tuple[str, ...]
    hosts: tuple[str, ...]
    kept: dict[str, Any]
    warnings: tuple[str, ...]

    @property
    def is_conformant(self) -> bool:
        """Whether the name keeps the stricter form of the public specification."""
        return _CONFORMANT.fullmatch(self.name) is not None


def parse_skill(content: bytes) -> FrontMatter:
    """Reads the front matter of a whole `SKILL.md`.

    Raises:
        FrontMatterError
    """
    if len(content) > MAX_SKILL_FILE_BYTES:
        raise FrontMatterError("too long")
    try:
        fields = load_mapping(_front_matter(content.decode("utf-8")))
    except (UnicodeDecodeError, BoundedYamlError):
        raise FrontMatterError("not readable") from None
    metadata, warnings = _metadata(fields.get("metadata"))
    compatibility = _text(fields, "compatibility")
    if len(compatibility) > MAX_COMPATIBILITY:
        raise FrontMatterError("compatibility")
    hosts = tuple(dict.fromkeys(host.lower() for host in re.split(r"[\s,;]+", metadata.get("hosts", "")) if host))
    warnings += [f"unknown_field:{name[:64]}" for name in fields if name not in _KNOWN]
    found = FrontMatter(
        name=_name(_text(fields, "name")),
        description=_description(_text(fields, "description")),
        tools=_tools(fields.get("allowed-tools")),
        hosts=hosts,
        kept={"license": _text(fields, "license"), "compatibility": compatibility, "metadata": metadata},
        warnings=tuple(warnings),
    )
    return found


def is_skill_name(text: str) -> bool:
    """Whether a text could be the name of a skill at all; others are like unknown ones."""
    return (
        0 < len(text) <= MAX_NAME
        and text[0] not in "-."
        and all(char in "-_." or unicodedata.category(char)[0] in "LNM" for char in text)
    )


def name_key(name: str) -> str:
    """A name as compared: without case, composed."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())


def _front_matter(text: str) -> str:
    lines = text.removeprefix("\ufeff").splitlines()
    if not lines or lines[0].rstrip() != "---":
        raise FrontMatterError("no front matter")
    for place, line in enumerate(lines[1:], start=1):
        if line.rstrip() == "---":
            return "\n".join(lines[1:place])
    raise FrontMatterError("no end of the front matter")


def _text(fields: dict[str, Any], name: str) -> str:
    value = fields.get(name, "")
    if not isinstance(value, str):
        raise FrontMatterError(name)
    return unicodedata.normalize("NFC", value.strip())


def _name(text: str) -> str:
    if not is_skill_name(text):
        raise FrontMatterError("name")
    return text


def _description(text: str) -> str:
    if not 0 < len(text) <= MAX_DESCRIPTION or has_control_characters(text.replace("\n", " ").replace("\t", " ")):
        raise FrontMatterError("description")
    return text


def _metadata(value: Any) -> tuple[dict[str, str], list[str]]:
    """A map of texts; a list of texts becomes one text, anything deeper is left out."""
    if value is None or value == "":
        return {}, []
    if not isinstance(value, dict):
        raise FrontMatterError("metadata")
    kept, warnings = dict[str, str](), list[str]()
    for key, each in cast("dict[str, Any]", value).items():
        items = cast("list[Any]", each) if isinstance(each, list) else [each]
        if all(isinstance(item, str) for item in items):
            kept[key] = ", ".join(items)
        else:
            warnings.append(f"metadata_ignored:{key[:64]}")
    return kept, warnings


def _tools(value: Any) -> tuple[str, ...]:
    """`Bash(git add:*) Read`, `Read, Write`, or a list, as the names alone."""
    items = cast("list[Any]", value) if isinstance(value, list) else [value or ""]
    if not all(isinstance(item, str) for item in items):
        raise FrontMatterError("allowed-tools")
    named = (word for item in items for word in _OUTSIDE_BRACKETS.findall(item))
    return tuple(dict.fromkeys(word for word in named if word))
