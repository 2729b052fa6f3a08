"""Becomes the engine that reads letters, locked in: `python -I -m … <program> <languages> <bytes> <seconds>`.

The picture is on standard input, the text goes to standard output. The engine may read every file, since its data lies
where the host put it, but write none; it has no network.
"""

import os
import sys

from clary.adapters.parsers.confined.bounds import lock_in


def main(program: str, languages: str, memory_bytes: int, seconds: float) -> None:
    """Never returns."""
    lock_in(memory_bytes=memory_bytes, seconds=seconds, programs=[os.open("/", os.O_PATH | os.O_CLOEXEC)])
    environment = {"PATH": "/usr/local/bin:/usr/bin:/bin", "OMP_THREAD_LIMIT": "1"}
    os.execve(program, [program, "stdin", "stdout", "-l", languages], environment)  # noqa: S606


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]), float(sys.argv[4]))
