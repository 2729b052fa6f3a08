"""`clary user`: how people are changed from the terminal (platform.md 4.3, 4.5)."""

from pathlib import Path
from typing import Any

import aiohttp
import pytest

from support.server_process import ADMIN_PASSWORD, ServerProcess, running, signed_in
from support.terminal import clary

pytestmark = pytest.mark.anyio

PASSWORD = "Some-Person-4711"


async def sign_in(server: ServerProcess, name: str, password: str) -> str | None:
    """The slug of a refused sign-in; None when it works."""
    body = {"username_or_email": name, "password": password}
    async with (
        aiohttp.ClientSession() as session,
        session.post(server.url + "/api/auth/login", json=body) as answer,
    ):
        envelope: dict[str, Any] = await answer.json()
    return envelope.get("error_detail")


async def test_a_lost_admin_password_is_set_anew_while_the_server_runs(tmp_path: Path) -> None:
    async with running(tmp_path / "data") as server:
        lost = await signed_in(server)
        made = clary(tmp_path, "user", "reset-password", "admin")
        assert (made.returncode, made.stderr) == (0, "")
        password = made.stdout.removeprefix("new password of admin: ").strip()
        assert len(password) == 20
        assert await sign_in(server, "admin", ADMIN_PASSWORD) == "invalid_credentials"
        assert await sign_in(server, "admin", password) is None
        chosen = clary(tmp_path, "user", "reset-password", "ADMIN", "--password-stdin", stdin="Chosen-Again-4711\r\n")
        assert (chosen.returncode, chosen.stdout) == (0, "new password of ADMIN set\n")
        assert await sign_in(server, "admin", "Chosen-Again-4711") is None
        assert (await lost.call("GET", "/api/auth/session"))["code"] == 401


async def test_people_are_promoted_locked_out_and_let_in_again(tmp_path: Path) -> None:
    async with running(tmp_path / "data") as server:
        clary(tmp_path, "user", "add", "pia", "--password-stdin", "--email", "pia@example.org", stdin=PASSWORD)
        assert clary(tmp_path, "user", "set-role", "pia", "admin").stdout == "pia is now admin\n"
        pia = await signed_in(server, "pia", PASSWORD)
        assert (await pia.call("GET", "/api/user/list"))["code"] == 200
        assert clary(tmp_path, "user", "disable", "PIA@example.org").stdout == "disabled PIA@example.org\n"
        assert await sign_in(server, "pia", PASSWORD) == "account_disabled"
        assert clary(tmp_path, "user", "enable", "pia").stdout == "enabled pia\n"
        assert await sign_in(server, "pia", PASSWORD) is None


@pytest.mark.parametrize(
    ("arguments", "stdin", "line"),
    [
        (("set-role", "admin", "user"), "", "At least one active administrator must remain"),
        (("set-role", "admin", "root"), "", "role must be user or admin"),
        (("disable", "admin"), "", "At least one active administrator must remain"),
        (("enable", "nobody"), "", "User not found"),
        (("disable", "nobody@example.org"), "", "User not found"),
        (("reset-password", "a@b@c"), "", "E-mail address is not valid"),
        (("reset-password", "admin", "--password-stdin"), "short", "Password needs at least 8 characters"),
        (("reset-password", "admin", "--password-stdin"), "", "a password of 1 to 256 characters is wanted on stdin"),
        (("add", "x", "--password-stdin"), "x" * 257, "a password of 1 to 256 characters is wanted on stdin"),
    ],
)
def test_a_refusal_is_one_line(with_admin: Path, arguments: tuple[str, ...], stdin: str, line: str) -> None:
    done = clary(with_admin, "user", *arguments, stdin=stdin)
    assert (done.returncode, done.stdout, done.stderr) == (1, "", line + "\n")


@pytest.fixture(scope="module")
def with_admin(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data directory with one administrator, made by the terminal alone."""
    folder = tmp_path_factory.mktemp("house")
    clary(folder, "user", "add", "admin", "--role", "admin", "--password-stdin", stdin=PASSWORD)
    return folder
