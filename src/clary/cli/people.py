"""`clary user …`."""

import json
import sys
from typing import Annotated, Any

import typer

from clary.cli.terminal import fail, run_on_services

MAX_PASSWORD = 256

commands = typer.Typer(help="People who may sign in.", no_args_is_help=True)


@commands.command("add")
def add_user(
    name: Annotated[str, typer.Argument(help="User name.")],
    password_stdin: Annotated[bool, typer.Option("--password-stdin", help="Read the password from stdin.")] = False,
    role: Annotated[str, typer.Option(help="user or admin.")] = "user",
    email: Annotated[str | None, typer.Option(help="E-mail address.")] = None,
) -> None:
    """Add a user; works while the server runs."""
    password = _password_line() if password_stdin else typer.prompt("Password", hide_input=True)
    if role not in ("user", "admin"):
        fail("role must be user or admin")
    from clary.features.accounts.service import NewUser
    from clary.features.audit.service import CLI

    async def work(services: Any) -> str:
        return await services.accounts.add_user(NewUser(name, password, email, role=role), by=CLI)

    user_id = run_on_services(work)
    typer.echo(f"added {name} ({user_id})")


@commands.command("list")
def list_users(as_json: Annotated[bool, typer.Option("--json", help="One JSON array.")] = False) -> None:
    """List users."""
    from clary.http.paging import Page

    async def work(services: Any) -> Any:
        async with services.database.read() as db:
            return await services.accounts.list_page(db, page=Page(1, 10_000), text=None, role=None, status=None)

    found = run_on_services(work)["items"]
    if as_json:
        typer.echo(json.dumps(found, ensure_ascii=False))
        return
    for user in found:
        typer.echo(f"{user['username']}\t{user['role']}\t{user['status']}\t{user['user_id']}")


Account = Annotated[str, typer.Argument(metavar="USER", help="User name or e-mail address.")]


@commands.command("set-role")
def set_role(account: Account, role: Annotated[str, typer.Argument(help="user or admin.")]) -> None:
    """Make somebody an administrator, or an ordinary user, which ends all sessions of theirs."""
    if role not in ("user", "admin"):
        fail("role must be user or admin")

    async def work(services: Any, user_id: str) -> None:
        await services.user_administration.set_role(user_id=user_id, role=role, by=_cli())

    _change(account, work)
    typer.echo(f"{account} is now {role}")


@commands.command("disable")
def disable_user(account: Account) -> None:
    """Lock somebody out and end all sessions of theirs; nothing is deleted."""

    async def work(services: Any, user_id: str) -> None:
        await services.user_administration.set_disabled(user_id=user_id, disabled=True, by=_cli())

    _change(account, work)
    typer.echo(f"disabled {account}")


@commands.command("enable")
def enable_user(account: Account) -> None:
    """Let somebody in again."""

    async def work(services: Any, user_id: str) -> None:
        await services.user_administration.set_disabled(user_id=user_id, disabled=False, by=_cli())

    _change(account, work)
    typer.echo(f"enabled {account}")


@commands.command("reset-password")
def reset_password(
    account: Account,
    password_stdin: Annotated[
        bool, typer.Option("--password-stdin", help="Read the password from stdin; else one is made and shown once.")
    ] = False,
) -> None:
    """Set a new password and end all sessions; the way in for an administrator who lost theirs."""
    given = _password_line() if password_stdin else None

    async def work(services: Any, user_id: str) -> Any:
        return await services.user_administration.reset_password(user_id=user_id, password=given, by=_cli())

    made = _change(account, work)
    typer.echo(f"new password of {account}" + (f": {made}" if made else " set"))


@commands.command("delete")
def delete_user(
    account: Account,
    objects: Annotated[str, typer.Option(help="delete, transfer or delete_all.")] = "delete",
    transfer_to: Annotated[str | None, typer.Option(help="Who gets what is handed on.")] = None,
) -> None:
    """Delete somebody; shared agents pass to an administrator, unless something else is wanted."""
    if objects not in ("delete", "transfer", "delete_all"):
        fail("objects must be delete, transfer or delete_all")

    async def work(services: Any, user_id: str) -> None:
        administration, deletion = services.user_administration, services.identity.deletion
        heir = await administration.get_user_id(transfer_to) if transfer_to else None
        await deletion.delete(user_id=user_id, mode=objects, transfer_to=heir, by=_cli())
        await deletion.finish()

    _change(account, work)
    typer.echo(f"deleted {account}")


def _cli() -> Any:
    from clary.features.audit.service import CLI

    return CLI


def _change(account: str, work: Any) -> Any:
    """Does work on one user."""

    async def on_user(services: Any) -> Any:
        return await work(services, await services.user_administration.get_user_id(account))

    return run_on_services(on_user)


def _password_line() -> str:
    """The password on stdin, without its line break."""
    password = sys.stdin.readline().rstrip("\r\n")
    if not 0 < len(password) <= MAX_PASSWORD:
        fail(f"a password of 1 to {MAX_PASSWORD} characters is wanted on stdin")
    return password
