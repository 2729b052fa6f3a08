"""`clary backup`, `clary restore`, `clary export` and `clary import`: whole instances (docs/operation.md)."""

import asyncio
import signal
from collections.abc import Callable, Coroutine, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer

from clary.cli.terminal import fail, progress_bars, settings_or_exit

T = TypeVar("T")
Told = Callable[[str, int, int], None]
WithKey = Annotated[
    bool, typer.Option("--with-secret-key", help="Put the secret key in; who has both can read every secret.")
]
WITHOUT_KEY = "the secret key is not in it: keep secret.key, or CLARY_SECRET_KEY, somewhere else; without it no start"


def backup(
    target: Annotated[Path, typer.Argument(metavar="DIR", help="Folder to make; it must not be there.")],
    with_secret_key: WithKey = False,
) -> None:
    """Copy database and files of a SQLite instance, running or not, into a folder."""
    from clary.wiring.backups import make_backup

    settings = settings_or_exit()
    with _one_line(), _progress() as told:
        facts = make_backup(settings, target.absolute(), with_key=with_secret_key, told=told)
    typer.echo(f"backed up revision {facts.revision} and {facts.files} files to {target}")
    if not with_secret_key:
        typer.echo(WITHOUT_KEY, err=True)
    if settings.object_store == "s3":
        typer.echo(
            "what lies in the bucket (stored files, originals of documents, versions of skills) is not in it: "
            "back up the bucket, or use clary export",
            err=True,
        )


def restore(
    source: Annotated[Path, typer.Argument(metavar="DIR", help="Folder that clary backup made.")],
    check: Annotated[bool, typer.Option("--check", help="Only look whether every file is whole.")] = False,
) -> None:
    """Put a backup into an empty data directory, after checking every hash."""
    from clary.wiring.backups import check_backup, restore_backup

    settings = settings_or_exit()
    with _one_line(), _progress() as told:
        facts = check_backup(source, told) if check else restore_backup(settings, source, told)
    done = "whole" if check else "restored"
    typer.echo(f"{done}: revision {facts.revision}, {facts.files} files, made {facts.made_at}")


def export_archive(
    target: Annotated[Path, typer.Argument(metavar="FILE", help="Archive to write, as instance.tar.gz.")],
    with_secret_key: WithKey = False,
) -> None:
    """Write the whole instance, running or not, into one archive that fits any database."""
    from clary.wiring.exporting import export_instance

    settings = settings_or_exit()
    with _one_line(), _progress() as told:
        done = _run(export_instance(settings, target.absolute(), with_key=with_secret_key, told=told))
    typer.echo(f"exported revision {done.revision}: {done.rows} rows, {done.files} files")
    if done.missing:
        typer.echo(f"{done.missing} contents that rows name were not in the store", err=True)
    if not with_secret_key:
        typer.echo(WITHOUT_KEY, err=True)


def import_archive(
    source: Annotated[Path, typer.Argument(metavar="FILE", help="Archive that clary export wrote.")],
) -> None:
    """Take an archive into an instance that has nothing yet, whatever its database; all or nothing."""
    from clary.wiring.importing import import_instance

    settings = settings_or_exit()
    with _one_line(), _progress() as told:
        done = _run(import_instance(settings, source, told))
    typer.echo(f"imported revision {done.revision}: {done.rows} rows, {done.files} files")
    if done.missing:
        typer.echo(f"{done.missing} contents that rows name were not in the archive", err=True)


def _run(work: Coroutine[Any, Any, T]) -> T:
    # Every table has to be known, which the composition root sees to.
    import clary.wiring.services  # noqa: F401  # pyright: ignore[reportUnusedImport]

    return asyncio.run(work)


@contextmanager
def _one_line() -> Generator[None]:
    """A refusal is one line and status 1, a call to stop is status 130; both leave nothing half written."""
    from clary.db.migrate import SchemaError
    from clary.db.table_rows import RowsError
    from clary.errors import ProblemError
    from clary.settings import SettingsError
    from clary.wiring.archive_format import ArchiveError
    from clary.wiring.backups import BackupError

    before = signal.signal(signal.SIGTERM, signal.getsignal(signal.SIGINT))
    try:
        yield
    except (ArchiveError, BackupError, RowsError, SchemaError) as error:
        fail(str(error))
    except SettingsError as error:
        fail(str(error), 2)
    except ProblemError as problem:
        fail(problem.message.en)
    except KeyboardInterrupt:
        fail("stopped; nothing is left of it", 130)
    finally:
        signal.signal(signal.SIGTERM, before)


@contextmanager
def _progress() -> Generator[Told]:
    """Tells a bar on the terminal how far a copy is."""
    with progress_bars() as progress:
        bar = progress.add_task("", total=None)

        def told(what: str, done: int, total: int) -> None:
            progress.update(bar, description=what, completed=done, total=total or None)

        yield told
