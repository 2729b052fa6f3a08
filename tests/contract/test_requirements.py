"""The requirements manifest and the tests agree, both ways."""

import ast
import tomllib
from collections import Counter
from functools import cache
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]


@cache
def _manifest() -> dict[str, Any]:
    return tomllib.loads((ROOT / "contract" / "requirements.toml").read_text())


def _requirements() -> list[dict[str, Any]]:
    return _manifest()["requirement"]


@cache
def _existing_tests() -> frozenset[str]:
    """`path::name` of every test function, also in classes."""
    found: set[str] = set()
    for path in (ROOT / "tests").rglob("test_*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)) and node.name.startswith("test_"):
                found.add(f"{path.relative_to(ROOT)}::{node.name}")
    return frozenset(found)


def test_every_named_test_exists() -> None:
    named = {name for entry in _requirements() for name in entry.get("tests", ())}
    assert sorted(named - _existing_tests()) == []


def test_every_requirement_has_tests_or_a_reason_and_nothing_else() -> None:
    def is_sound(entry: dict[str, Any]) -> bool:
        proof = set(entry) - {"id", "title"}
        return bool(entry["id"] and entry["title"]) and proof in ({"tests"}, {"later"}) and bool(entry[proof.pop()])

    assert [entry["id"] for entry in _requirements() if not is_sound(entry)] == []


def test_no_requirement_is_named_twice_and_no_test_twice_in_one() -> None:
    ids = Counter(entry["id"] for entry in _requirements())
    assert [name for name, count in ids.items() if count > 1] == []
    doubled = [each["id"] for each in _requirements() if len(set(each.get("tests", ()))) < len(each.get("tests", ()))]
    assert doubled == []


def test_every_test_module_proves_a_requirement_or_says_what_else() -> None:
    proving = {name.partition("::")[0] for entry in _requirements() for name in entry.get("tests", ())}
    other = set(_manifest()["other"])
    modules = {str(path.relative_to(ROOT)) for path in (ROOT / "tests").rglob("test_*.py")}
    assert sorted(modules - proving - other) == []
    assert sorted(other - modules) == []
    assert sorted(other & proving) == []
