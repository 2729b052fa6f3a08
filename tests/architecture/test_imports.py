"""The import contracts hold on the tree, and each of them breaks when somebody violates it."""

import ast
import configparser
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SOURCE = ROOT / "src" / "clary"
LINTER_FILES = (".importlinter", "tools/import_contracts.py")

EVERYWHERE = {"orjson", "structlog"}
"""Libraries that any room may use: JSON and logging. Every other one has its places in a contract."""

VIOLATIONS = {
    "floors": [
        ("kit/clock.py", "import clary.db.columns"),
        ("features/chat/texts.py", "import clary.wiring.parts"),
        ("streams/ports.py", "import clary.db.session"),
        ("runtime/judge.py", "import clary.streams.ports"),
        ("adapters/passwords/__init__.py", "import clary.settings.values"),
        ("stray.py", ""),
    ],
    "cycles": [
        ("runtime/messages.py", "import clary.runtime.loop"),
        ("features/chat/lines.py", "import clary.features.chat.recording"),
        ("http/problems.py", "import clary.http.rendering"),
        ("features/llm_providers/service/vault.py", "import clary.features.llm_providers.service.providers"),
    ],
    "edge": [
        ("http/paging.py", "import clary.streams.ports"),
        ("http/paging.py", "import clary.runtime.events"),
    ],
    "settings": [
        ("features/chat/texts.py", "import clary.settings.values"),
        ("adapters/passwords/__init__.py", "import clary.settings"),
    ],
    "ladder": [
        ("features/runs/policy.py", "import clary.features.chat.texts"),
        ("features/workspaces/service.py", "import clary.features.toolbox.service"),
        ("features/stray/__init__.py", ""),
    ],
    "order": [
        ("features/agents/guards.py", "import clary.features.agents.routes"),
        ("features/agents/service/checking.py", "import clary.features.agents.guards"),
        ("features/accounts/throttling.py", "import clary.features.accounts.service"),
        ("features/conversations/repository/listing.py", "import clary.features.conversations.history"),
        ("features/conversations/repository/listing.py", "import clary.features.conversations.payloads"),
        ("features/runs/policy.py", "import clary.features.runs.repository"),
        ("features/agents/ports.py", "import clary.features.agents.policy"),
        ("features/accounts/tables.py", "import clary.features.accounts.ports"),
        ("features/accounts/errors.py", "import clary.features.accounts.tables"),
        ("features/usage/stray.py", ""),
    ],
    "neighbours": [
        ("features/chat/texts.py", "import clary.features.runs.tables"),
        ("features/chat/texts.py", "from clary.features.runs.policy import is_active"),
        ("features/chat/texts.py", "from clary.features.conversations import history"),
        ("features/chat/texts.py", "import clary.features.agents.service.checking"),
    ],
    "rows": [
        ("wiring/parts.py", "import clary.features.accounts.tables"),
        ("cli/people.py", "import clary.features.conversations.repository.listing"),
    ],
    "adapters": [
        ("adapters/sandbox/limits.py", "import clary.adapters.model_api.config"),
        ("adapters/passwords/__init__.py", "import clary.adapters.access_tokens"),
        ("adapters/access_tokens/__init__.py", "import clary.adapters.passwords"),
    ],
    "plugs": [("adapters/passwords/__init__.py", "import clary.features.accounts.service")],
    "reach": [
        ("adapters/sandbox/limits.py", "import clary.http.paging"),
        ("adapters/sandbox/limits.py", "import clary.runtime.loop"),
        ("adapters/event_log/memory.py", "import clary.streams.hub"),
    ],
}
"""Contract → files, and an import that this contract forbids there. A file without an import is new and has no rung."""


def _sections() -> dict[str, configparser.SectionProxy]:
    """Contract → what its section says."""
    parser = configparser.ConfigParser()
    parser.read(ROOT / ".importlinter")
    prefix = "importlinter:contract:"
    return {name.removeprefix(prefix): parser[name] for name in parser.sections() if name.startswith(prefix)}


def _libraries(section: configparser.SectionProxy) -> set[str]:
    names = section.get("protected_modules", "").split()
    return {name for name in names if name.partition(".")[0] != "clary"}


