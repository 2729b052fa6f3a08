"""`clary serve`: a refused start is one line, a signal ends it well (platform.md 13, abuse case A41)."""

import asyncio
import base64
import os
import socket
import subprocess
import sys
from pathlib import Path

import aiohttp
import pytest

from clary.adapters.scripted_provider import ScriptedProvider
from clary.kit.crypto import SecretBox
from support.s3_server import s3_server
from support.schema import stored_rows
from support.server_process import ServerProcess, running, signed_in
from support.terminal import clary

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize(
    ("variables", "line"),
    [
        ({"CLARY_PORT": "s3cr3t"}, "CLARY_PORT: Input should be a valid integer"),
        ({"CLARY_AUTH_MODE": "oauth"}, "CLARY_AUTH_PROVIDERS: has no enabled entry, which mode oauth needs"),
        ({"CLARY_HOST": "no such host", "CLARY_PORT": "0"}, "CLARY_HOST: is no address of this machine"),
        ({"CLARY_BOOTSTRAP_ADMIN_PASSWORD": "s3cr3t"}, "CLARY_BOOTSTRAP_ADMIN_PASSWORD: Password needs at least 8"),
        ({"CLARY_BOOTSTRAP_ADMIN_USERNAME": "s3cr3t name"}, "CLARY_BOOTSTRAP_ADMIN_USERNAME: User name is not valid"),
        ({"CLARY_SECRET_KEY_FILE": "/no/s3cr3t"}, "CLARY_SECRET_KEY_FILE: the file cannot be read"),
        ({"CLARY_DATA_DIR": "/dev/null/s3cr3t"}, "CLARY_DATA_DIR: cannot be made (Not a directory)"),
        ({"CLARY_ENV": "production"}, "CLARY_PUBLIC_URL: is required in production"),
    ],
)
def test_a_wrong_setting_ends_the_start_with_one_line_and_status_2(
    tmp_path: Path, variables: dict[str, str], line: str
) -> None:
    done = clary(tmp_path, "serve", **{"CLARY_PORT": "0", **variables})
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(line), done.stderr
    assert done.stderr.count("\n") == 1
    assert "s3cr3t" not in done.stderr


async def test_a_busy_port_another_key_and_a_newer_database_are_one_line_each(tmp_path: Path) -> None:
    async with running(tmp_path / "data") as server:
        busy = clary(tmp_path, "serve", CLARY_PORT=str(server.port))
    assert (busy.returncode, busy.stderr) == (2, "CLARY_PORT: cannot listen there (address already in use)\n")
    other = clary(tmp_path, "serve", CLARY_PORT="0", CLARY_SECRET_KEY="00" * 32)
    assert (other.returncode, other.stderr) == (2, "CLARY_SECRET_KEY: does not fit the database\n")
    stored_rows(tmp_path / "data", "UPDATE alembic_version SET version_num = '9999'")
    newer = clary(tmp_path, "serve", CLARY_PORT="0")
    assert newer.returncode == 2
    assert newer.stderr.startswith("the database is newer than this program")


