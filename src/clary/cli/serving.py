"""`clary serve` and `clary worker`."""

import asyncio
import gc
import os
import signal
import socket
from types import FrameType
from typing import Any, NoReturn

import typer

from clary.cli.ending import Ending
from clary.cli.processes import REFUSED, listen, listen_for_all, run_processes
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
        listener = None
        if settings.processes > 1:
            listener = listen_for_all(settings)
            run_processes(settings.processes)
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(_serve(settings, listener))
    except (SettingsError, SchemaError, ProblemError) as error:
        refuse_start(error)


def worker() -> None:
    """Start a process that only does jobs, due tasks and documents, beside servers on the same PostgreSQL database."""
    import uvloop

    from clary.db.migrate import SchemaError
    from clary.errors import ProblemError
    from clary.kit.logs import configure_logs
    from clary.settings import SettingsError

    settings = settings_or_exit()
    if settings.database.startswith("sqlite"):
        fail("CLARY_DATABASE_URL: a worker beside a server needs PostgreSQL", 2)
    configure_logs(level=settings.log_level, form=settings.log_format, secrets=settings.secrets())
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(_work(settings.model_copy(update={"jobs": True})))
    except (SettingsError, SchemaError, ProblemError) as error:
        refuse_start(error)


async def _work(settings: Any) -> None:
    """Does jobs until a signal comes, and gives back what it holds."""
    from clary.wiring import build_services

    services = build_services(settings)
    stopped, ending = asyncio.Event(), Ending(settings.shutdown_seconds)
    loop = asyncio.get_running_loop()

    def stop(_number: int, _frame: FrameType | None) -> None:
        ending.begin()
        loop.call_soon_threadsafe(stopped.set)

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, stop)
    # It runs the tasks that it finds due. Runs that a dead server left have readers, who come back to a server.
    await services.start(takes_over=False)
    typer.echo(f"Clary works (process {os.getpid()}, data in {settings.data_dir})", err=True)
    try:
        await stopped.wait()
    finally:
        await services.stop()


async def _serve(settings: Any, shared: socket.socket | None) -> None:
    """Starts everything, serves until a signal comes, stops everything. `shared`: the socket of several processes."""
    import uvicorn

    from clary.asgi import create_app
    from clary.wiring import build_services

    listener = shared or (None if settings.unix_socket else listen(settings.host, settings.port))
    services = build_services(settings)
    config = uvicorn.Config(
        create_app(settings, services),
        uds=str(settings.unix_socket) if listener is None else None,
        http="httptools",
        # Started and stopped here, so that a refused start is one line and not a traceback.
        lifespan="off",
        access_log=False,
        log_config=None,
        server_header=False,
        proxy_headers=False,
    )
    server = uvicorn.Server(config)
    _drain_before_stop(server, services, Ending(settings.shutdown_seconds))
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


def _drain_before_stop(server: Any, services: Any, ending: Ending) -> None:
    """On a signal streams end first, without a last line, and clients resume: open, they would keep the server waiting.

    Until then it listens, so that whoever asks is told that it drains.
    """
    stop = server.handle_exit

    def drain_first(sig: int, frame: FrameType | None) -> None:
        ending.begin()

        def drained() -> None:
            server.config.timeout_graceful_shutdown = ending.left_for_requests()
            stop(sig, frame)

        services.drain_soon(drained)

    server.handle_exit = drain_first


def refuse_start(error: Exception) -> NoReturn:
    """One line, and the status that says whether another start may go better: 2 never, 1 as soon as the database does.

    Who watches the process (systemd, the first of several processes) starts it again after anything but 2.
    """
    from clary.db.database import UnavailableError
    from clary.db.migrate import DatabaseAwayError
    from clary.errors import ProblemError

    line = f"clary cannot start: {error.message.en}" if isinstance(error, ProblemError) else str(error)
    fail(line, 1 if isinstance(error, (DatabaseAwayError, UnavailableError)) else REFUSED)


def _ignore(_number: int, _frame: FrameType | None) -> None:
    """Heard already."""


def own_address(settings: Any, listener: socket.socket | None) -> str:
    """Where a person finds the server."""
    if settings.public_url:
        return settings.public_url
    if settings.unix_socket:
        return str(settings.unix_socket)
    assert listener is not None
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
