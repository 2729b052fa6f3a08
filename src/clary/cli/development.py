"""`clary dev …`."""

import asyncio
from typing import Annotated

import typer

from clary.cli.terminal import fail

commands = typer.Typer(help="Helpers for people who build on Clary.", no_args_is_help=True)


@commands.command("fake-model")
def fake_model(
    port: Annotated[int, typer.Option(help="Where to listen on 127.0.0.1.")] = 8399,
    script: Annotated[str | None, typer.Option(help="JSON file with scripts.")] = None,
) -> None:
    """Serve a scripted OpenAI-compatible provider for integrators and tests."""
    from clary.adapters.scripted_provider import ScriptFileError
    from clary.adapters.scripted_provider import serve as serve_script

    typer.echo(f"scripted provider at http://127.0.0.1:{port}/v1", err=True)
    try:
        asyncio.run(serve_script("127.0.0.1", port, script))
    except (ScriptFileError, OSError) as error:
        fail(f"cannot play the script: {error}")
