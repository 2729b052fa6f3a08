"""Locks the child in: bounds of memory and time first, then away from the network and from every file."""

import ctypes
import math
import resource
import signal
import struct
from collections.abc import Sequence
from typing import Final

_DIE_WITH_PARENT: Final = 1
_NO_NEW_PRIVILEGES: Final = 38
_NEW_USER: Final = 0x10000000
_NEW_NETWORK: Final = 0x40000000
_LANDLOCK_CREATE: Final = 444
_LANDLOCK_ADD: Final = 445
_LANDLOCK_RESTRICT: Final = 446
_PATH_BENEATH: Final = 1
_ASK_VERSION: Final = 1
_FILE_RIGHTS: Final = {1: (1 << 13) - 1, 2: (1 << 14) - 1, 3: (1 << 15) - 1}
_READ: Final = 0b1100
_RUN: Final = 0b1101
_NETWORK_RIGHTS: Final = 0b11


def lock_in(*, memory_bytes: int, seconds: float, libraries: Sequence[int] = (), programs: Sequence[int] = ()) -> None:
    """Everything from here on is bounded. Hosts without user namespaces or Landlock leave those out.

    `libraries`: open folders whose files may still be read, for imports that come late; `programs`: those whose files
    may be run too.
    """
    library = ctypes.CDLL(None, use_errno=True)
    library.prctl(_DIE_WITH_PARENT, signal.SIGKILL)
    library.unshare(_NEW_USER | _NEW_NETWORK)
    library.prctl(_NO_NEW_PRIVILEGES, 1, 0, 0, 0)
    _close_files(library, [*((folder, _READ) for folder in libraries), *((folder, _RUN) for folder in programs)])
    # Runtimes reserve more addresses than they use, so those are bounded more generously than the data itself.
    for limit, most in (
        (resource.RLIMIT_DATA, memory_bytes),
        (resource.RLIMIT_AS, 4 * memory_bytes),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_CORE, 0),
    ):
        resource.setrlimit(limit, (most, most))
    # Time of the processor, since a busy machine is no fault of the file; and a clock, since one can also wait.
    whole = math.ceil(seconds)
    resource.setrlimit(resource.RLIMIT_CPU, (whole, whole + 2))
    signal.setitimer(signal.ITIMER_REAL, 2 * seconds)


def _close_files(library: ctypes.CDLL, allowed: Sequence[tuple[int, int]]) -> None:
    """No other file can be opened and no address be reached any more; what is open stays readable."""
    version: int = library.syscall(_LANDLOCK_CREATE, None, ctypes.c_size_t(0), _ASK_VERSION)
    if version < 1:
        return
    rights = struct.pack("QQ", _FILE_RIGHTS[min(version, 3)], _NETWORK_RIGHTS if version >= 4 else 0)
    rules: int = library.syscall(_LANDLOCK_CREATE, rights, ctypes.c_size_t(len(rights) if version >= 4 else 8), 0)
    for folder, granted in allowed:
        rule = struct.pack("=Qi", granted, folder)
        library.syscall(_LANDLOCK_ADD, rules, _PATH_BENEATH, rule, 0)
    if rules >= 0:
        library.syscall(_LANDLOCK_RESTRICT, rules, 0)
