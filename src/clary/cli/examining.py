"""`clary migrate`, `clary rollback` and `clary doctor`."""

import asyncio
import os
import shutil
from contextlib import suppress
from typing import Annotated, Any

import typer

from clary.cli.terminal import fail, settings_or_exit


def migrate(
    check: Annotated[
        bool,
        typer.Option(
            "--check", help="Try it on a copy, on PostgreSQL in a transaction that is undone; change nothing."
        ),
    ] = False,
) -> None:
    """Bring the database up to what this program needs; on SQLite a copy is kept before the first step."""
    from clary.db.migrate import SchemaError, check_upgrade, ensure_schema, steps_between

    settings = settings_or_exit()
    try:
        if check:
            state = check_upgrade(settings.database)
            if state.is_current:
                typer.echo("up to date")
                return
            how = "tried on a copy" if settings.database.startswith("sqlite") else "tried and undone"
            for step in steps_between(state.stored, state.head):
                typer.echo(f"{how}: {step}")
            typer.echo(f"would upgrade from {state.stored or 'nothing'} to {state.head}")
            return
        typer.echo("upgraded" if ensure_schema(settings.database) else "up to date")
    except SchemaError as error:
        fail(str(error))


def rollback(
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Go back to the copy from before the last upgrade; says first what was written since and would be missing.

    Every process has to be stopped. The newer database stays beside it, and files that were removed since do not come
    back. Then start the earlier program: this one would upgrade again.
    """
    from clary.db.migrate import SchemaError
    from clary.db.rollback import plan_rollback, roll_back

    settings = settings_or_exit()
    try:
        plan = plan_rollback(settings.database)
        typer.echo(
            f"from revision {plan.revision} to {plan.earlier}, as it was at {plan.copied_at:%Y-%m-%d %H:%M:%S} UTC"
        )
        for name, rows in plan.lost.items():
            typer.echo(f"missing afterwards: {rows} rows of {name}")
        if not yes and not typer.confirm("Roll back?"):
            fail("nothing was changed")
        aside = roll_back(settings.database)
    except SchemaError as error:
        fail(str(error))
    typer.echo(f"rolled back; the newer database is {aside.name}")


def doctor() -> None:
    """Check settings, disk, database, key, object store, sandbox, mail, provider: a line each, exit 1 if one is wrong.

    Mail is not sent: the server is only asked to let us in. The default provider gets one request of five tokens.
    """
    from clary.settings import sources

    settings = settings_or_exit()
    for line in sources(settings):
        typer.echo(f"{line.variable}={line.shown} ({line.source})")
    problems = asyncio.run(_examine(settings))
    raise typer.Exit(1 if problems else 0)


async def _examine(settings: Any) -> int:
    from clary.adapters.sandbox import make_sandbox, visible_programs
    from clary.adapters.web import search_services
    from clary.db.migrate import SchemaError, schema_state
    from clary.wiring.tools import search_settings

    problems = 0

    def say(name: str, *, good: bool, text: str) -> None:
        nonlocal problems
        problems += not good
        typer.echo(f"{'ok  ' if good else 'FAIL'} {name}: {text}")

    say("data directory", **_data_directory(settings))
    is_current = False
    try:
        state = await asyncio.to_thread(schema_state, settings.database)
        is_current = state.is_current
        text = "current" if is_current else "made or upgraded at the next start"
        say("database", good=True, text=text)
    except SchemaError as error:
        say("database", good=False, text=str(error))
    say("secret key", **await _secret_key(settings, with_database=is_current))
    say("object store", **await _object_store(settings))
    sandbox = await make_sandbox("on" if settings.sandbox else "off")
    reason = sandbox.unavailable_reason
    say("sandbox", good=reason is None or not settings.sandbox, text=reason or "works")
    say("mail", **await _mail(settings))
    programs = visible_programs(("python3", "node"))
    found = [name for program, name in (("python3", "Python"), ("node", "JavaScript")) if program in programs]
    say("code tools", good=True, text=", ".join(found) if found and reason is None else "none")
    services = [service.name for service in search_services(search_settings(settings))]
    say("web search", good=True, text=", ".join(services) or "no service configured")
    say("default provider", **await _default_provider(settings))
    return problems


def _data_directory(settings: Any) -> dict[str, Any]:
    """Whether something can be written there."""
    from clary.wiring.readiness import has_room

    folder = settings.data_dir
    if not folder.exists():
        return {"good": True, "text": f"{folder}, made at the first start"}
    if not folder.is_dir() or not os.access(folder, os.W_OK):
        return {"good": False, "text": f"{folder}: cannot be written"}
    free = shutil.disk_usage(folder).free // 1024**2
    return {"good": has_room(folder), "text": f"{folder}, {free} MB free"}


async def _secret_key(settings: Any, *, with_database: bool) -> dict[str, Any]:
    """Whether there is one, and whether it opens what the database holds."""
    from clary.db.database import UnavailableError
    from clary.kit.crypto import SecretBox
    from clary.settings import SettingsError
    from clary.settings.data_dir import has_secret_key, secret_key

    if not has_secret_key(settings):
        # A random key fits where nothing is sealed: a database that was made and never served.
        with suppress(UnavailableError):
            if with_database and not await _fits(settings, SecretBox(os.urandom(32))):
                return {"good": False, "text": "is missing; the database was made with one"}
        return {"good": True, "text": "made at the first start"}
    try:
        box = SecretBox(secret_key(settings), settings.old_key_bytes)
    except SettingsError as error:
        return {"good": False, "text": str(error)}
    if not with_database:
        return {"good": True, "text": "set"}
    try:
        fits = await _fits(settings, box)
    except UnavailableError:
        return {"good": True, "text": "set; the database does not answer"}
    return {"good": fits, "text": f"{box.key_id}, fits the database" if fits else "does not fit the database"}


async def _fits(settings: Any, box: Any) -> bool:
    """Whether a key opens what the database holds."""
    from clary.db.database import Database
    from clary.wiring.key_rotation import fits_database

    database = Database(settings.database)
    try:
        return await fits_database(database, box)
    finally:
        await database.close()


async def _mail(settings: Any) -> dict[str, Any]:
    """Whether the mail server lets us in; nothing is sent."""
    from clary.adapters.smtp import SmtpMailer
    from clary.features.accounts.ports import MailError
    from clary.wiring.arrivals import make_mailer

    mailer = make_mailer(settings)
    if not isinstance(mailer, SmtpMailer):
        return {"good": True, "text": "no mail server configured"}
    where = f"{settings.smtp_host}:{settings.smtp_port}"
    try:
        await mailer.greet()
    except MailError:
        return {"good": False, "text": f"{where}: does not answer or refuses"}
    return {"good": True, "text": where}


async def _default_provider(settings: Any) -> dict[str, Any]:
    """Whether its model answers one small request."""
    from clary.settings import shown_address
    from clary.wiring.providers import try_default_provider

    if settings.default_llm_api_base_url is None:
        return {"good": True, "text": "none; the demo model answers" if settings.demo_model_on else "none"}
    where = f"{settings.default_llm_model_name} at {shown_address(settings.default_llm_api_base_url)}"
    fault = await try_default_provider(settings)
    return {"good": fault is None, "text": where if fault is None else f"{where}: {fault}"}


async def _object_store(settings: Any) -> dict[str, Any]:
    """Whether a content can be stored, read and removed again."""
    from clary.features.files.ports import StoreUnavailableError
    from clary.settings import shown_address
    from clary.wiring.objects import object_store, try_store

    where = "a folder in the data directory"
    if settings.object_store == "s3":
        where = f"bucket {settings.s3_bucket} at {shown_address(settings.s3_endpoint or settings.s3_region)}"
    elif not settings.data_dir.exists():
        return {"good": True, "text": f"{where}, made at the first start"}
    try:
        await try_store(object_store(settings))
    except StoreUnavailableError:
        return {"good": False, "text": f"{where}: cannot store, read and remove a file"}
    return {"good": True, "text": where}
