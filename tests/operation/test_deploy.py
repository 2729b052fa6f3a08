"""The files of `deploy/` agree with the program: settings, commands, syntax."""

import re
import shlex
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml

from clary.cli import app
from clary.settings import Settings

ROOT = Path(__file__).resolve().parents[2]
DEPLOY = ROOT / "deploy"
COMMANDS = set(typer.main.get_command(app).commands)  # type: ignore[attr-defined]
UNIT_OPTIONS_THAT_STOP_BUBBLEWRAP = {
    "RestrictNamespaces",
    "ProtectKernelTunables",
    "ProtectKernelLogs",
    "ProtectControlGroups",
    "ProtectProc",
    "ProcSubset",
    "PrivateUsers",
    "MemoryDenyWriteExecute",
}


@pytest.mark.parametrize("path", sorted(DEPLOY.iterdir()), ids=lambda path: path.name)
def test_every_variable_that_is_named_is_a_setting(path: Path) -> None:
    known = {f"CLARY_{name.upper()}" for name in Settings.model_fields}
    named = set(re.findall(r"CLARY_[A-Z0-9_]+[A-Z0-9]\b(?!_?\*)", path.read_text()))
    assert named - known == set()


def _unit() -> list[tuple[str, str]]:
    lines = (DEPLOY / "clary.service").read_text().splitlines()
    return [
        (name, value)
        for line in lines
        if not line.startswith("#")
        for name, found, value in [line.partition("=")]
        if found
    ]


def test_the_unit_starts_a_command_that_exists_and_lets_bubblewrap_work() -> None:
    unit = dict(_unit())
    program, command = shlex.split(unit["ExecStart"])
    assert (Path(program).name, command in COMMANDS) == ("clary", True)
    assert set(unit) & UNIT_OPTIONS_THAT_STOP_BUBBLEWRAP == set()
    assert "@mount" in unit["SystemCallFilter"].split()
    assert unit["User"] != "root"
    assert int(unit["TimeoutStopSec"]) > Settings.model_fields["shutdown_seconds"].default


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd is not on this machine")
def test_systemd_finds_nothing_wrong_with_the_unit(tmp_path: Path) -> None:
    # The program lies elsewhere here; everything else is as it is.
    text = (DEPLOY / "clary.service").read_text().replace("/opt/clary/.venv/bin/clary", "/bin/true")
    unit = tmp_path / "clary.service"
    unit.write_text(text)
    done = subprocess.run(
        ["systemd-analyze", "verify", str(unit)], capture_output=True, text=True, check=False, timeout=60
    )
    assert [line for line in done.stderr.splitlines() if "clary.service" in line] == []


def _compose() -> dict[str, Any]:
    return yaml.safe_load((DEPLOY / "compose.yaml").read_text())


def test_every_service_that_runs_clary_runs_a_command_that_exists_and_is_not_root() -> None:
    services = {name: each for name, each in _compose()["services"].items() if each["image"].startswith("clary")}
    assert {"server", "web"} <= set(services)
    for each in services.values():
        program, command = each["command"]
        assert (program, command in COMMANDS) == ("clary", True)
        assert (each["read_only"], each["cap_drop"]) == (True, ["ALL"])
        assert int(each["stop_grace_period"].removesuffix("s")) > Settings.model_fields["shutdown_seconds"].default
    lines = (DEPLOY / "Dockerfile").read_text().splitlines()
    assert [line for line in lines if line.startswith("USER ")] == ["USER clary"]
    assert lines[-1] == 'CMD ["clary", "serve"]'


def test_what_compose_and_the_image_name_is_there() -> None:
    compose = _compose()
    for service in compose["services"].values():
        for volume in service.get("volumes", []):
            source = volume.split(":")[0]
            assert source in compose["volumes"] or (DEPLOY / source).is_file(), source
        for other in service.get("depends_on", {}):
            assert other in compose["services"]
    copied = re.findall(r"^COPY (?!--from)(.+) \S+$", (DEPLOY / "Dockerfile").read_text(), re.MULTILINE)
    assert [name for line in copied for name in line.split() if not (ROOT / name).exists()] == []


def test_the_proxy_lets_streams_through() -> None:
    text = (DEPLOY / "nginx.conf").read_text()
    given = dict(re.findall(r"^\s+(proxy_\w+) ([^;]+);$", text, re.MULTILINE))
    assert {name: given[name] for name in ("proxy_buffering", "proxy_request_buffering", "proxy_http_version")} == {
        "proxy_buffering": "off",
        "proxy_request_buffering": "off",
        "proxy_http_version": "1.1",
    }
    assert (
        int(given["proxy_read_timeout"].removesuffix("s")) > Settings.model_fields["stream_heartbeat_seconds"].default
    )
    assert "proxy_set_header Host $host;" in text
    [upstream] = re.findall(r"^\s+server (\w+):\d+;$", text, re.MULTILINE)
    services = [each for each in _compose()["services"].values() if each["image"].startswith("clary")]
    assert all(upstream in each["networks"]["default"]["aliases"] for each in services)


def test_the_example_of_settings_starts_when_it_is_filled_in() -> None:
    lines = (DEPLOY / "clary.env.example").read_text().splitlines()
    given = dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))
    values = {name.removeprefix("CLARY_").lower(): value for name, value in given.items()}
    from clary.settings import load_settings

    settings = load_settings(**values, bootstrap_admin_password="long-enough-4711")
    assert settings.is_production
