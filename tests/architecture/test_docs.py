"""The documents agree with the code, and the code keeps its sizes and names."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from clary.settings import Settings

ROOT = Path(__file__).resolve().parents[2]
SOURCE = ROOT / "src" / "clary"
BANNED_NAMES = {"utils", "helpers", "common", "misc", "base", "manager", "handler", "core"}
MAX_MODULE_LINES = 400
MAX_FUNCTION_LINES = 60
HEADINGS = ["Status", "Context", "Decision", "Consequences", "Alternatives"]

LARGE_MODULES: dict[str, int] = {}
"""Modules over the limit, and what they may have at most. Entries only shrink and go."""
LARGE_FUNCTIONS: dict[str, int] = {}
"""The same for functions, as `path::name`."""


def _python_files() -> list[Path]:
    return sorted(SOURCE.rglob("*.py"))


def _shown_default(value: Any) -> str:
    """A default as the page writes it."""
    if value is None:
        return "not set"
    if isinstance(value, bool):
        return "`on`" if value else "`off`"
    if isinstance(value, tuple):
        value = ",".join(value)
    assert not isinstance(value, SecretStr)
    return f"`{value}`" if str(value) else "empty"


def _setting_rows() -> list[tuple[str, str]]:
    page = (ROOT / "docs" / "settings.md").read_text()
    return re.findall(r"^\| `(CLARY_[A-Z0-9_]+)` \| ([^|]+) \| [^|]+ \|$", page, re.MULTILINE)


def test_every_setting_has_one_row_with_its_default_and_every_row_a_setting() -> None:
    expected = {f"CLARY_{name.upper()}": _shown_default(field.default) for name, field in Settings.model_fields.items()}
    rows = _setting_rows()
    assert dict(rows) == expected
    assert len(rows) == len(expected)


def test_every_make_target_with_a_description_is_in_contributing() -> None:
    targets = re.findall(r"^([a-z-]+):.*##", (ROOT / "Makefile").read_text(), re.MULTILINE)
    page = (ROOT / "CONTRIBUTING.md").read_text()
    assert [target for target in targets if f"`make {target}`" not in page] == []


def test_contributing_names_no_make_target_that_is_not_there() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = set(re.findall(r"`make ([a-z-]+)`", (ROOT / "CONTRIBUTING.md").read_text()))
    assert named - targets == set()


def test_no_module_has_a_name_that_says_nothing() -> None:
    parts = {path: set(path.relative_to(SOURCE).with_suffix("").parts) for path in _python_files()}
    assert [str(path.relative_to(SOURCE)) for path, names in parts.items() if names & BANNED_NAMES] == []


def test_no_module_grows_over_its_limit() -> None:
    sizes = {str(path.relative_to(SOURCE)): len(path.read_text().splitlines()) for path in _python_files()}
    large = {name: size for name, size in sizes.items() if size > LARGE_MODULES.get(name, MAX_MODULE_LINES)}
    assert large == {}
    assert [name for name in LARGE_MODULES if sizes.get(name, 0) <= MAX_MODULE_LINES] == []


def _functions(path: Path) -> Iterator[tuple[str, int]]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            yield f"{path.relative_to(SOURCE)}::{node.name}", (node.end_lineno or node.lineno) - node.lineno + 1


def test_no_function_grows_over_its_limit() -> None:
    sizes = {name: size for path in _python_files() for name, size in _functions(path)}
    large = {name: size for name, size in sizes.items() if size > LARGE_FUNCTIONS.get(name, MAX_FUNCTION_LINES)}
    assert large == {}
    assert [name for name in LARGE_FUNCTIONS if sizes.get(name, 0) <= MAX_FUNCTION_LINES] == []


@pytest.mark.parametrize("page", sorted((ROOT / "docs" / "decisions").glob("*.md")), ids=lambda page: page.stem[:4])
def test_a_decision_page_has_its_five_headings(page: Path) -> None:
    assert re.findall(r"^## (.+)$", page.read_text(), re.MULTILINE) == HEADINGS


def test_decision_pages_are_numbered_without_gap() -> None:
    names = sorted(path.name for path in (ROOT / "docs" / "decisions").iterdir())
    assert [name[:5] for name in names] == [f"{number:04}-" for number in range(1, len(names) + 1)]


def test_the_map_names_every_room() -> None:
    page = (ROOT / "ARCHITECTURE.md").read_text()
    rooms = [path.parent for path in SOURCE.glob("*/__init__.py")]
    rooms += [path.parent for area in ("adapters", "features") for path in (SOURCE / area).glob("*/__init__.py")]
    assert sorted(room.name for room in rooms if f"── {room.name}/" not in page) == []


def _links(page: Path) -> list[str]:
    return [link for link in re.findall(r"\]\(([^)#]+)\)", page.read_text()) if "://" not in link]


@pytest.mark.parametrize(
    "page", sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]), ids=lambda page: page.stem
)
def test_links_between_documents_lead_somewhere(page: Path) -> None:
    assert [link for link in _links(page) if not (page.parent / link).exists()] == []
