"""The words bubblewrap is started with: what a run sees, and what it may use."""

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from clary.adapters.sandbox.limits import SandboxLimits
from clary.adapters.sandbox.programs import INSIDE_PATH

HOST_PATH: Final = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
INSIDE_UID: Final = 1000
_MEBIBYTE: Final = 1024 * 1024
_SHARED_MEMORY_BYTES: Final = 64 * _MEBIBYTE
_SYSTEM_FOLDERS: Final = ("bin", "sbin", "lib", "lib32", "lib64", "libx32")
_SYSTEM_FILES: Final = (
    "/etc/alternatives",
    "/etc/ca-certificates",
    "/etc/fonts",
    "/etc/ld.so.cache",
    "/etc/localtime",
    "/etc/mime.types",
    "/etc/ssl/certs",
    "/etc/ssl/openssl.cnf",
)
GENERATED_FILES: Final = {
    "/etc/group": b"root:x:0:\nsandbox:x:1000:\nnogroup:x:65534:\n",
    "/etc/hosts": b"127.0.0.1 localhost\n::1 localhost\n",
    "/etc/nsswitch.conf": b"passwd: files\ngroup: files\nhosts: files\n",
    "/etc/passwd": (
        b"root:x:0:0:root:/nonexistent:/bin/sh\n"
        b"sandbox:x:1000:1000:sandbox:/workspace:/bin/bash\n"
        b"nobody:x:65534:65534:nobody:/nonexistent:/bin/sh\n"
    ),
}
_ENVIRONMENT: Final = {
    "PATH": INSIDE_PATH,
    "HOME": "/workspace",
    "LANG": "C.UTF-8",
    "USER": "sandbox",
    "TMPDIR": "/tmp",  # noqa: S108 - the run's own memory file system
}


@dataclass(frozen=True, slots=True)
class HostPrograms:
    """Where the programs lie that a run is started with."""

    bwrap: str
    prlimit: str
    sh: str
    setpriv: str
    unshare: str

    @staticmethod
    def find() -> "HostPrograms | str":
        """The programs, or the name of the first one this host lacks. The server's own PATH is not asked."""
        found: dict[str, str] = {}
        for name in ("bwrap", "prlimit", "sh", "setpriv", "unshare"):
            place = shutil.which(name, path=HOST_PATH)
            if place is None:
                return name
            found[name] = place
        return HostPrograms(**found)


def bwrap_options(
    *, workspace: str, workdir: str, environment: tuple[tuple[str, str], ...], files: dict[str, int], tmp_mb: int
) -> list[str]:
    """The options of a run; `files` maps paths inside to descriptors that hold their content.

    Raises:
        ValueError: a variable or folder name that no program can be given.
    """
    options = ["--unshare-all", "--unshare-user", "--disable-userns", "--die-with-parent", "--new-session"]
    options += ["--cap-drop", "ALL", "--uid", str(INSIDE_UID), "--gid", str(INSIDE_UID), "--hostname", "sandbox"]
    options += [*_system_mounts(), "--proc", "/proc", "--dev", "/dev"]
    options += ["--size", str(_SHARED_MEMORY_BYTES), "--tmpfs", "/dev/shm"]  # noqa: S108
    options += ["--size", str(tmp_mb * _MEBIBYTE), "--tmpfs", "/tmp"]  # noqa: S108
    for path, descriptor in files.items():
        options += ["--file", str(descriptor), path]
    options += ["--bind", workspace, "/workspace", "--symlink", "workspace", "/sage-workspace"]
    # Both are memory file systems without a size of their own: writable they would be a way to fill the memory.
    options += ["--remount-ro", "/dev", "--remount-ro", "/", "--chdir", workdir, "--clearenv"]
    for name, value in {**_ENVIRONMENT, **dict(environment)}.items():
        if not name or "=" in name:
            raise ValueError("not the name of an environment variable")
        options += ["--setenv", name, value]
    if any("\0" in option for option in options):
        raise ValueError("NUL in an option")
    return options


def limit_options(limits: SandboxLimits, *, memory_is_grouped: bool) -> list[str]:
    """Arguments of prlimit. It runs inside: set there, the number of processes counts those of this run alone."""
    memory = limits.memory_mb * _MEBIBYTE
    options = [
        f"--cpu={limits.cpu_seconds}:{limits.cpu_seconds + 5}",
        f"--nproc={limits.processes}",
        f"--fsize={limits.file_mb * _MEBIBYTE}",
        f"--nofile={limits.open_files}",
        "--core=0",
        f"--data={memory}",
    ]
    # Runtimes reserve far more addresses than they use: an address limit at `memory` would kill them at the start.
    return options if memory_is_grouped else [*options, f"--as={memory * 4}"]


def _system_mounts() -> list[str]:
    options = ["--ro-bind", "/usr", "/usr"]
    for name in _SYSTEM_FOLDERS:
        folder = Path("/", name)
        if folder.is_symlink():
            options += ["--symlink", str(folder.readlink()), str(folder)]
        elif folder.is_dir():
            options += ["--ro-bind", str(folder), str(folder)]
    for path in _SYSTEM_FILES:
        options += ["--ro-bind-try", path, path]
    return options
