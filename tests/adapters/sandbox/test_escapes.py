"""Attempts to get out, to read what is not the run's own, or to use more than is granted (stream-runtime.md 12 A9)."""

import asyncio
import os
import socket
import time
from pathlib import Path

import pytest
from anyio import fail_after, move_on_after

from clary.adapters.sandbox import BubblewrapSandbox, SandboxLimits
from clary.runtime.tools import SandboxCommand

pytestmark = pytest.mark.anyio


def host_processes(mark: str) -> list[str]:
    """Command lines of this host that hold a mark."""
    found: list[str] = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                line = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            except OSError:
                continue
            if mark in line and int(entry.name) != os.getpid():
                found.append(line)
    return found


async def test_other_workspaces_and_host_files_are_not_there(shell, workspace: Path) -> None:
    canary = workspace.parent / "other"
    canary.mkdir()
    (canary / "secret.txt").write_text("canary-7f3a")
    result = await shell(
        f"cat {canary}/secret.txt /workspace/../other/secret.txt; ls /mnt /home /root /var /sys /run /opt;"
        "cat /etc/shadow /etc/machine-id /etc/hostname; ls -a / /etc; find / -xdev -name secret.txt 2>/dev/null"
    )
    assert "canary" not in result.stdout
    assert str(canary) not in result.stdout
    assert set(result.stdout.split()) >= {"usr", "workspace", "sage-workspace", "passwd"}
    assert not {"home", "root", "var", "sys", "run", "shadow", "machine-id"} & set(result.stdout.split())


