"""The parts of the sandbox that can be looked at without running anything."""

import struct
from pathlib import Path

import pytest

from clary.adapters.sandbox.control_groups import ControlGroups
from clary.adapters.sandbox.seccomp import seccomp_program

EPERM, ENOSYS, EAFNOSUPPORT, ALLOW = 0x50001, 0x50026, 0x50061, 0x7FFF0000


def verdict(program: bytes, architecture: int, number: int, argument: int = 0) -> int:
    """Runs a classic BPF program as the kernel does."""
    data = struct.pack("=IIQQ", number, architecture, 0, argument)
    code = [struct.unpack_from("=HBBI", program, at) for at in range(0, len(program), 8)]
    accumulator, at = 0, 0
    while True:
        operation, if_true, if_false, value = code[at]
        at += 1
        if operation == 0x20:
            accumulator = struct.unpack_from("=I", data, value)[0]
        elif operation == 0x06:
            return value
        else:
            holds = {0x15: accumulator == value, 0x35: accumulator >= value, 0x45: bool(accumulator & value)}[operation]
            at += if_true if holds else if_false


@pytest.mark.parametrize(
    ("machine", "architecture", "calls"),
    [
        ("x86_64", 0xC000003E, {"read": 0, "keyctl": 250, "mount": 165, "clone": 56, "socket": 41, "execve": 59}),
        ("aarch64", 0xC00000B7, {"read": 63, "keyctl": 219, "mount": 40, "clone": 220, "socket": 198, "execve": 221}),
    ],
)
def test_the_filter_denies_what_it_names_and_nothing_else(
    machine: str, architecture: int, calls: dict[str, int]
) -> None:
    program = seccomp_program(machine)
    assert program is not None
    assert verdict(program, architecture, calls["read"]) == ALLOW
    assert verdict(program, architecture, calls["execve"]) == ALLOW
    assert verdict(program, architecture, calls["keyctl"]) == EPERM
    assert verdict(program, architecture, calls["mount"]) == EPERM
    assert verdict(program, architecture, calls["clone"], 0x10000011) == EPERM
    assert verdict(program, architecture, calls["clone"], 0x3D0F00) == ALLOW
    assert verdict(program, architecture, calls["socket"], 2) == ALLOW
    assert verdict(program, architecture, calls["socket"], 40) == EAFNOSUPPORT
    assert verdict(program, architecture, 435) == ENOSYS
    assert verdict(program, 0x40000003, calls["read"]) == EPERM


def test_the_other_numbering_of_x86_is_closed() -> None:
    program = seccomp_program("x86_64")
    assert program is not None
    assert verdict(program, 0xC000003E, 0x40000000) == EPERM


def test_an_unknown_machine_has_no_filter() -> None:
    assert seccomp_program("pdp11") is None


def test_without_control_groups_none_are_promised(tmp_path: Path) -> None:
    assert ControlGroups.find(mounts="tmpfs / tmpfs rw 0 0\n") is None
    assert ControlGroups.find(mounts=f"cgroup {tmp_path}/none cgroup rw,memory 0 0\n") is None
    assert ControlGroups.find(mounts=f"cgroup2 {tmp_path} cgroup2 rw 0 0\n") is None


def test_a_folder_that_is_no_hierarchy_is_not_taken_for_one(tmp_path: Path) -> None:
    (tmp_path / "cgroup.controllers").write_text("cpu memory pids\n")
    assert ControlGroups.find(mounts=f"cgroup2 {tmp_path} cgroup2 rw 0 0\n") is None
