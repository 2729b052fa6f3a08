"""Whatever is sealed lies in a column that says so, for the place that the column names (`clary keys rotate`)."""

import ast
import re
from pathlib import Path

import clary.wiring.services  # noqa: F401  # pyright: ignore[reportUnusedImport]  (every table is known)
from clary.db.columns import Row, Sealed
from clary.db.sealed_rows import sealed_columns

SOURCE = Path(__file__).resolve().parents[2] / "src" / "clary"
PLACE = re.compile(r"([a-z_0-9.]+)((?::\{\})+)")
PASSED_ON = {
    # What seals whatever it is given, for the place that it is given.
    ("features/mcp_servers/service/vault.py", "place"),
    # Seals again what it has opened, for the same place.
    ("wiring/key_rotation.py", "value.place"),
    ("wiring/key_rotation.py", "place"),
}


def _template(node: ast.AST) -> str:
    """A text with `{}` where values stand."""
    if not isinstance(node, ast.JoinedStr):
        return ""
    return "".join(each.value if isinstance(each, ast.Constant) else "{}" for each in node.values)  # type: ignore[misc]


def _trees() -> list[tuple[str, ast.Module]]:
    return [(str(path.relative_to(SOURCE)), ast.parse(path.read_text())) for path in sorted(SOURCE.rglob("*.py"))]


def _functions(tree: ast.Module) -> dict[str, str]:
    """Functions that only make a text, and its template."""
    return {
        node.name: _template(node.body[-1].value)
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef) and isinstance(node.body[-1], ast.Return) and node.body[-1].value
    }


def places() -> list[tuple[str, str]]:
    """(file, template of the place) of every call that seals."""
    trees, found = _trees(), list[tuple[str, str]]()
    own = {file: _functions(tree) for file, tree in trees}
    everywhere = {name: made for functions in own.values() for name, made in functions.items() if made}
    for file, tree in trees:
        known = {**everywhere, **own[file]}
        for node in ast.walk(tree):
            if not (isinstance(node, ast.Call) and getattr(node.func, "attr", "") in ("seal", "seal_json")):
                continue
            for place in [each.value for each in node.keywords if each.arg == "place"]:
                if (file, ast.unparse(place)) in PASSED_ON:
                    continue
                is_call = isinstance(place, ast.Call) and isinstance(place.func, ast.Name)
                found.append((file, known.get(place.func.id, "") if is_call else _template(place)))  # type: ignore[union-attr]
    return found


def test_every_place_is_a_sealed_column_and_every_sealed_column_has_a_place() -> None:
    columns = {column.name: len(column.place_columns) for column in sealed_columns()}
    columns |= {column.inner: 1 for column in sealed_columns() if column.inner}
    sealed: dict[str, int] = {}
    for file, template in places():
        place = PLACE.fullmatch(template)
        assert place, f"{file} seals for a place that this test cannot read: {template!r}"
        sealed[place[1]] = place[2].count("{}")
    assert sealed == columns
    assert len(columns) >= 9


def test_a_place_is_made_of_columns_of_its_row_and_no_sealed_column_is_plain_text() -> None:
    for column in sealed_columns():
        assert column.place_columns
        assert set(column.place_columns) <= set(column.table.columns.keys())
    named = [each for table in Row.metadata.sorted_tables for each in table.columns if "seal" in each.name]
    assert [str(each) for each in named if not isinstance(each.type, Sealed)] == []
