"""`clary audit …`."""

import json
import re
from pathlib import Path
from typing import Annotated, Any

import typer

from clary.cli.terminal import fail, run_on_services

commands = typer.Typer(help="The audit log.", no_args_is_help=True)

HEAD = re.compile(r"(\d{1,18}):([0-9a-f]{64})")


@commands.command()
def verify(
    head: Annotated[str | None, typer.Option(metavar="SEQ:HASH", help="An entry that was noted elsewhere.")] = None,
    file: Annotated[Path | None, typer.Option(help="An export in stored form instead of the database.")] = None,
) -> None:
    """Check that no entry was changed or removed: exit 0 intact, 1 broken, 2 not readable."""
    expected = _head(head)
    found = _verify_file(file, expected) if file is not None else _verify_database(expected)
    if not found["ok"]:
        fail(f"broken at {found['broken_at']}: {found['reason']}")
    typer.echo(f"intact: {found['entries']} entries, head {found['head']['seq']}:{found['head']['hash']}")


@commands.command()
def export(
    form: Annotated[str, typer.Option(help="clear, or stored, which can be verified elsewhere.")] = "clear",
) -> None:
    """Write the log to standard output, one JSON object a line, oldest first."""
    if form not in ("clear", "stored"):
        fail("form must be clear or stored", 2)

    async def work(services: Any) -> None:
        from clary.features.audit.service import CLI, Act, Filters

        identity = services.identity
        async with services.database.write() as db:
            await identity.audit.record(db, Act("audit.exported", CLI, detail={"form": form}))
        async for portion in identity.audit_reading.export(filters=Filters(), form=form):
            typer.echo(portion.decode(), nl=False)

    run_on_services(work)


def _head(text: str | None) -> Any:
    from clary.features.audit.service import Head

    if text is None:
        return None
    parts = HEAD.fullmatch(text)
    if parts is None:
        fail("head must be SEQ:HASH", 2)
    return Head(int(parts[1]), parts[2])


def _verify_database(expected: Any) -> Any:
    async def work(services: Any) -> Any:
        return await services.identity.audit_reading.verify(expected=expected)

    return run_on_services(work, only_reads=True, failed=2)


def _verify_file(file: Path, expected: Any) -> Any:
    from clary.features.audit.service import walk_export

    try:
        with file.open(encoding="utf-8") as lines:
            return walk_export((json.loads(line) for line in lines), expected).answer()
    except (OSError, ValueError, KeyError, TypeError):
        fail(f"{file}: not an export in stored form", 2)
