"""What a scan finds (product.md 7.2)."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any, Final, Literal

Rule = Literal[
    "hidden_text",
    "prompt_injection",
    "credential_access",
    "exfiltration",
    "download_execute",
    "obfuscation",
    "binary",
    "persistence",
    "destructive",
    "undeclared_permission",
]
Level = Literal["info", "medium", "high"]

LEVELS: Final[tuple[Level, ...]] = ("info", "medium", "high")
MAX_EXCERPT: Final = 200
MAX_FINDINGS: Final = 200
_PER_FILE: Final = 5
"""Findings of one rule and level in one file: the sixth tells nobody anything."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One place that a rule speaks of; `line` counts from 1, 0 means the file as a whole."""

    rule: Rule
    level: Level
    file: str
    line: int
    excerpt: str

    def as_wire(self) -> dict[str, Any]:
        """`{rule, level, file, line, excerpt}`."""
        return asdict(self)


class FindingList:
    """Gathers findings, a few of each kind in each file."""

    def __init__(self) -> None:
        self._kept: list[Finding] = []
        self._counts: dict[tuple[str, str, str], int] = {}

    def add(self, finding: Finding) -> None:
        """Keeps it, unless there are enough of its kind."""
        kind = (finding.rule, finding.level, finding.file)
        self._counts[kind] = self._counts.get(kind, 0) + 1
        if self._counts[kind] <= _PER_FILE and finding not in self._kept[-_PER_FILE:]:
            self._kept.append(finding)

    def is_full(self, rule: Rule, level: Level, file: str) -> bool:
        """Whether more of this kind would be left out."""
        return self._counts.get((rule, level, file), 0) >= _PER_FILE

    def result(self) -> list[Finding]:
        """The worst first, then by file and line; cut at its end."""
        ordered = sorted(self._kept, key=lambda each: (-LEVELS.index(each.level), each.file, each.line, each.rule))
        return ordered[:MAX_FINDINGS]


def worst_level(levels: Iterable[str]) -> Level:
    """The highest of the levels; `info` for none."""
    found = set(levels)
    return "high" if "high" in found else "medium" if "medium" in found else "info"


def shown(text: str) -> str:
    """An excerpt on one line, with what nobody would see made visible."""
    visible = "".join(
        char if char.isprintable() or char == " " else f"\\u{{{ord(char):x}}}" for char in text.strip()[:400]
    )
    return visible if len(visible) <= MAX_EXCERPT else visible[: MAX_EXCERPT - 1] + "…"
