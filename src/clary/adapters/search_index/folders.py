"""Which folder belongs to this process. Blocking calls."""

import fcntl
import os
import shutil
import time
from pathlib import Path
from typing import Final

_LOCK: Final = "lock"
_STALE_SECONDS: Final = 24 * 3600
MAX_PROCESSES: Final = 1024


class ProcessFolder:
    """The first numbered folder below a root that no living process has: that of a dead one is taken over.

    The operating system gives the lock back when a process ends, however it does.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        root.mkdir(parents=True, exist_ok=True, mode=0o700)
        for number in range(MAX_PROCESSES):
            path = root / f"p{number}"
            lock = _lock(path)
            if lock is not None:
                self.path = path
                self._lock = lock
                return
        raise OSError("every folder of index files is in use")

    def remove_stale(self) -> None:
        """Empties the folders that nobody has had for a day, since fewer processes run than once did."""
        for path in self._root.glob("p*"):
            if path == self.path or not path.is_dir() or _used_at(path) > time.time() - _STALE_SECONDS:
                continue
            lock = _lock(path, touch=False)
            if lock is not None:
                for each in path.iterdir():
                    if each.is_dir():
                        shutil.rmtree(each, ignore_errors=True)
                os.close(lock)

    def close(self) -> None:
        """Leaves the folder to another process."""
        os.close(self._lock)


def _lock(path: Path, *, touch: bool = True) -> int | None:
    path.mkdir(exist_ok=True, mode=0o700)
    lock = os.open(path / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(lock)
        return None
    if touch:
        os.utime(path / _LOCK)
    return lock


def _used_at(path: Path) -> float:
    try:
        return (path / _LOCK).stat().st_mtime
    except FileNotFoundError:
        return 0.0
