"""`clary serve`."""

import asyncio
import gc
import os
import signal
import socket
from types import FrameType
from typing import Any

import typer

from clary.cli.terminal import fail, settings_or_exit


def serve() -> None:
    """Start the HTTP server; settings come from CLARY_* variables, see `clary doctor`."""
    # What is imported now stays for ever: to look for garbage in it would take a tenth of the start.
    gc.disable()
    import uvloop

    from clary.db.migrate import SchemaError
    from clary.errors import ProblemError
    from clary.kit.logs import configure_logs
    from clary.settings import SettingsError

    settings = settings_or_exit()
    configure_logs(level=settings.log_level, form=settings.log_format, secrets=settings.secrets())
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(_serve(settings))
    except (SettingsError, SchemaError) as error:
        fail(str(error), 2)
    except ProblemError as problem:
        fail(f"clary cannot start: {problem.message.en}", 2)


async def _serve(settings: Any) -> None:
    """Starts everything, serves until a signal comes, stops everything."""
    import uvicorn

    from clary.asgi import create_app
    from clary.wiring import build_services

    listener = None if settings.unix_socket else listen(settings.host, settings.port)
    services = build_services(settings)
    config = uvicorn.Config(
        create_app(settings, services),
        uds=str(settings.unix_socket) if settings.unix_socket else None,
        http="httptools",
        # Started and stopped here, so that a refused start is one line and not a traceback.
        lifespan="off",
        access_log=False,
        log_config=None,
        server_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=settings.shutdown_seconds,
    )
    server = uvicorn.Server(config)
    stop = server.handle_exit

    def drain_first(sig: int, frame: FrameType | None) -> None:
        # Open streams would keep the server waiting: they end first, without a last line, and clients resume.
        services.drain_soon()
        stop(sig, frame)

    server.handle_exit = drain_first
    await services.start()
    gc.freeze()
    gc.set_threshold(5_000, 20, 50)
    gc.enable()
    typer.echo(f"Clary at {own_address(settings, listener)} (data in {settings.data_dir})", err=True)
    # uvicorn raises the signal once more when it is done; what has to be stopped after it would be lost.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _ignore)
    try:
        await server.serve(sockets=[listener] if listener else None)
    finally:
        await services.stop()


def _ignore(_number: int, _frame: FrameType | None) -> None:
    """Heard already."""


def listen(host: str, port: int) -> socket.socket:
    """A socket that listens, or one line that says why not."""
    from clary.settings import SettingsError

    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        socket.getaddrinfo(host, port, family, socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        raise SettingsError("CLARY_HOST", "is no address of this machine") from None
    try:
        return socket.create_server((host, port), family=family, backlog=2048)
    except OSError as error:
        reason = os.strerror(error.errno).lower() if error.errno else "refused"
        raise SettingsError("CLARY_PORT", f"cannot listen there ({reason})") from None


def own_address(settings: Any, listener: socket.socket | None) -> str:
    """Where a person finds the server."""
    if settings.public_url:
        return settings.public_url
    if listener is None:
        return str(settings.unix_socket)
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
