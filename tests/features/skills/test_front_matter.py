"""Front matter against the public specification's own reference (product.md 7.1)."""

from pathlib import Path

import pytest
import skills_ref

from clary.features.skills.policy.front_matter import FrontMatterError, is_skill_name, name_key, parse_skill

KEEPS_THE_SPECIFICATION = [
    "name: dates\ndescription: Formats dates.",
    "name: a\ndescription: |\n  Several\n  lines: with colons",
    "name: pdf-forms-2\ndescription: 'quoted: text'\nlicense: Apache-2.0\ncompatibility: needs python",
    "name: x1\ndescription: d\nallowed-tools: Read Bash(git add:*)\nmetadata:\n  author: me\n  version: '1.0'",
]
BREAKS_IT = [
    "name: dates",
    "description: d",
    "name: ''\ndescription: d",
    "name: -dates\ndescription: d",
    f"name: {'a' * 65}\ndescription: d",
    f"name: a\ndescription: {'d' * 1025}",
    f"name: a\ndescription: d\ncompatibility: {'c' * 501}",
    "name: a b\ndescription: d",
    "- a list",
    "name: [a",
]


def whole(front: str) -> bytes:
    """A `SKILL.md` with this front matter."""
    return f"---\n{front}\n---\n\nBody\n".encode()


def faults(folder: Path, front: str, name: str) -> list[str]:
    """What the reference says of it."""
    place = folder / name
    place.mkdir()
    (place / "SKILL.md").write_bytes(whole(front))
    return skills_ref.validate(place)


@pytest.mark.parametrize("front", KEEPS_THE_SPECIFICATION)
def test_what_keeps_the_specification_is_taken_and_read_alike(tmp_path: Path, front: str) -> None:
    found = parse_skill(whole(front))
    assert faults(tmp_path, front, found.name) == []
    theirs = skills_ref.read_properties(tmp_path / found.name)
    assert (found.name, found.description, found.kept["license"], found.is_conformant) == (
        theirs.name,
        theirs.description.strip(),
        theirs.license or "",
        True,
    )
    assert found.kept["metadata"] == (theirs.metadata or {})


@pytest.mark.parametrize("front", BREAKS_IT)
def test_what_breaks_the_specification_is_refused_by_both(tmp_path: Path, front: str) -> None:
    assert faults(tmp_path, front, "dates")
    with pytest.raises(FrontMatterError):
        parse_skill(whole(front))


@pytest.mark.parametrize("name", ["Dates", "日期", "a.b", "a_b", "a--b", "a-"])
def test_names_beyond_the_stricter_form_are_taken_and_said_so(name: str) -> None:
    assert not parse_skill(whole(f"name: {name}\ndescription: d")).is_conformant


def test_declared_permissions_are_read_in_each_spelling() -> None:
    spellings = ["Read, Write", "Read Write", "[Read, Write]"]
    assert {parse_skill(whole(f"name: a\ndescription: d\nallowed-tools: {each}")).tools for each in spellings} == {
        ("Read", "Write")
    }
    hosts = parse_skill(whole("name: a\ndescription: d\nmetadata: {hosts: 'A.example; b.example,a.example'}")).hosts
    assert hosts == ("a.example", "b.example")


def test_unknown_fields_and_deep_metadata_are_left_out_with_a_warning() -> None:
    found = parse_skill(whole("name: a\ndescription: d\nversion: 1\nmetadata: {a: {b: c}, n: 1.0}"))
    assert (found.warnings, found.kept["metadata"]) == (("metadata_ignored:a", "unknown_field:version"), {"n": "1.0"})


def test_names_are_compared_without_case_and_composed() -> None:
    assert name_key("CAFE\u0301") == name_key("café")
    assert [name for name in ("a", ".a", "-a", "", "a/b", "a\0", "a b", "x" * 65) if is_skill_name(name)] == ["a"]
