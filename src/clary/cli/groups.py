"""`clary group …`."""

import json
from typing import Annotated, Any

import typer

from clary.cli.terminal import fail, run_on_services

commands = typer.Typer(help="Groups of people.", no_args_is_help=True)

GroupName = Annotated[str, typer.Argument(metavar="GROUP", help="Name of the group.")]
AsJson = Annotated[bool, typer.Option("--json", help="One JSON array.")]


@commands.command("list")
def list_groups(as_json: AsJson = False) -> None:
    """List groups."""
    from clary.http.paging import Page

    async def work(services: Any) -> Any:
        async with services.database.read() as db:
            return await services.groups.list_page(db, identity=_operator(), page=Page(1, 10_000), text=None)

    found = run_on_services(work)["items"]
    if as_json:
        typer.echo(json.dumps(found, ensure_ascii=False))
        return
    for group in found:
        typer.echo(f"{group['name']}\t{group['member_count']}\t{group['source']}\t{group['id']}")


@commands.command("add")
def add_group(
    name: GroupName, description: Annotated[str, typer.Option(help="What it is for, at most 500 characters.")] = ""
) -> None:
    """Add a group without members."""

    async def work(services: Any) -> str:
        async with services.database.write() as db:
            return await services.groups.add(db, identity=_operator(), name=name, description=description)

    typer.echo(f"added {name} ({run_on_services(work)})")


@commands.command("delete")
def delete_group(name: GroupName) -> None:
    """Delete a group, with what was granted to it; nobody in it is deleted."""

    async def work(services: Any) -> None:
        async with services.database.write() as db:
            group_id = await services.groups.get_id(db, name=name)
            await services.groups.delete(db, identity=_operator(), group_id=group_id)

    run_on_services(work)
    typer.echo(f"deleted {name}")


@commands.command("members")
def list_members(
    name: GroupName,
    add: Annotated[list[str] | None, typer.Option(help="User name or e-mail address; may be given again.")] = None,
    remove: Annotated[list[str] | None, typer.Option(help="User name or e-mail address; may be given again.")] = None,
    role: Annotated[str | None, typer.Option(help="member or manager, for those who are added.")] = None,
    as_json: AsJson = False,
) -> None:
    """List who belongs to a group, after adding and removing people."""
    if role not in (None, "member", "manager"):
        fail("role must be member or manager")

    async def work(services: Any) -> Any:
        find, operator = services.user_administration.get_user_id, _operator()
        added, removed = (
            [await find(account) for account in add or ()],
            [await find(account) for account in remove or ()],
        )
        async with services.database.write() as db:
            group = {"identity": operator, "group_id": await services.groups.get_id(db, name=name)}
            if added:
                await services.groups.add_members(db, **group, user_ids=added, role=role)
            for user_id in removed:
                await services.groups.remove_member(db, **group, user_id=user_id)
            return (await services.groups.read(db, **group))["members"]

    members = run_on_services(work)
    if as_json:
        typer.echo(json.dumps(members, ensure_ascii=False))
        return
    for member in members:
        typer.echo(f"{member['username']}\t{member['role']}\t{member['source']}\t{member['user_id']}")


def _operator() -> Any:
    """Who has a shell on the server may do everything; the audit log says that it was done there."""
    from clary.features.permissions.service import Identity

    return Identity(user_id="", username="", role="admin", credential="system")
