"""What one run may use."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class SandboxLimits:
    """Bounds of a run (stream-runtime.md 9.16).

    `cpu_seconds`, `file_mb` and `open_files` hold for each process; `processes` for the run. `memory_mb` holds for the
    run where a memory control group can be made (root on most hosts), else for the private data of each process.
    `tmp_mb` bounds `/tmp`, which lives in memory.
    """

    cpu_seconds: int = 300
    memory_mb: int = 4096
    processes: int = 256
    file_mb: int = 1024
    open_files: int = 1024
    tmp_mb: int = 512
