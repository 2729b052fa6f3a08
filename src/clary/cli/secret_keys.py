"""`clary keys …`: the keys that secrets in the database are encrypted with."""

from typing import Any

import typer

from clary.cli.terminal import fail, run_on_services

commands = typer.Typer(help="Secret keys of the server.", no_args_is_help=True)


@commands.callback()
def keys() -> None:
    """Secret keys of the server (keys of people: clary key)."""


@commands.command()
def rotate() -> None:
    """Encrypt every stored secret anew that an old key encrypted; exit 1 if some cannot be decrypted.

    First give every process the new key as CLARY_SECRET_KEY and the former one in CLARY_SECRET_KEY_OLD; they may go on
    meanwhile. When this command ends with 0, nothing stored needs the old key. Signed addresses of files that were
    given out under it stop working when it is taken out of CLARY_SECRET_KEY_OLD.
    """

    async def work(services: Any) -> Any:
        from clary.wiring.key_rotation import KeyRotation

        box = services.secret_box
        rotation = KeyRotation(database=services.database, box=box, audit=services.identity.audit)
        return box.key_id, await rotation.run()

    key_id, rotated = run_on_services(work)
    typer.echo(f"encrypted {rotated.done} secrets anew with key {key_id}")
    if rotated.left:
        where = ", ".join(f"{count} in {name}" for name, count in rotated.left.items())
        count = sum(rotated.left.values())
        fail(f"{count} secrets cannot be decrypted with the keys given and stay as they are: {where}")
