"""Locks the child in: bounds of memory and time first, then away from the network and from every file."""

import ctypes
import resource
import signal
import struct
from typing import Final

_DIE_WITH_PARENT: Final = 1
_NO_NEW_PRIVILEGES: Final = 38
_NEW_USER: Final = 0x10000000
_NEW_NETWORK: Final = 0x40000000
_LANDLOCK_CREATE: Final = 444
_LANDLOCK_RESTRICT: Final = 446
_ASK_VERSION: Final = 1
_FILE_RIGHTS: Final = {1: (1 << 13) - 1, 2: (1 << 14) - 1, 3: (1 << 15) - 1}
_NETWORK_RIGHTS: Final = 0b11


def lock_in(*, memory_bytes: int, seconds: float) -> None:
    """Everything from here on is bounded. Hosts without user namespaces or Landlock leave those out."""
    library = ctypes.CDLL(None, use_errno=True)
    library.prctl(_DIE_WITH_PARENT, signal.SIGKILL)
    library.unshare(_NEW_USER | _NEW_NETWORK)
    library.prctl(_NO_NEW_PRIVILEGES, 1, 0, 0, 0)
    _close_files(library)
    # Runtimes reserve more addresses than they use, so those are bounded more generously than the data itself.
    cpu_seconds = int(seconds) + 1
    for limit, most in (
        (resource.RLIMIT_DATA, memory_bytes),
        (resource.RLIMIT_AS, 4 * memory_bytes),
        (resource.RLIMIT_CPU, cpu_seconds),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_CORE, 0),
    ):
        resource.setrlimit(limit, (most, most))
    # Its own clock too: whoever started it may be gone by then.
    signal.setitimer(signal.ITIMER_REAL, seconds + 5)


def _close_files(library: ctypes.CDLL) -> None:
    """No file can be opened and no address be reached any more; what is open stays readable."""
    version: int = library.syscall(_LANDLOCK_CREATE, None, ctypes.c_size_t(0), _ASK_VERSION)
    if version < 1:
        return
    rights = struct.pack("QQ", _FILE_RIGHTS[min(version, 3)], _NETWORK_RIGHTS if version >= 4 else 0)
    rules: int = library.syscall(_LANDLOCK_CREATE, rights, ctypes.c_size_t(len(rights) if version >= 4 else 8), 0)
    if rules >= 0:
        library.syscall(_LANDLOCK_RESTRICT, rules, 0)
