"""Every command of the contract is there, explains itself, and lists for programs as well (platform.md 13)."""

import json
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.error import URLError

import typer
from typer.testing import CliRunner

from clary.cli import app

PROMISED = """
serve, worker, migrate, rollback, export, import, doctor, keys rotate, audit verify, audit export, permissions explain,
permissions matrix, user list, user add, key list, key add, key revoke, group list, group add, oauth2 client list,
oauth2 client add, kb import, kb query, kb eval, dev fake-model
"""


def commands(command: Any, words: tuple[str, ...] = ()) -> Iterator[tuple[str, Any]]:
    """Every command by the words that call it."""
    inner = getattr(command, "commands", None)
    if inner is None:
        yield " ".join(words), command
        return
    for name, each in inner.items():
        yield from commands(each, (*words, name))


ALL = dict(commands(typer.main.get_command(app)))


def test_what_is_promised_is_there() -> None:
    assert {each.strip() for each in PROMISED.split(",")} - set(ALL) == set()


def test_every_command_says_what_it_does_and_every_list_has_a_form_for_programs() -> None:
    for words, command in ALL.items():
        assert (command.help or "").strip(), words
        shown = CliRunner().invoke(app, [*words.split(), "--help"])
        assert (shown.exit_code, words.split()[-1] in shown.stdout) == (0, True), words
    lists = [words for words in ALL if words.split()[-1] == "list"]
    assert len(lists) >= 4
    for words in lists:
        assert "--json" in {option for each in ALL[words].params for option in each.opts}, words


def test_a_worker_wants_postgresql_and_says_so(tmp_path: Path) -> None:
    given = {"CLARY_DATA_DIR": str(tmp_path / "data"), "CLARY_DATABASE_URL": f"sqlite:///{tmp_path / 'clary.db'}"}
    done = CliRunner().invoke(app, ["worker"], env=given)
    assert (done.exit_code, done.stdout) == (2, "")
    assert done.stderr == "CLARY_DATABASE_URL: a worker beside a server needs PostgreSQL\n"
    assert not (tmp_path / "data").exists()


def test_a_scripted_provider_speaks_the_protocol_of_models() -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    started = [sys.executable, "-m", "clary.cli", "dev", "fake-model", "--port", str(port)]
    with subprocess.Popen(started, stderr=subprocess.DEVNULL) as process:
        try:
            answer = _answer(f"http://127.0.0.1:{port}/v1/chat/completions")
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(60)
    assert answer["object"] == "chat.completion"
    assert answer["choices"][0]["message"]["role"] == "assistant"


def _answer(url: str) -> Any:
    """What it says, once it listens."""
    asked = {"model": "m", "messages": [{"role": "user", "content": "hello"}]}
    give_up_at = time.monotonic() + 60
    while True:
        try:
            request = urllib.request.Request(url, json.dumps(asked).encode(), {"Content-Type": "application/json"})
            with urllib.request.urlopen(request, timeout=30) as got:
                return json.load(got)
        except URLError:
            assert time.monotonic() < give_up_at
            time.sleep(0.1)
