"""The system-call filter of a run: a classic BPF program, made without any library.

It takes away what bubblewrap's namespaces do not: kernel keyrings, BPF, tracing, mounting, new user namespaces,
module loading, io_uring and odd socket families (a VM socket reaches the host past the network namespace).
"""

import platform
import struct
from typing import Final

_LOAD: Final = 0x20
_JUMP_EQUAL: Final = 0x15
_JUMP_GREATER_OR_EQUAL: Final = 0x35
_JUMP_SET: Final = 0x45
_RETURN: Final = 0x06

_ALLOW: Final = 0x7FFF0000
_FAIL_WITH: Final = 0x00050000
_EPERM, _ENOSYS, _EAFNOSUPPORT = 1, 38, 97

_NUMBER, _ARCHITECTURE, _FIRST_ARGUMENT = 0, 4, 16
_X32_BIT: Final = 0x40000000
_NEW_USER_NAMESPACE: Final = 0x10000000
_SOCKET_FAMILIES: Final = (1, 2, 10, 16)
"""Unix, IPv4, IPv6, netlink."""

_SAME_NUMBER_EVERYWHERE: Final = (
    *(425, 426, 427),  # io_uring_setup, io_uring_enter, io_uring_register
    *(428, 429, 430, 431, 432, 433, 442),  # open_tree, move_mount, fsopen, fsconfig, fsmount, fspick, mount_setattr
    *(438, 440),  # pidfd_getfd, process_madvise
)
_CLONE3: Final = 435

_DENIED: Final = {
    "x86_64": (
        *(101, 310, 311, 312),  # ptrace, process_vm_readv, process_vm_writev, kcmp
        *(155, 165, 166, 161),  # pivot_root, mount, umount2, chroot
        *(167, 168, 169, 246, 320),  # swapon, swapoff, reboot, kexec_load, kexec_file_load
        *(175, 176, 313),  # init_module, delete_module, finit_module
        *(248, 249, 250),  # add_key, request_key, keyctl
        *(272, 308, 298, 321, 323),  # unshare, setns, perf_event_open, bpf, userfaultfd
        *(103, 163, 179, 304),  # syslog, acct, quotactl, open_by_handle_at
        *(172, 173, 227, 164, 159, 305),  # iopl, ioperm, clock_settime, settimeofday, adjtimex, clock_adjtime
    ),
    "aarch64": (
        *(117, 270, 271, 272),  # ptrace, process_vm_readv, process_vm_writev, kcmp
        *(41, 40, 39, 51),  # pivot_root, mount, umount2, chroot
        *(224, 225, 142, 104, 294),  # swapon, swapoff, reboot, kexec_load, kexec_file_load
        *(105, 106, 273),  # init_module, delete_module, finit_module
        *(217, 218, 219),  # add_key, request_key, keyctl
        *(97, 268, 241, 280, 282),  # unshare, setns, perf_event_open, bpf, userfaultfd
        *(116, 89, 60, 265),  # syslog, acct, quotactl, open_by_handle_at
        *(112, 170, 171, 266),  # clock_settime, settimeofday, adjtimex, clock_adjtime
    ),
}
_AUDIT_ARCHITECTURE: Final = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
_CLONE: Final = {"x86_64": 56, "aarch64": 220}
_SOCKET: Final = {"x86_64": 41, "aarch64": 198}


def seccomp_program(machine: str | None = None) -> bytes | None:
    """The filter as `struct sock_filter[]` for a machine (`uname -m`; this one by default).

    None for a machine whose call numbers are not known here: the namespaces alone have to do then.
    """
    machine = machine or platform.machine()
    if machine not in _DENIED:
        return None
    program = [
        _load(_ARCHITECTURE),
        *_unless_equal_fail(_AUDIT_ARCHITECTURE[machine]),
        _load(_NUMBER),
    ]
    if machine == "x86_64":
        program += [_instruction(_JUMP_GREATER_OR_EQUAL, 0, 1, _X32_BIT), _fail(_EPERM)]
    for number in (*_DENIED[machine], *_SAME_NUMBER_EVERYWHERE):
        program += [_instruction(_JUMP_EQUAL, 0, 1, number), _fail(_EPERM)]
    # clone3 hides its flags in memory, where no filter can look; "not there" makes the C library use clone.
    program += [_instruction(_JUMP_EQUAL, 0, 1, _CLONE3), _fail(_ENOSYS)]
    program += _clone_check(_CLONE[machine])
    program += _socket_check(_SOCKET[machine])
    program.append(_instruction(_RETURN, 0, 0, _ALLOW))
    return b"".join(program)


def _clone_check(number: int) -> list[bytes]:
    return [
        _instruction(_JUMP_EQUAL, 0, 4, number),
        _load(_FIRST_ARGUMENT),
        _instruction(_JUMP_SET, 0, 1, _NEW_USER_NAMESPACE),
        _fail(_EPERM),
        _instruction(_RETURN, 0, 0, _ALLOW),
    ]


def _socket_check(number: int) -> list[bytes]:
    families = [_instruction(_JUMP_EQUAL, 0, 1, family) for family in _SOCKET_FAMILIES]
    body = [_load(_FIRST_ARGUMENT)]
    for test in families:
        body += [test, _instruction(_RETURN, 0, 0, _ALLOW)]
    body.append(_fail(_EAFNOSUPPORT))
    return [_instruction(_JUMP_EQUAL, 0, len(body), number), *body]


def _unless_equal_fail(value: int) -> list[bytes]:
    return [_instruction(_JUMP_EQUAL, 1, 0, value), _fail(_EPERM)]


def _load(offset: int) -> bytes:
    return _instruction(_LOAD, 0, 0, offset)


def _fail(number: int) -> bytes:
    return _instruction(_RETURN, 0, 0, _FAIL_WITH | number)


def _instruction(code: int, if_true: int, if_false: int, value: int) -> bytes:
    return struct.pack("=HBBI", code, if_true, if_false, value)