SECTIONS = _sections()
CONTRACTS = {contract: _libraries(section) for contract, section in SECTIONS.items()}
"""Contract → the libraries it keeps in their places, if that is what it does."""
PLANTS = [(contract, place, line) for contract, plants in VIOLATIONS.items() for place, line in plants] + [
    (contract, place, f"import {library}")
    for contract, libraries in CONTRACTS.items()
    for library in sorted(libraries)
    for place in ("features/accounts/service.py", "runtime/judge.py")
]


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


def _imported_libraries(path: Path) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module)
    return {name.partition(".")[0] for name in names} - sys.stdlib_module_names - {"clary"}


def test_the_tree_keeps_every_contract() -> None:
    outcome = _lint(ROOT)
    assert outcome.returncode == 0, outcome.stdout


def test_no_contract_has_exceptions() -> None:
    assert "ignore_imports" not in (ROOT / ".importlinter").read_text()


def test_every_contract_has_a_planted_violation() -> None:
    assert sorted({contract for contract, _, _ in PLANTS}) == sorted(CONTRACTS)


def test_every_library_has_its_places() -> None:
    imported = set[str]().union(*(_imported_libraries(path) for path in SOURCE.rglob("*.py")))
    assert imported - set[str]().union(*CONTRACTS.values()) == EVERYWHERE


def _lint_with(plants: list[tuple[str, str, str]], folder: Path) -> dict[str, str]:
    """Contract → what is said against it, when all these lines stand in a copy of the tree."""
    shutil.copytree(ROOT / "src", folder / "src", ignore=shutil.ignore_patterns("__pycache__"))
    for name in LINTER_FILES:
        (folder / name).parent.mkdir(exist_ok=True)
        shutil.copy(ROOT / name, folder / name)
    for _, place, line in plants:
        target = folder / "src" / "clary" / place
        target.parent.mkdir(exist_ok=True)
        text = target.read_text() if line else ""
        target.write_text(f"{text}\n{line}\n")
    outcome = _lint(folder)
    assert outcome.returncode == 1, outcome.stdout + outcome.stderr
    return _reports(outcome.stdout)


def _reports(said: str) -> dict[str, str]:
    broken = said.partition("Broken contracts")[2]
    found: dict[str, str] = {}
    for contract, section in SECTIONS.items():
        title = section["name"]
        _, is_broken, rest = broken.partition(f"\n{title}\n---")
        if is_broken:
            # The next title is a line above dashes.
            found[contract] = " ".join(re.split(r"\n[^\n]+\n-{4,}\n", rest, maxsplit=1)[0].split())
    return found


def _arrow(place: str, line: str) -> re.Pattern[str]:
    """How the planted import begins an illegal chain; inside one it may be there because of another plant."""
    importer = "clary." + place.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
    words = line.split()
    if words[0] == "from":
        # A name in a module counts as the module, a module in a package as itself.
        imported = {words[1], f"{words[1]}.{words[3]}"}
    else:
        # Of a library only its first part is known.
        imported = {words[1] if words[1].startswith("clary.") else words[1].partition(".")[0]}
    names = "|".join(map(re.escape, sorted(imported)))
    return re.compile(rf"- {re.escape(importer)} -> ({names}) \(l\.")


def test_every_planted_import_breaks_its_contract(tmp_path: Path) -> None:
    plants = [plant for plant in PLANTS if plant[0] != "cycles" and plant[2]]
    said = _lint_with(plants, tmp_path)
    missed = [plant for plant in plants if not _arrow(plant[1], plant[2]).search(said.get(plant[0], ""))]
    assert missed == []


def test_every_planted_circle_is_seen_where_it_is(tmp_path: Path) -> None:
    plants = [plant for plant in PLANTS if plant[0] == "cycles"]
    said = _lint_with(plants, tmp_path)["cycles"]
    packages = ["clary." + place.rpartition("/")[0].replace("/", ".") for _, place, _ in plants]
    assert [package for package in packages if f"No cycles are allowed in {package}." not in said] == []


def test_a_new_file_without_a_rung_is_noticed(tmp_path: Path) -> None:
    plants = [plant for plant in PLANTS if not plant[2]]
    said = _lint_with(plants, tmp_path)
    names = [Path(place.removesuffix("/__init__.py")).stem for _, place, _ in plants]
    assert [contract for (contract, _, _), name in zip(plants, names, strict=True) if name not in said[contract]] == []
