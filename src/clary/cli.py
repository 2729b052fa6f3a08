"""The terminal front door. Imports nothing heavy before the command is known."""

import asyncio
import gc
import json
import os
import signal
import socket
import sys
from types import FrameType
from typing import Annotated, Any, NoReturn

import typer

MAX_PASSWORD = 256

app = typer.Typer(
    help="Clary: a self-hosted AI agent platform server.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
users = typer.Typer(help="People who may sign in.", no_args_is_help=True)
dev = typer.Typer(help="Helpers for people who build on Clary.", no_args_is_help=True)
app.add_typer(users, name="user")
app.add_typer(dev, name="dev")


def main() -> None:
    """Runs a command."""
    app()


def fail(message: str, status: int = 1) -> NoReturn:
    """One line on stderr, and an exit status."""
    typer.echo(message, err=True)
    raise typer.Exit(status)


def settings_or_exit() -> Any:
    """The settings; a wrong one ends the program with one line and status 2."""
    from clary.settings import SettingsError, load_settings, setting_warnings

    try:
        settings = load_settings()
    except SettingsError as error:
        fail(str(error), 2)
    for warning in setting_warnings():
        typer.echo(warning, err=True)
    return settings


@app.command()
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


@app.command()
def migrate(
    check: Annotated[bool, typer.Option("--check", help="Try it on a copy and change nothing.")] = False,
) -> None:
    """Bring the database up to what this program needs; a copy is kept before the first step."""
    from clary.db.migrate import SchemaError, check_upgrade, ensure_schema

    settings = settings_or_exit()
    try:
        if check:
            state = check_upgrade(settings.database)
            typer.echo("up to date" if state.is_current else f"would upgrade from {state.stored} to {state.head}")
            return
        typer.echo("upgraded" if ensure_schema(settings.database) else "up to date")
    except SchemaError as error:
        fail(str(error))


@app.command()
def doctor() -> None:
    """Check settings, database, key, disk, sandbox and provider: one line each; exit 1 when something is wrong."""
    from clary.settings import sources

    settings = settings_or_exit()
    for line in sources(settings):
        typer.echo(f"{line.variable}={line.shown} ({line.source})")
    problems = asyncio.run(_examine(settings))
    raise typer.Exit(1 if problems else 0)


async def _examine(settings: Any) -> int:
    from clary.adapters.sandbox import make_sandbox
    from clary.db.migrate import SchemaError, schema_state

    problems = 0

    def say(name: str, *, good: bool, text: str) -> None:
        nonlocal problems
        problems += not good
        typer.echo(f"{'ok  ' if good else 'FAIL'} {name}: {text}")

    writable = settings.data_dir.is_dir() and os.access(settings.data_dir, os.W_OK)
    say("data directory", good=writable or not settings.data_dir.exists(), text=str(settings.data_dir))
    try:
        state = await asyncio.to_thread(schema_state, settings.database)
        text = "current" if state.is_current else "made or upgraded at the next start"
        say("database", good=True, text=text)
    except SchemaError as error:
        say("database", good=False, text=str(error))
    has_key = settings.key_bytes is not None or (settings.data_dir / "secret.key").exists()
    say("secret key", good=True, text="set" if has_key else "made at the first start")
    sandbox = await make_sandbox("on" if settings.sandbox else "off")
    reason = sandbox.unavailable_reason
    say("sandbox", good=reason is None or not settings.sandbox, text=reason or "works")
    given = settings.default_llm_api_base_url
    say(
        "default provider",
        good=True,
        text=given or ("none; the demo model answers" if settings.demo_model_on else "none"),
    )
    return problems


@users.command("add")
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

    async def work(services: Any) -> str:
        return await services.accounts.add_user(NewUser(name, password, email, role=role))

    user_id = _run(work)
    typer.echo(f"added {name} ({user_id})")


@users.command("list")
def list_users(as_json: Annotated[bool, typer.Option("--json", help="One JSON array.")] = False) -> None:
    """List users."""
    from clary.http.paging import Page

    async def work(services: Any) -> Any:
        async with services.database.read() as db:
            return await services.accounts.list_page(db, page=Page(1, 10_000), text=None, role=None, status=None)

    found = _run(work)["items"]
    if as_json:
        typer.echo(json.dumps(found, ensure_ascii=False))
        return
    for user in found:
        typer.echo(f"{user['username']}\t{user['role']}\t{user['status']}\t{user['user_id']}")


Account = Annotated[str, typer.Argument(metavar="USER", help="User name or e-mail address.")]


@users.command("set-role")
def set_role(account: Account, role: Annotated[str, typer.Argument(help="user or admin.")]) -> None:
    """Make somebody an administrator, or an ordinary user, which ends all sessions of theirs."""
    if role not in ("user", "admin"):
        fail("role must be user or admin")

    async def work(services: Any, user_id: str) -> None:
        await services.user_administration.set_role(user_id=user_id, role=role)

    _change(account, work)
    typer.echo(f"{account} is now {role}")


@users.command("disable")
def disable_user(account: Account) -> None:
    """Lock somebody out and end all sessions of theirs; nothing is deleted."""

    async def work(services: Any, user_id: str) -> None:
        await services.user_administration.set_disabled(user_id=user_id, disabled=True)

    _change(account, work)
    typer.echo(f"disabled {account}")


@users.command("enable")
def enable_user(account: Account) -> None:
    """Let somebody in again."""

    async def work(services: Any, user_id: str) -> None:
        await services.user_administration.set_disabled(user_id=user_id, disabled=False)

    _change(account, work)
    typer.echo(f"enabled {account}")


@users.command("reset-password")
def reset_password(
    account: Account,
    password_stdin: Annotated[
        bool, typer.Option("--password-stdin", help="Read the password from stdin; else one is made and shown once.")
    ] = False,
) -> None:
    """Set a new password and end all sessions; the way in for an administrator who lost theirs."""
    given = _password_line() if password_stdin else None

    async def work(services: Any, user_id: str) -> Any:
        return await services.user_administration.reset_password(user_id=user_id, password=given)

    made = _change(account, work)
    typer.echo(f"new password of {account}" + (f": {made}" if made else " set"))


def _change(account: str, work: Any) -> Any:
    """Does work on one user."""

    async def on_user(services: Any) -> Any:
        return await work(services, await services.user_administration.get_user_id(account))

    return _run(on_user)


def _password_line() -> str:
    """The password on stdin, without its line break."""
    password = sys.stdin.readline().rstrip("\r\n")
    if not 0 < len(password) <= MAX_PASSWORD:
        fail(f"a password of 1 to {MAX_PASSWORD} characters is wanted on stdin")
    return password


@dev.command("fake-model")
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


def _run(work: Any) -> Any:
    """Does work on the services; a refusal is one line and status 1."""
    from clary.db.migrate import SchemaError
    from clary.errors import ProblemError
    from clary.settings import SettingsError

    try:
        return asyncio.run(_with_services(work))
    except ProblemError as problem:
        fail(problem.message.en)
    except SettingsError as error:
        fail(str(error), 2)
    except SchemaError as error:
        fail(str(error))


async def _with_services(work: Any) -> Any:
    from clary.db.migrate import ensure_schema
    from clary.wiring import build_services

    services = build_services(settings_or_exit())
    try:
        await asyncio.to_thread(ensure_schema, services.settings.database)
        return await work(services)
    finally:
        await services.database.close()
        services.passwords.close()


if __name__ == "__main__":
    main()
