"""The import contracts hold on the tree, and each of them breaks when somebody violates it."""

import configparser
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

VIOLATIONS = {
    "floors": ("kit/clock.py", "import clary.db.columns"),
    "ladder": ("features/runs/policy.py", "import clary.features.chat.texts"),
    "adapters": ("adapters/sandbox/limits.py", "import clary.adapters.model_api.config"),
    "settings": ("features/chat/texts.py", "import clary.settings.values"),
    "frameworks": ("runtime/judge.py", "import fastapi"),
}
"""Contract → a file, and an import that this contract forbids there."""


def _contracts() -> list[str]:
    parser = configparser.ConfigParser()
    parser.read(ROOT / ".importlinter")
    return [name.removeprefix("importlinter:contract:") for name in parser.sections() if ":contract:" in name]


def _lint(tree: Path, *options: str) -> subprocess.CompletedProcess[str]:
    program = Path(sys.executable).with_name("lint-imports")
    return subprocess.run(
        [str(program), ".importlinter", "--no-logo", "--no-cache", *options],
        cwd=tree,
        env={**os.environ, "PYTHONPATH": str(tree / "src")},
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )


def test_the_tree_keeps_every_contract() -> None:
    outcome = _lint(ROOT)
    assert outcome.returncode == 0, outcome.stdout


def test_every_contract_has_a_planted_violation() -> None:
    assert sorted(VIOLATIONS) == sorted(_contracts())


@pytest.mark.parametrize("contract", VIOLATIONS)
def test_a_planted_violation_breaks_its_contract(contract: str, tmp_path: Path) -> None:
    place, line = VIOLATIONS[contract]
    shutil.copytree(ROOT / "src", tmp_path / "src", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / ".importlinter", tmp_path)
    target = tmp_path / "src" / "clary" / place
    target.write_text(f"{target.read_text()}\n{line}\n")
    outcome = _lint(tmp_path, "--contract", contract)
    assert outcome.returncode == 1, outcome.stdout
    assert "BROKEN" in outcome.stdout
