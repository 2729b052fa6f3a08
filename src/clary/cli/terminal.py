"""What every command shares: one line for a refusal, and work on the services."""

import asyncio
from typing import Any, NoReturn

import typer


def fail(message: str, status: int = 1) -> NoReturn:
    """One line on stderr, and an exit status."""
    typer.echo(message, err=True)
    raise typer.Exit(status)


def progress_bars() -> Any:
    """Bars on the terminal that leave nothing behind, `rich.progress.Progress`; nothing where there is no terminal."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    console = Console(stderr=True)
    return Progress(*columns, console=console, transient=True, disable=not console.is_terminal)


def settings_or_exit() -> Any:
    """The settings; a wrong one ends the program with one line and status 2."""
    from clary.settings import SettingsError, load_settings, setting_warnings

    try:
        settings = load_settings()
    except SettingsError as error:
        fail(str(error), 2)
    for warning in setting_warnings(settings):
        typer.echo(warning, err=True)
    return settings


def run_on_services(work: Any, *, only_reads: bool = False, failed: int = 1) -> Any:
    """Does work on the services; a refusal is one line and the status `failed`.

    `only_reads`: the database has to be there and current, nothing is made or upgraded for it.
    """
    from clary.db.migrate import SchemaError
    from clary.errors import ProblemError
    from clary.settings import SettingsError

    try:
        return asyncio.run(_with_services(work, only_reads=only_reads))
    except ProblemError as problem:
        fail(problem.message.en, failed)
    except SettingsError as error:
        fail(str(error), 2)
    except SchemaError as error:
        fail(str(error), failed)


async def _with_services(work: Any, *, only_reads: bool) -> Any:
    from clary.db.migrate import SchemaError, ensure_schema, schema_state
    from clary.wiring import build_services

    settings = settings_or_exit()
    if only_reads and not (await asyncio.to_thread(schema_state, settings.database)).is_current:
        raise SchemaError("there is no database of this version of the program")
    services = build_services(settings)
    try:
        await asyncio.to_thread(ensure_schema, services.settings.database)
        return await work(services)
    finally:
        await services.database.close()
        services.passwords.close()
