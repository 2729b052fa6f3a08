"""Several HTTP processes behind one socket (`CLARY_PROCESSES`): one that watches, and those that serve."""

import os
import signal
import socket
import sys
import time
from types import FrameType
from typing import Any

import typer

RESTART_SECONDS = 1.0
REFUSED = 2
"""Exit status of a start that settings or schema forbid: it would be refused again."""


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


def listen_for_all(settings: Any) -> socket.socket:
    """The socket that every process takes connections from, and what all of them need on the disk."""
    from clary.settings import SettingsError
    from clary.settings.data_dir import prepare_data_dir, secret_key

    prepare_data_dir(settings)
    secret_key(settings)
    if settings.unix_socket is None:
        return listen(settings.host, settings.port)
    found = socket.socket(socket.AF_UNIX)
    try:
        settings.unix_socket.unlink(missing_ok=True)
        found.bind(str(settings.unix_socket))
        found.listen(2048)
    except OSError as error:
        raise SettingsError("CLARY_UNIX_SOCKET", f"cannot listen there ({error.strerror})") from None
    # As the server itself does: who may reach the folder may connect.
    settings.unix_socket.chmod(0o666)
    return found


def run_processes(count: int) -> None:
    """Returns in each of `count` new processes; in the first one never: it watches them and ends with them.

    Called before there are loops and threads. A process that dies is begun anew; one whose start is refused ends all.
    """
    watch = _Watch()
    for _ in range(count):
        if watch.begin():
            return
    while watch.alive:
        try:
            pid, status = os.wait()
        except ChildProcessError:
            break
        watch.alive.discard(pid)
        code = os.waitstatus_to_exitcode(status)
        if watch.stopping:
            continue
        if code == REFUSED:
            watch.status = REFUSED
            watch.stop(signal.SIGTERM, None)
            continue
        typer.echo(f"clary: process {pid} ended ({code}), beginning another", err=True)
        time.sleep(RESTART_SECONDS)
        if not watch.stopping and watch.begin():
            return
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(watch.status)


class _Watch:
    """The processes that serve."""

    def __init__(self) -> None:
        self.alive: set[int] = set()
        self.stopping = False
        self.status = 0
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self.stop)

    def begin(self) -> bool:
        """True in the new process."""
        pid = os.fork()
        if pid == 0:
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
            signal.signal(signal.SIGINT, signal.default_int_handler)
            return True
        self.alive.add(pid)
        return False

    def stop(self, _number: int, _frame: FrameType | None) -> None:
        """Tells every process to end."""
        self.stopping = True
        for pid in self.alive:
            os.kill(pid, signal.SIGTERM)
