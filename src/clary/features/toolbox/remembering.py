"""Words of a question in the text files of a workspace: one bounded pass, no index. Blocks."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from clary.features.toolbox.workspace_files import decoded, shown
from clary.kit import safe_paths
from clary.kit.clock import Clock
from clary.kit.text import cut

MAX_SNIPPETS: Final = 3
MAX_SNIPPET_CHARACTERS: Final = 300
_SECONDS: Final = 3.0
_MAX_ENTRIES: Final = 5000
_MAX_FILE_BYTES: Final = 1024 * 1024
_MAX_TERMS: Final = 50
_TEXT_ENDINGS: Final = (".md", ".markdown", ".txt", ".rst", ".org", ".csv", ".json", ".yaml", ".yml", ".toml", ".log")
_HIDDEN: Final = (".clary", ".git", "node_modules", "skills")
_WORD: Final = re.compile(r"[0-9A-Za-z_\u00c0-\u024f\u0370-\u052f]+|[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]+")


@dataclass(frozen=True, slots=True)
class FileHit:
    """A file with lines that speak of the question, counted from 1."""

    path: str
    snippets: Sequence[tuple[int, str]]


def find_in_files(workspace: Path, query: str, limit: int, clock: Clock) -> list[FileHit]:
    """The files that hold most of the question's words in one line, at most `limit`, best first."""
    terms = _terms(query)
    if not terms:
        return []
    give_up = clock.monotonic() + _SECONDS
    found: list[tuple[int, int, FileHit]] = []
    for order, place in enumerate(_candidates(workspace)):
        if clock.monotonic() > give_up:
            break
        scored = _scored_lines(workspace, place, terms)
        if scored:
            best = sorted(scored, key=lambda line: (-line[0], line[1]))[:MAX_SNIPPETS]
            snippets = [(number, text) for _, number, text in sorted(best, key=lambda line: line[1])]
            found.append((-best[0][0], order, FileHit(shown(place), snippets)))
    return [hit for _, _, hit in sorted(found, key=lambda each: each[:2])[:limit]]


def _terms(query: str) -> tuple[str, ...]:
    """Lower-case words; runs of characters without blanks between them give their pairs."""
    terms: dict[str, None] = {}
    for word in _WORD.findall(query.lower()):
        is_wide = ord(word[0]) >= 0x3040
        pieces = [word[at : at + 2] for at in range(len(word) - 1)] if is_wide and len(word) > 2 else [word]
        terms.update(dict.fromkeys(pieces))
    return tuple(terms)[:_MAX_TERMS]


def _candidates(workspace: Path) -> Iterator[str]:
    """Text files, those named for memory first."""
    later: list[str] = []
    for count, (place, entry) in enumerate(safe_paths.walk(workspace, "", 6)):
        if count >= _MAX_ENTRIES:
            break
        is_text = entry.kind == "file" and entry.name.lower().endswith(_TEXT_ENDINGS)
        if not is_text or entry.size > _MAX_FILE_BYTES or place.split("/", 1)[0] in _HIDDEN:
            continue
        if "memory" in entry.name.lower():
            yield place
        else:
            later.append(place)
    yield from later


def _scored_lines(workspace: Path, place: str, terms: Sequence[str]) -> list[tuple[int, int, str]]:
    """(words found, line number, line) of each line that holds any."""
    try:
        found = decoded(safe_paths.read_bytes(workspace, place, _MAX_FILE_BYTES))
    except (safe_paths.PathError, OSError):
        return []
    lines = enumerate(found.text.split("\n"), 1) if found is not None else ()
    scored = ((sum(term in line.lower() for term in terms), number, line) for number, line in lines)
    return [(score, number, cut(line.strip(), MAX_SNIPPET_CHARACTERS)) for score, number, line in scored if score]
