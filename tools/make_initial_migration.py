"""Writes `migrations/versions/0001_initial.py` from the tables of every slice; the same tables give the same bytes."""

import importlib
import pkgutil
import subprocess
import sys
from pathlib import Path
from typing import Any, Literal

from alembic.autogenerate import produce_migrations, render_python_code
from alembic.migration import MigrationContext
from sqlalchemy import create_engine

import clary.adapters
import clary.features
from clary.db.columns import Json, Row, UtcTime

TARGET = Path(__file__).resolve().parents[1] / "migrations" / "versions" / "0001_initial.py"

TEMPLATE = '''"""The first schema."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
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
    """Imports the tables of every feature and adapter; returns the modules' names."""
    found: list[str] = []
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


def rendered() -> str:
    """The file's text, not yet formatted."""
    with create_engine("sqlite://").connect() as connection:
        options: dict[str, Any] = {"render_as_batch": True, "render_item": plain_types}
        context = MigrationContext.configure(connection, opts=options)
        steps = produce_migrations(context, Row.metadata)
    assert steps.upgrade_ops is not None
    assert steps.downgrade_ops is not None
    up = render_python_code(steps.upgrade_ops, render_as_batch=True, render_item=plain_types)
    down = render_python_code(steps.downgrade_ops, render_as_batch=True, render_item=plain_types)
    text = TEMPLATE.format(up=up, down=down)
    return "\n".join(
        line for line in text.splitlines() if "commands auto generated" not in line and "end Alembic" not in line
    )


def formatted(text: str) -> str:
    """As the formatter leaves it."""
    program = Path(sys.executable).with_name("ruff")
    done = subprocess.run([program, "format", "-"], input=text, text=True, capture_output=True, check=True)
    return done.stdout


def main() -> None:
    """Writes the file."""
    modules = import_tables()
    TARGET.parent.mkdir(parents=True, exist_ok=True)
    TARGET.write_text(formatted(rendered()), encoding="utf-8")
    print(f"{TARGET.name}: {len(Row.metadata.tables)} tables of {len(modules)} modules")


if __name__ == "__main__":
    main()