@pytest.mark.sqlite
@pytest.mark.parametrize("command", ["serve", "worker"])
def test_a_database_that_is_away_ends_the_start_with_another_status(tmp_path: Path, command: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    away = f"postgresql://clary:s3cr3t@127.0.0.1:{port}/clary"
    done = clary(tmp_path, command, CLARY_PORT="0", CLARY_DATABASE_URL=away)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "the database cannot be reached (ConnectionRefusedError)\n"


async def test_a_signal_ends_the_server_with_status_0(tmp_path: Path) -> None:
    server = ServerProcess(tmp_path / "data")
    await server.start()
    assert await server.stop() == 0
    assert f"Clary at {server.url} (data in {tmp_path}/data)" in server.log.read_text()


def test_a_stop_that_hangs_is_ended_when_its_time_is_over() -> None:
    code = "import time; from clary.cli.ending import Ending; ending = Ending(0.2); ending.begin(); time.sleep(50)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=40, check=False)
    assert (done.returncode, "stop_forced" in done.stdout + done.stderr) == (1, True)


async def test_two_first_starts_at_once_make_one_admin_and_one_key(tmp_path: Path) -> None:
    async with running(tmp_path / "data") as one, running(tmp_path / "data") as two:
        token = await signed_in(one)
        assert (await token.data("GET", "/api/user/list"))["total"] == 1
        assert (await signed_in(two)).headers
    assert [path.name for path in (tmp_path / "data").glob("secret.key*")] == ["secret.key"]


async def test_users_are_added_and_listed_while_the_server_runs(tmp_path: Path) -> None:
    async with running(tmp_path / "data") as server:
        added = clary(tmp_path, "user", "add", "cli-person", "--password-stdin", stdin="Some-Person-4711")
        assert (added.returncode, added.stdout.split(" (")[0]) == (0, "added cli-person")
        await signed_in(server, "cli-person", "Some-Person-4711")
        again = clary(tmp_path, "user", "add", "CLI-person", "--password-stdin", stdin="Some-Person-4711\n")
        assert (again.returncode, again.stderr) == (1, "User name already exists\n")
        listed = clary(tmp_path, "user", "list", "--json")
        assert '"username": "cli-person"' in listed.stdout
        assert "argon2" not in listed.stdout


@pytest.mark.sqlite
def test_an_unknown_variable_is_named_with_its_nearest_neighbour(tmp_path: Path) -> None:
    done = clary(tmp_path, "migrate", CLARY_PROT="1")
    assert (done.returncode, done.stdout) == (0, "upgraded\n")
    assert done.stderr == "CLARY_PROT: unknown setting, ignored; did you mean CLARY_PORT?\n"


def test_migrate_check_changes_nothing(tmp_path: Path) -> None:
    tried = clary(tmp_path, "migrate", "--check")
    assert (tried.returncode, (tmp_path / "data").exists()) == (0, False), tried.stderr
    clary(tmp_path, "migrate")
    assert clary(tmp_path, "migrate", "--check").stdout == "up to date\n"


def test_doctor_shows_where_values_come_from_and_hides_secrets(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("CLARY_INSTANCE_NAME=House\n")
    values = {"CLARY_SANDBOX": "off", "CLARY_SEARCH_SEARXNG_URL": "http://127.0.0.1:8888"}
    done = clary(tmp_path, "doctor", CLARY_BOOTSTRAP_ADMIN_PASSWORD="Very-Secret-4711", **values)
    lines = done.stdout.splitlines()
    assert done.returncode == 0, done.stdout
    assert {
        "CLARY_INSTANCE_NAME=House (.env)",
        "CLARY_BOOTSTRAP_ADMIN_PASSWORD=set (environment)",
        "CLARY_PORT=8000 (default)",
        "ok   code tools: none",
        "ok   web search: searxng",
        "ok   object store: a folder in the data directory, made at the first start",
    } <= set(lines)
    assert "Very-Secret" not in done.stdout


async def test_doctor_says_whether_the_key_fits_and_mail_is_answered(tmp_path: Path) -> None:
    clary(tmp_path, "migrate")
    done = clary(tmp_path, "doctor", CLARY_SANDBOX="off")
    assert "ok   secret key: made at the first start" in done.stdout.splitlines()
    async with running(tmp_path / "data"):
        pass  # a start seals its first secret
    kept = tmp_path / "data" / "secret.key"
    kept.rename(tmp_path / "kept")
    done = clary(tmp_path, "doctor", CLARY_SANDBOX="off")
    assert "FAIL secret key: is missing; the database was made with one" in done.stdout.splitlines()
    (tmp_path / "kept").rename(kept)
    key = SecretBox(base64.b64decode((tmp_path / "data" / "secret.key").read_text()))
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = str(closed.getsockname()[1])
    mail = {"CLARY_SMTP_HOST": "127.0.0.1", "CLARY_SMTP_PORT": port, "CLARY_MAIL_FROM": "clary@example.org"}
    done = clary(tmp_path, "doctor", CLARY_SANDBOX="off", **mail)
    assert {
        f"ok   secret key: {key.key_id}, fits the database",
        f"FAIL mail: 127.0.0.1:{port}: does not answer or refuses",
    } <= set(done.stdout.splitlines())
    other = base64.b64encode(bytes(32)).decode()
    done = clary(tmp_path, "doctor", CLARY_SANDBOX="off", CLARY_SECRET_KEY=other)
    assert {"FAIL secret key: does not fit the database", "ok   mail: no mail server configured"} <= set(
        done.stdout.splitlines()
    )
    assert done.returncode == 1


@pytest.mark.sqlite
def test_doctor_tries_the_object_store(tmp_path: Path) -> None:
    keys = {"CLARY_S3_BUCKET": "clary-files", "CLARY_S3_ACCESS_KEY": "key", "CLARY_S3_SECRET_KEY": "secret"}
    clary(tmp_path, "migrate")
    done = clary(tmp_path, "doctor", CLARY_SANDBOX="off")
    assert "ok   object store: a folder in the data directory" in done.stdout.splitlines()
    with socket.create_server(("127.0.0.1", 0)) as closed:
        url = f"http://127.0.0.1:{closed.getsockname()[1]}"
    done = clary(tmp_path, "doctor", CLARY_SANDBOX="off", CLARY_OBJECT_STORE="s3", CLARY_S3_ENDPOINT=url, **keys)
    told = f"FAIL object store: bucket clary-files at {url}: cannot store, read and remove a file"
    assert (done.returncode, told in done.stdout.splitlines()) == (1, True), done.stdout
    with s3_server() as server:
        done = clary(
            tmp_path, "doctor", CLARY_SANDBOX="off", CLARY_OBJECT_STORE="s3", CLARY_S3_ENDPOINT=server.url, **keys
        )
        told = f"ok   object store: bucket clary-files at {server.url}"
        assert (told in done.stdout.splitlines(), server.names()) == (True, []), done.stdout


async def test_the_command_itself_serves_and_a_signal_ends_it_well(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    clean = {key: value for key, value in os.environ.items() if not key.startswith("CLARY_")}
    variables = {"CLARY_PORT": str(port), "CLARY_DATA_DIR": str(tmp_path / "data")}
    with (tmp_path / "log").open("wb") as log:
        # Not a fork as elsewhere: here the imports of a cold start are what is tried.
        command = (sys.executable, "-m", "clary.cli", "serve")
        process = await asyncio.create_subprocess_exec(*command, env={**clean, **variables}, stdout=log, stderr=log)
    async with asyncio.timeout(90), aiohttp.ClientSession() as session:
        while not await _is_healthy(session, port):
            assert process.returncode is None, (tmp_path / "log").read_text()
            await asyncio.sleep(0.05)
    process.terminate()
    async with asyncio.timeout(30):
        assert await process.wait() == 0


async def _is_healthy(session: aiohttp.ClientSession, port: int) -> bool:
    try:
        async with session.get(f"http://127.0.0.1:{port}/api/health") as answer:
            return answer.status == 200
    except aiohttp.ClientError:
        return False


def test_help_is_quick_and_names_every_command(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "clary.cli", "--help"],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert all(word in done.stdout for word in ("serve", "migrate", "doctor", "user"))
    heavy = {"fastapi", "sqlalchemy", "uvicorn", "pydantic", "alembic", "aiohttp"}
    imported = {line.rsplit("|", 1)[-1].strip() for line in done.stderr.splitlines()}
    assert not heavy & imported


@pytest.mark.sqlite
async def test_doctor_asks_the_default_provider_for_an_answer(tmp_path: Path) -> None:
    async with ScriptedProvider() as provider:
        values = {
            "CLARY_SANDBOX": "off",
            "CLARY_OUTBOUND_ALLOW": "127.0.0.1",
            "CLARY_DEFAULT_LLM_API_KEY": "sk-hidden-key",
            "CLARY_DEFAULT_LLM_API_BASE_URL": provider.url,
            "CLARY_DEFAULT_LLM_MODEL_NAME": "m-large",
        }
        good = await asyncio.to_thread(lambda: clary(tmp_path, "doctor", **values))
        blocked = await asyncio.to_thread(lambda: clary(tmp_path, "doctor", **{**values, "CLARY_OUTBOUND_ALLOW": ""}))
    away = await asyncio.to_thread(lambda: clary(tmp_path, "doctor", **values))
    assert f"ok   default provider: m-large at {provider.url}" in good.stdout.splitlines()
    assert good.returncode == 0
    for done in (blocked, away):
        assert f"FAIL default provider: m-large at {provider.url}: The model service cannot be reached" in done.stdout
        assert (done.returncode, "sk-hidden" in done.stdout) == (1, False)
