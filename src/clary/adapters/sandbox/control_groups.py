"""Memory and process bounds over a whole run by the kernel's control groups, where this server may make them.

Limits of a process do not add up over its children, nor over files in memory; a group does. Both generations of the
interface are known. Where no group can be made, callers fall back on the limits of single processes.
"""

import os
import secrets
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from clary.adapters.sandbox.limits import SandboxLimits

_MEBIBYTE: Final = 1024 * 1024
_PREFIX: Final = "clary-run-"
_REMOVAL_SECONDS: Final = 2.0


@dataclass(frozen=True, slots=True)
class ControlGroup:
    """The folders of one run's group: one per hierarchy."""

    folders: tuple[Path, ...]

    @property
    def doors(self) -> tuple[str, ...]:
        """Files a process writes its number to in order to enter."""
        return tuple(str(folder / "cgroup.procs") for folder in self.folders)

    def remove(self) -> None:
        """Removes the group; its processes must be dead. Waits for the kernel to let go, two seconds at most."""
        give_up = time.monotonic() + _REMOVAL_SECONDS
        for folder in self.folders:
            while not _removed(folder) and time.monotonic() < give_up:
                time.sleep(0.005)


class ControlGroups:
    """Makes groups for runs."""

    def __init__(self, parents: tuple[Path, ...]) -> None:
        self._parents = parents

    @staticmethod
    def find(mounts: str | None = None) -> "ControlGroups | None":
        """The place where groups with a memory limit can be made on this host, or None. Tries it out.

        `mounts` is the text of `/proc/self/mounts`; by default it is read.
        """
        text = mounts if mounts is not None else Path("/proc/self/mounts").read_text()
        for parents in (_first_generation(text), _second_generation(text)):
            groups = ControlGroups(parents)
            if parents and groups.works():
                return groups
        return None

    def works(self) -> bool:
        """Whether a group can be made here; leaves of killed servers are swept away on the way."""
        for parent in self._parents:
            for leaf in parent.glob(f"{_PREFIX}*"):
                if not Path("/proc", leaf.name.removeprefix(_PREFIX).partition("-")[0]).exists():
                    _removed(leaf)
        try:
            self.make(SandboxLimits()).remove()
        except OSError:
            return False
        return True

    def make(self, limits: SandboxLimits) -> ControlGroup:
        """A new, empty group.

        Raises:
            OSError: the host refuses.
        """
        name = f"{_PREFIX}{os.getpid()}-{secrets.token_hex(6)}"
        group = ControlGroup(tuple(parent / name for parent in self._parents))
        try:
            for folder in group.folders:
                folder.mkdir()
                _limit(folder, limits)
        except OSError:
            group.remove()
            raise
        return group


def _limit(folder: Path, limits: SandboxLimits) -> None:
    memory = str(limits.memory_mb * _MEBIBYTE)
    # The helpers that bubblewrap itself runs are counted too.
    wanted = {
        "memory.max": memory,
        "memory.swap.max": "0",
        "memory.limit_in_bytes": memory,
        "memory.memsw.limit_in_bytes": memory,
        "pids.max": str(limits.processes + 8),
    }
    present = {name: value for name, value in wanted.items() if (folder / name).exists()}
    if not any(name in present for name in ("memory.max", "memory.limit_in_bytes", "pids.max")):
        raise FileNotFoundError("no controller")
    for name, value in present.items():
        (folder / name).write_text(value)


def _first_generation(mounts: str) -> tuple[Path, ...]:
    found: dict[str, Path] = {}
    for line in mounts.splitlines():
        _, place, kind, options, *_ = line.split(" ")
        for controller in ("memory", "pids"):
            if kind == "cgroup" and controller in options.split(","):
                found[controller] = Path(place)
    return tuple(dict.fromkeys(found.values())) if "memory" in found else ()


def _second_generation(mounts: str) -> tuple[Path, ...]:
    places = [line.split(" ")[1] for line in mounts.splitlines() if line.split(" ")[2] == "cgroup2"]
    if not places:
        return ()
    # A group that holds processes cannot divide itself, so runs live beside the server's own group, not below it.
    parent = Path(places[0], "clary")
    try:
        if "memory" not in Path(places[0], "cgroup.controllers").read_text().split():
            return ()
        parent.mkdir(exist_ok=True)
        (parent / "cgroup.subtree_control").write_text("+memory +pids")
    except OSError:
        return ()
    return (parent,)


def _removed(folder: Path) -> bool:
    try:
        folder.rmdir()
    except FileNotFoundError:
        return True
    except OSError:
        return False
    return True
