"""Writes the newest migration from the tables of every slice; the same tables give the same bytes.

`make_migration.py` renews the newest one, while it is not released; `make_migration.py 0003 name` begins the next.
"""

import importlib
import pkgutil
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any, Literal

from alembic.autogenerate import produce_migrations, render_python_code
from alembic.command import upgrade
from alembic.migration import MigrationContext
from sqlalchemy import create_engine

import clary.adapters
import clary.features
from clary.db.columns import Json, Row, UtcTime
from clary.db.migrate import alembic_config, known_revisions

VERSIONS = Path(__file__).resolve().parents[1] / "migrations" / "versions"

TEMPLATE = '''"""{title}"""

import sqlalchemy as sa
from alembic import op

revision = "{revision}"
down_revision = {before}
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Forward."""
    {up}


def downgrade() -> None:
    """Back."""
    {down}
'''


def import_tables() -> list[str]:
    """Imports the tables of every feature and adapter, and of jobs; returns the modules' names."""
    importlib.import_module("clary.jobs.tables")
    found = ["clary.jobs.tables"]
    for room in (clary.features, clary.adapters):
        for module in pkgutil.iter_modules(room.__path__, room.__name__ + "."):
            folder = Path(room.__path__[0]) / module.name.rpartition(".")[2]
            if (folder / "tables.py").exists() or (folder / "tables").is_dir():
                importlib.import_module(f"{module.name}.tables")
                found.append(f"{module.name}.tables")
    return sorted(found)


def plain_types(kind: str, item: Any, _context: Any) -> str | Literal[False]:
    """A migration names the database's types, so that it outlives the classes of the program."""
    if kind == "type" and isinstance(item, UtcTime):
        return "sa.DateTime(timezone=True)"
    if kind == "type" and isinstance(item, Json):
        return "sa.Text()"
    return False


def newest() -> Path:
    """The file of the newest migration."""
    return max(VERSIONS.glob("[0-9]*.py"))


def rendered(target: Path) -> str:
    """The file's text, not yet formatted: what leads from the migrations before it to the tables."""
    revision, _, name = target.stem.partition("_")
    before = max((each for each in known_revisions() if each < revision), default=None)
    with tempfile.TemporaryDirectory() as folder:
        engine = create_engine(f"sqlite:///{folder}/before.db")
        with engine.connect() as connection:
            if before is not None:
                config = alembic_config()
                config.attributes["connection"] = connection
                upgrade(config, before)
            options: dict[str, Any] = {"render_as_batch": True, "render_item": plain_types, "compare_type": True}
            steps = produce_migrations(MigrationContext.configure(connection, opts=options), Row.metadata)
        engine.dispose()
    assert steps.upgrade_ops is not None
    assert steps.downgrade_ops is not None
    up = render_python_code(steps.upgrade_ops, render_as_batch=True, render_item=plain_types)
    down = render_python_code(steps.downgrade_ops, render_as_batch=True, render_item=plain_types)
    title = "The first schema." if before is None else f"{name.replace('_', ' ').capitalize()}."
    shown = f'"{before}"' if before else None
    text = TEMPLATE.format(title=title, revision=revision, before=shown, up=up, down=down)
    return re.sub(r"^ *# ### .*\n", "", text, flags=re.MULTILINE)


def formatted(text: str) -> str:
    """As the formatter leaves it."""
    program = Path(sys.executable).with_name("ruff")
    done = subprocess.run([program, "format", "-"], input=text, text=True, capture_output=True, check=True)
    return done.stdout


def main() -> None:
    """Writes the file."""
    modules = import_tables()
    target = VERSIONS / "_".join(sys.argv[1:]) if sys.argv[1:] else newest()
    target = target.with_suffix(".py")
    target.write_text(formatted(rendered(target)), encoding="utf-8")
    print(f"{target.name}: {len(Row.metadata.tables)} tables of {len(modules)} modules")


if __name__ == "__main__":
    main()
