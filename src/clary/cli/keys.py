"""`clary key …`."""

import json
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

import typer

from clary.cli.terminal import fail, run_on_services

commands = typer.Typer(help="Personal API keys.", no_args_is_help=True)

User = Annotated[str, typer.Option("--user", metavar="USER", help="User name or e-mail address.")]
SCOPES = ("read", "chat", "write", "mcp", "admin")


@commands.command("list")
def list_keys(user: User, as_json: Annotated[bool, typer.Option("--json", help="One JSON array.")] = False) -> None:
    """List somebody's keys; secrets are never shown again."""

    async def work(services: Any) -> Any:
        user_id = await services.user_administration.get_user_id(user)
        async with services.database.read() as db:
            return await services.identity.keys.list_keys(db, user_id=user_id)

    found = run_on_services(work)
    if as_json:
        typer.echo(json.dumps(found, ensure_ascii=False))
        return
    for key in found:
        shown = (
            key["name"],
            key["prefix"],
            ",".join(key["scopes"]),
            key["status"],
            key["last_used_at"] or "-",
            key["id"],
        )
        typer.echo("\t".join(shown))


@commands.command("add")
def add_key(
    name: Annotated[str, typer.Argument(help="What the key is for.")],
    user: User,
    scope: Annotated[
        list[str] | None, typer.Option(help="read, chat, write, mcp or admin; may be given again.")
    ] = None,
    days: Annotated[int | None, typer.Option(min=1, max=36_500, help="How long it lives.")] = None,
) -> None:
    """Make a key and show it, this once."""
    scopes = list(dict.fromkeys(scope or ("read", "chat", "write")))
    if not set(scopes) <= set(SCOPES):
        fail(f"a scope is one of {', '.join(SCOPES)}")
    if not 0 < len(name.strip()) <= 64:
        fail("a name has 1 to 64 characters")

    async def work(services: Any) -> Any:
        from clary.features.audit.service import CLI

        user_id = await services.user_administration.get_user_id(user)
        fields = {
            "name": name.strip(),
            "scopes": scopes,
            "expires_at": datetime.now(UTC) + timedelta(days=days) if days else None,
            "agent_ids": [],
            "addresses": [],
            "budget": None,
        }
        async with services.database.write() as db:
            people = await services.accounts.list_people(db, user_ids=[user_id])
            is_admin = people[user_id].role == "admin"
            return await services.identity.keys.create(db, user_id=user_id, is_admin=is_admin, fields=fields, by=CLI)

    made = run_on_services(work)
    typer.echo(f"{made.secret}\nadded {made.shown['name']} ({made.shown['id']}); the key is not shown again")


@commands.command("revoke")
def revoke_key(key_id: Annotated[str, typer.Argument(metavar="ID", help="Id of the key.")], user: User) -> None:
    """Revoke a key; it opens nothing within a second."""

    async def work(services: Any) -> None:
        from clary.features.audit.service import CLI

        user_id = await services.user_administration.get_user_id(user)
        async with services.database.write() as db:
            await services.identity.keys.delete(db, user_id=user_id, key_id=key_id, by=CLI)

    run_on_services(work)
    typer.echo(f"revoked {key_id}")
