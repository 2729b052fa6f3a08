"""Every word that is counted somewhere is one of the contract's metrics, with exactly its labels (platform.md 12.2)."""

import ast
from pathlib import Path

from clary.adapters.metrics import METRICS

SOURCE = Path(__file__).resolve().parents[2] / "src" / "clary"
KINDS = {"count": "counter", "observe": "histogram", "change": "gauge"}


def spoken() -> list[tuple[str, str, str, frozenset[str]]]:
    """(file, kind, name, labels) of each call of `measures`."""
    found: list[tuple[str, str, str, frozenset[str]]] = []
    for path in sorted(SOURCE.rglob("*.py")):
        constants: dict[str, str] = {}
        tree = ast.parse(path.read_text())
        for node in ast.walk(tree):
            if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant):
                constants |= {each.id: str(node.value.value) for each in node.targets if isinstance(each, ast.Name)}
        for node in ast.walk(tree):
            if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)):
                continue
            if not (isinstance(node.func.value, ast.Name) and node.func.value.id == "measures"):
                continue
            if node.func.attr in KINDS:
                first = node.args[0]
                name = first.value if isinstance(first, ast.Constant) else constants[ast.unparse(first)]
                labels = frozenset(each.arg or "**" for each in node.keywords)
                found.append((path.name, KINDS[node.func.attr], str(name), labels))
    return found


def test_every_spoken_measure_is_a_metric_of_this_kind_with_these_labels() -> None:
    wrong = [
        each
        for each in spoken()
        if each[2] not in METRICS or (each[1], each[3]) != (METRICS[each[2]].kind, frozenset(METRICS[each[2]].labels))
    ]
    assert wrong == []
    assert len(spoken()) > 15


def test_every_metric_of_the_contract_is_spoken_or_set_when_somebody_reads() -> None:
    set_on_reading = {
        *("clary_build_info", "clary_ready", "clary_process_resident_memory_bytes"),
        *("clary_runs_active", "clary_jobs", "clary_jobs_oldest_seconds"),
    }
    assert {name for _, _, name, _ in spoken()} | set_on_reading == set(METRICS)
