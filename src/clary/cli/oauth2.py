"""`clary oauth2 client …`."""

import json
from typing import Annotated, Any

import typer

from clary.cli.terminal import fail, run_on_services

commands = typer.Typer(help="The OAuth2 server.", no_args_is_help=True)
clients = typer.Typer(help="Clients of the OAuth2 server.", no_args_is_help=True)
commands.add_typer(clients, name="client")

ClientId = Annotated[str, typer.Argument(metavar="CLIENT", help="Id of the client.")]
Redirects = Annotated[list[str] | None, typer.Option("--redirect", help="Redirect address; may be given again.")]
Scope = Annotated[str | None, typer.Option(help="Most scopes it may get, in quotes.")]
AsJson = Annotated[bool, typer.Option("--json", help="One JSON array.")]


@clients.command("list")
def list_clients(as_json: AsJson = False) -> None:
    """List clients; secrets are never shown again."""
    from clary.http.paging import Page

    async def work(services: Any) -> Any:
        async with services.database.read() as db:
            return await _registry(services).list_page(db, page=Page(1, 10_000), text=None)

    found = run_on_services(work)["items"]
    if as_json:
        typer.echo(json.dumps(found, ensure_ascii=False))
        return
    for client in found:
        state = "enabled" if client["enabled"] else "disabled"
        typer.echo(f"{client['client_id']}\t{client['client_name']}\t{state}\t{client['source']}")


@clients.command("add")
def add_client(
    name: Annotated[str, typer.Argument(help="What people see.")],
    redirect: Redirects = None,
    scope: Scope = None,
    public: Annotated[bool, typer.Option("--public", help="Without a secret; it must use PKCE.")] = False,
    skip_consent: Annotated[bool, typer.Option("--skip-consent", help="Nobody is asked.")] = False,
) -> None:
    """Add a client and show its secret, this once."""
    method = "none" if public else "client_secret_basic"
    wanted = {
        "client_name": name,
        "redirect_uris": redirect or [],
        "scope": scope,
        "token_endpoint_auth_method": method,
        "skip_consent": skip_consent,
    }
    fields = _checked(wanted, is_new=True)

    async def work(services: Any) -> Any:
        async with services.database.write() as db:
            return await _registry(services).create(db, fields=fields, by=_cli())

    made = run_on_services(work)
    typer.echo(f"client_id: {made.shown['client_id']}")
    if made.secret is not None:
        typer.echo(f"client_secret: {made.secret}\nthe secret is not shown again")


@clients.command("update")
def update_client(
    client_id: ClientId,
    name: Annotated[str | None, typer.Option(help="What people see.")] = None,
    redirect: Redirects = None,
    scope: Scope = None,
    enabled: Annotated[bool | None, typer.Option("--enable/--disable", help="Whether it works.")] = None,
) -> None:
    """Change what is named; the rest stays."""
    sent = {"client_name": name, "redirect_uris": redirect or None, "scope": scope, "enabled": enabled}
    fields = _checked(sent, is_new=False)

    async def work(services: Any) -> None:
        async with services.database.write() as db:
            await _registry(services).update(db, client_id=client_id, fields=fields, by=_cli())

    run_on_services(work)
    typer.echo(f"updated {client_id}")


@clients.command("secret")
def renew_secret(
    client_id: ClientId,
    overlap: Annotated[int, typer.Option(min=0, max=86_400, help="Seconds the old secret still works.")] = 0,
) -> None:
    """Give a client a new secret and show it, this once."""

    async def work(services: Any) -> str:
        async with services.database.write() as db:
            return await _registry(services).renew_secret(db, client_id=client_id, overlap_seconds=overlap, by=_cli())

    typer.echo(f"client_secret: {run_on_services(work)}\nthe secret is not shown again")


@clients.command("delete")
def delete_client(client_id: ClientId) -> None:
    """Delete a client with its tokens and consents."""

    async def work(services: Any) -> None:
        async with services.database.write() as db:
            await _registry(services).delete(db, client_id=client_id, by=_cli())

    run_on_services(work)
    typer.echo(f"deleted {client_id}")


def _registry(services: Any) -> Any:
    return services.identity.oauth.server.clients


def _cli() -> Any:
    from clary.features.audit.service import CLI

    return CLI


def _checked(sent: dict[str, Any], *, is_new: bool) -> dict[str, Any]:
    """The fields by the same rules as over HTTP; what is wrong is one line."""
    from clary.features.oauth2.service import check_client

    try:
        return check_client(sent, is_new=is_new)
    except ValueError as fault:
        fail(str(fault))