async def test_no_secret_of_the_server_shows_in_any_environment(shell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLARY_SECRET_KEY", "canary-51c0")
    result = await shell("env; cat /proc/*/environ /proc/*/cmdline | tr '\\0' '\\n'", workdir="/tmp")
    assert "canary" not in result.stdout
    assert "CLARY" not in result.stdout
    assert "HOME=/workspace\n" in result.stdout


async def test_command_lines_inside_name_no_host_path(shell, workspace: Path) -> None:
    result = await shell("cat /proc/*/cmdline /proc/*/environ | tr '\\0' '\\n'")
    assert str(workspace.parent.parent.name) not in result.stdout
    assert str(workspace.parent) not in result.stdout


async def test_only_the_run_itself_is_in_its_process_table(shell) -> None:
    result = await shell("ls -d /proc/[0-9]* | wc -l; kill -9 -1; echo survived")
    assert int(result.stdout.split()[0]) < 10


async def test_there_is_no_network(shell) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        result = await shell(
            f"timeout 5 bash -c 'echo > /dev/tcp/127.0.0.1/{port}' && echo reached;"
            "timeout 5 bash -c 'echo > /dev/tcp/1.1.1.1/80' && echo reached;"
            "cat /proc/net/dev | tail -n +3 | cut -d: -f1"
        )
    assert result.stdout.split() == ["lo"]


@pytest.mark.parametrize("family", [38, 40, 17])
async def test_odd_socket_families_are_refused(shell, family: int) -> None:
    """Kernel crypto, VM sockets (which know no network namespace), raw packets."""
    kind = 3 if family == 17 else 1
    script = f"import socket\ntry:\n  socket.socket({family}, {kind})\nexcept OSError as e: print(e.errno)"
    assert (await shell(f'python3 -c "{script}"')).stdout.strip() in ("97", "1")


async def test_a_fork_bomb_stays_within_its_processes(shell) -> None:
    with fail_after(30):
        result = await shell(
            "for i in $(seq 1 200); do sleep 5 & done 2>/dev/null; ls -d /proc/[0-9]* | wc -l", timeout_seconds=4
        )
        assert result.timed_out or int(result.stdout or "0") <= 45
        bomb = await shell("bomb() { bomb | bomb & }; bomb; sleep 3", timeout_seconds=4)
    assert bomb.return_code != 0 or "Resource temporarily unavailable" in bomb.stderr
    # The host can still start programs, and so can the next run.
    assert (await shell("echo fine")).stdout == "fine\n"


async def test_other_runs_do_not_use_up_the_processes_of_this_one(shell) -> None:
    with fail_after(40):
        busy = [asyncio.create_task(shell("for i in $(seq 1 25); do sleep 2 & done; wait")) for _ in range(3)]
        results = await asyncio.gather(*busy)
    assert [(result.return_code, result.stderr) for result in results] == [(0, "")] * 3


async def test_endless_output_is_capped_and_drained(shell) -> None:
    with fail_after(60):
        result = await shell("yes 0123456789 | head -c 300000000; echo end >&2", max_output_bytes=100_000)
    assert (len(result.stdout), result.truncated, result.stderr) == (100_000, True, "end\n")


async def test_ten_gigabytes_of_output_end_with_the_time_limit(shell) -> None:
    with fail_after(20):
        result = await shell("yes | head -c 10000000000000", timeout_seconds=2)
    assert (result.timed_out, result.return_code, result.truncated, len(result.stdout)) == (True, None, True, 1024**2)


async def test_a_file_ends_at_its_limit(shell, workspace: Path) -> None:
    result = await shell("head -c 50000000 /dev/zero > big; ls -s big > /dev/null; echo $?")
    assert (workspace / "big").stat().st_size <= 16 * 1024**2
    assert result.stdout.strip() == "0"


@pytest.mark.parametrize("place", ["/tmp/a", "/dev/shm/a", "/dev/a", "/a", "/etc/a", "/usr/a", "/proc/a"])
async def test_memory_files_are_bounded_and_system_folders_closed(shell, place: str) -> None:
    result = await shell(
        f"for i in 1 2 3 4 5 6; do head -c 15000000 /dev/zero > {place}$i; done 2>/dev/null; cat {place}* | wc -c"
    )
    assert int(result.stdout.split()[-1]) <= (64 * 1024**2 if place.startswith("/dev/shm") else 16 * 1024**2)
    if not place.startswith(("/tmp", "/dev/shm")):
        assert result.stdout.split()[-1] == "0"


async def test_memory_ends_at_its_limit(shell) -> None:
    with fail_after(40):
        result = await shell('python3 -c "b = bytearray(400 * 1024**2); print(len(b))"')
    assert result.return_code != 0
    assert result.stdout == ""


async def test_memory_of_many_processes_adds_up_where_groups_can_be_made(shell, sandbox: BubblewrapSandbox) -> None:
    if sandbox.memory_bound == "process":
        assert os.geteuid() != 0 or not os.access("/sys/fs/cgroup", os.W_OK)
        return
    one = "python3 -c 'b = bytearray(b\"x\") * (100 * 1024**2); import time; time.sleep(2); print(1)' & "
    with fail_after(60):
        result = await shell(f"{one * 6} wait", timeout_seconds=40)
    assert result.stdout.count("1") < 6


async def test_a_long_sleep_ends_with_its_time_limit(shell) -> None:
    started = time.monotonic()
    with fail_after(10):
        result = await shell("echo before; sleep 60", timeout_seconds=2)
    assert (result.timed_out, result.return_code, result.stdout) == (True, None, "before\n")
    assert time.monotonic() - started >= 2


async def test_processor_time_is_limited(workspace: Path) -> None:
    sandbox = BubblewrapSandbox(SandboxLimits(cpu_seconds=1))
    await sandbox.probe()
    with fail_after(30):
        result = await sandbox.run(SandboxCommand(("/bin/bash", "-c", "while :; do :; done"), workspace))
    assert (result.return_code, result.timed_out) == (-24, False)


@pytest.mark.parametrize("start", ["{} &", "setsid {} &", "nohup {} >/dev/null 2>&1 & disown;"])
async def test_background_processes_end_with_the_command(shell, workspace: Path, start: str) -> None:
    loop = "bash -c 'while :; do date +%N > beat; sleep 0.02; done'"
    started = time.monotonic()
    with fail_after(10):
        result = await shell(start.format(loop) + " sleep 0.2; echo done")
    assert result.stdout == "done\n"
    assert time.monotonic() - started < 5
    last = (workspace / "beat").read_text()
    await asyncio.sleep(0.2)
    assert (workspace / "beat").read_text() == last


@pytest.mark.parametrize("how", ["anyio", "asyncio", "twice"])
async def test_cancelling_kills_everything_before_it_is_heard(shell, workspace: Path, how: str) -> None:
    mark = f"canary{os.getpid()}{how}"
    script = (
        f"setsid bash -c 'trap \"\" TERM HUP INT; while :; do date +%N > beat; sleep 0.02; done' {mark} &"
        f"trap '' TERM; bash -c 'sleep 60; true' {mark}"
    )
    running = asyncio.create_task(shell(script)) if how != "anyio" else None
    started = time.monotonic()
    if running is None:
        with move_on_after(0.7):
            await shell(script)
    else:
        while not (workspace / "beat").exists():
            await asyncio.sleep(0.01)
        started = time.monotonic()
        running.cancel()
        if how == "twice":
            await asyncio.sleep(0)
            running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
    assert host_processes(mark) == []
    assert time.monotonic() - started < 2
    last = (workspace / "beat").read_text()
    await asyncio.sleep(0.2)
    assert (workspace / "beat").read_text() == last


@pytest.mark.parametrize("delay", [0.0, 0.001, 0.003, 0.006, 0.01, 0.02])
async def test_cancelling_while_it_starts_leaves_nothing(shell, delay: float) -> None:
    mark = f"canary{os.getpid()}start"
    running = asyncio.create_task(shell(f"bash -c 'sleep 60; true' {mark}"))
    await asyncio.sleep(delay)
    running.cancel()
    with pytest.raises(asyncio.CancelledError), fail_after(10):
        await running
    assert host_processes(mark) == []


async def test_links_out_of_the_workspace_lead_nowhere(shell, workspace: Path) -> None:
    (workspace.parent / "secret.txt").write_text("canary-99")
    (workspace / "link").symlink_to(workspace.parent / "secret.txt")
    (workspace / "root").symlink_to("/")
    result = await shell(f"cat link root{workspace.parent}/secret.txt; echo x > link; cat root/proc/1/environ")
    assert "canary" not in result.stdout
    assert (workspace.parent / "secret.txt").read_text() == "canary-99"


async def test_handing_over_the_workspace_follows_no_link(shell, workspace: Path) -> None:
    outside = workspace.parent / "outside.txt"
    outside.write_text("")
    before = outside.stat().st_uid
    (workspace / "link").symlink_to(outside)
    (workspace / "folder").symlink_to(workspace.parent)
    assert (await shell("true")).return_code == 0
    assert outside.stat().st_uid == before
    assert workspace.parent.stat().st_uid == before


async def test_setuid_programs_give_no_rights(shell) -> None:
    result = await shell(
        "cp /usr/bin/id own-id; chmod 6755 own-id; ./own-id -u; su -c id;grep -E 'CapEff|NoNewPrivs' /proc/self/status"
    )
    lines = result.stdout.split("\n")
    assert lines[0] == "1000"
    assert "CapEff:\t0000000000000000" in lines
    assert "NoNewPrivs:\t1" in lines
    assert "uid=0" not in result.stdout


@pytest.mark.parametrize(
    "attempt",
    [
        "mount -t tmpfs none /tmp",
        "mount --bind / /workspace",
        "umount /workspace",
        "unshare -U true",
        "unshare -m true",
        "unshare -r --mount true",
        "mknod device c 1 1",
        "chroot / true",
        "nsenter -t 1 -m true",
        "echo 1 > /proc/sys/kernel/sysrq",
        "echo x > /proc/sysrq-trigger",
        "mount -o remount,rw /usr",
        "touch /usr/bin/new",
        "ulimit -Hu 100000",
        "ulimit -Hf unlimited",
    ],
)
async def test_the_walls_cannot_be_moved(shell, attempt: str) -> None:
    assert (await shell(f"{attempt} && echo moved")).stdout == ""


@pytest.mark.parametrize(
    ("number", "arguments"),
    [
        (250, "0, -3, 0"),
        (321, "0, 0, 0"),
        (101, "0, 0, 0"),
        (323, "0"),
        (425, "1, 0"),
        (298, "0, 0, -1"),
        (429, "-1, 0"),
    ],
)
async def test_dangerous_system_calls_are_not_permitted(shell, number: int, arguments: str) -> None:
    if os.uname().machine != "x86_64":
        pytest.skip("these are the numbers of x86_64")
    load = "import ctypes; c = ctypes.CDLL(None, use_errno=True)"
    script = f"{load}; c.syscall({number}, {arguments}); print(ctypes.get_errno())"
    assert (await shell(f'python3 -c "{script}"')).stdout == "1\n"


async def test_threads_and_subprocesses_work_under_the_filter(shell) -> None:
    script = (
        "import threading, subprocess; t = threading.Thread(target=print, args=(1,)); t.start(); t.join();"
        "print(subprocess.run(['echo', '2'], capture_output=True, text=True).stdout)"
    )
    result = await shell(f'python3 -c "{script}"')
    assert (result.stdout.split(), result.stderr) == (["1", "2"], "")


async def test_nothing_of_the_host_is_inherited(shell) -> None:
    assert (await shell("ls /proc/$$/fd; true")).stdout.split() == ["0", "1", "2"]
    assert (await shell("cat; tty")).stdout == "not a tty\n"
