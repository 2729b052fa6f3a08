"""The template process: has every library loaded, and forks a locked-in child for each document.

Run as `python -I -m …`, with an empty environment; its standard input is a socket of sequenced packets. Each packet is
one request (JSON) with two files: the document, and a stream socket for the answer. The child writes its answer there
as JSON; after its end the template adds eight bytes: its wait status and the most memory it had, in KiB. Whoever hangs
up that socket has the child killed. The template ends when its own socket is hung up.
"""

import gc
import json
import os
import select
import signal
import socket
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

from clary.adapters.parsers.confined.bounds import lock_in
from clary.adapters.parsers.confined.limits import Limits
from clary.adapters.parsers.confined.requests import answer_to, load_libraries
from clary.adapters.parsers.confined.wire import MAX_REQUEST, TRAILER


class Template:
    """Serves requests until its socket is hung up."""

    def __init__(self, control: socket.socket) -> None:
        self._control = control
        self._poll = select.poll()
        self._poll.register(control, select.POLLIN)
        self._libraries = [os.open(path, os.O_PATH | os.O_CLOEXEC) for path in sys.path if Path(path).is_dir()]
        self._children: dict[int, tuple[int, socket.socket]] = {}
        """By the descriptor that tells of their end: process id and answer socket."""
        self._answers: dict[int, int] = {}
        """Descriptor of the answer socket → process id."""
        self._endings: dict[int, tuple[socket.socket, bytes]] = {}
        """Answer sockets whose child has ended, with the trailer that is still to be sent."""

    def serve(self) -> None:
        """Until nobody can ask any more; children that are left over die with this process."""
        while True:
            for descriptor, _ in self._poll.poll():
                if descriptor == self._control.fileno():
                    if not self._take():
                        return
                elif descriptor in self._children:
                    self._ended(descriptor)
                elif descriptor in self._answers:
                    self._hung_up(descriptor)
                elif descriptor in self._endings:
                    self._tell(descriptor)

    def _take(self) -> bool:
        message, descriptors, _, _ = socket.recv_fds(self._control, MAX_REQUEST, 2)
        if not message:
            return False
        document, answer = descriptors
        channel = socket.socket(fileno=answer)
        process = os.fork()
        if process == 0:
            self._be_child(json.loads(message), document, channel)
        os.close(document)
        end = os.pidfd_open(process)
        self._children[end] = (process, channel)
        self._answers[answer] = process
        self._poll.register(end, select.POLLIN)
        self._poll.register(channel, 0)
        return True

    def _be_child(self, request: dict[str, Any], document: int, channel: socket.socket) -> None:
        """Never returns."""
        status, answer = 1, {}
        try:
            os.setsid()
            self._control.close()
            for _, other in self._children.values():
                other.close()
            limits = Limits(**request["limits"])
            lock_in(memory_bytes=limits.memory_bytes, seconds=limits.seconds, libraries=self._libraries)
            with os.fdopen(document, "rb") as file:
                answer = answer_to(request, file, limits)
            status = 0
        except MemoryError:
            status, answer = 0, {"outcome": "too_large"}
        finally:
            # Whatever a reader did not foresee is the fault of the file; the log learns what it was.
            fault = sys.exc_info()[0]
            answer = answer if fault is None else {"fault": fault.__name__}
            channel.sendall(json.dumps(answer, ensure_ascii=False).encode("utf-8", "replace"))
            os._exit(status)

    def _hung_up(self, descriptor: int) -> None:
        """Nobody waits for the answer any more. The child may not have made its own session yet."""
        process = self._answers.pop(descriptor)
        self._poll.unregister(descriptor)
        with suppress(ProcessLookupError):
            os.killpg(process, signal.SIGKILL)
        with suppress(ProcessLookupError):
            os.kill(process, signal.SIGKILL)

    def _ended(self, descriptor: int) -> None:
        process, channel = self._children.pop(descriptor)
        self._poll.unregister(descriptor)
        os.close(descriptor)
        _, status, usage = os.wait4(process, 0)
        if self._answers.pop(channel.fileno(), None) is None:
            channel.close()
            return
        channel.setblocking(False)
        self._endings[channel.fileno()] = (channel, TRAILER.pack(status, usage.ru_maxrss))
        self._poll.modify(channel, select.POLLOUT)

    def _tell(self, descriptor: int) -> None:
        """There is room for the trailer, or nobody who would read it."""
        channel, trailer = self._endings.pop(descriptor)
        self._poll.unregister(descriptor)
        with channel, suppress(OSError):
            channel.sendall(trailer)


def main() -> None:
    """Loads everything first, so that children need no file."""
    control = socket.socket(fileno=os.dup(sys.stdin.fileno()))
    load_libraries()
    gc.collect()
    gc.freeze()
    Template(control).serve()


if __name__ == "__main__":
    main()
