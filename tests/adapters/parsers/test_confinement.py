"""Children are alone, bounded, and gone when nobody waits for them (product.md A23)."""

import asyncio
import json
import os
import socket
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import anyio
import pytest
from anyio import fail_after

from clary.adapters.parsers.confined.limits import Limits
from clary.adapters.parsers.knowledge import KnowledgeParser
from clary.features.knowledge.ports import DocumentRefusedError
from support import sample_files as new

pytestmark = pytest.mark.anyio

PROBE = """
import json, os, socket, sys, threading
from clary.adapters.parsers.confined.bounds import lock_in
libraries = [os.open(path, os.O_PATH) for path in sys.path if os.path.isdir(path)]
lock_in(memory_bytes=64 << 20, seconds=5, libraries=libraries)
said = {}
def tried(name, what):
    try:
        what()
        said[name] = "did"
    except BaseException as error:
        said[name] = type(error).__name__
tried("read", lambda: open("/etc/hostname"))
tried("write", lambda: open(os.path.join(sys.argv[1], "new"), "w"))
tried("grow", lambda: os.write(int(sys.argv[2]), b"x"))
tried("unlink", lambda: os.unlink(os.path.join(sys.argv[1], "old")))
tried("connect", lambda: socket.create_connection(("127.0.0.1", int(sys.argv[3])), 2))
tried("memory", lambda: bytearray(128 << 20))
tried("run", lambda: os.execv("/bin/true", ["true"]))
tried("import", lambda: __import__("colorsys"))
print(json.dumps(said))
"""


async def children_of(process: int) -> set[int]:
    """Process ids of children that live, whatever their thread."""

    def look() -> set[int]:
        found: set[int] = set()
        for task in Path(f"/proc/{process}/task").iterdir():
            found |= {int(child) for child in (task / "children").read_text().split()}
        return found

    return await asyncio.to_thread(look)


@pytest.fixture
async def listener() -> AsyncIterator[int]:
    """A port of this machine that somebody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


async def test_a_child_reaches_no_file_no_network_and_not_much_memory(tmp_path: Path, listener: int) -> None:
    (tmp_path / "old").write_text("kept")
    (tmp_path / "open").touch()
    descriptor = os.open(tmp_path / "open", os.O_WRONLY)
    os.set_inheritable(descriptor, True)
    try:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-I", "-c", PROBE, str(tmp_path), str(descriptor), str(listener),
            stdout=asyncio.subprocess.PIPE, pass_fds=[descriptor], env={},
        )  # fmt: skip
        with fail_after(60):
            output, _ = await process.communicate()
    finally:
        os.close(descriptor)
    said = json.loads(output)
    assert {name for name, end in said.items() if end == "did"} <= {"import", "grow"}
    assert said["import"] == "did"
    assert said["memory"] == "MemoryError"
    assert (tmp_path / "old").read_text() == "kept"
    assert (tmp_path / "open").stat().st_size == 0
    assert not (tmp_path / "new").exists()


async def test_a_cancelled_parse_leaves_no_child(tmp_path: Path) -> None:
    path = tmp_path / "long.pdf"
    path.write_bytes(new.pdf(["word " * 2000] * 1000))
    async with KnowledgeParser() as parser:
        with fail_after(60):
            task = asyncio.create_task(parser.parse(path, name="long.pdf"))
            template = None
            while template is None or not await children_of(template):
                await anyio.sleep(0.005)
                process = parser._template._process
                template = process.pid if process else None
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            while await children_of(template):
                await anyio.sleep(0.01)
        path.write_bytes(new.pdf(["still there"]))
        assert (await parser.parse(path, name="a.pdf")).text == "still there"


async def test_a_parser_that_is_closed_leaves_no_process(tmp_path: Path) -> None:
    path = tmp_path / "a.pdf"
    path.write_bytes(new.pdf(["text"]))
    before = await children_of(os.getpid())
    async with KnowledgeParser() as parser:
        await parser.parse(path, name="a.pdf")
        assert len(await children_of(os.getpid()) - before) == 1
    assert await children_of(os.getpid()) - before == set()


async def test_a_template_that_was_killed_is_started_again(tmp_path: Path) -> None:
    path = tmp_path / "a.pdf"
    path.write_bytes(new.pdf(["text"]))
    async with KnowledgeParser() as parser:
        with fail_after(60):
            for _ in range(3):
                assert (await parser.parse(path, name="a.pdf")).text == "text"
                process = parser._template._process
                assert process is not None
                process.kill()
                await process.wait()


async def test_a_file_that_is_gone_is_no_fault_of_the_file(tmp_path: Path) -> None:
    async with KnowledgeParser() as parser:
        for name in ("a.pdf", "a.txt"):
            with pytest.raises(FileNotFoundError):
                await parser.parse(tmp_path / name, name=name)


async def test_many_at_once_all_get_their_own_answer(tmp_path: Path) -> None:
    for n in range(40):
        (tmp_path / f"{n}.pdf").write_bytes(new.pdf([f"text number {n}"] * (n % 3 + 1)))
    async with KnowledgeParser(parallel=4) as parser:
        with fail_after(60):
            found = await asyncio.gather(*(parser.parse(tmp_path / f"{n}.pdf", name=f"{n}.pdf") for n in range(40)))
    assert [document.text.split("\n")[0] for document in found] == [f"text number {n}" for n in range(40)]


async def test_memory_beyond_the_limit_is_too_large(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes(b"x " * (24 << 20))
    async with KnowledgeParser(Limits(memory_bytes=100 << 20, max_chars=1 << 30)) as parser:
        with fail_after(60), pytest.raises(DocumentRefusedError) as caught:
            await parser.parse(path, name="a.txt")
    assert caught.value.outcome == "too_large"
