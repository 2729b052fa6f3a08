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
from clary.wiring.parts import edge_rules

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


UNITS = {"clary.service": "serve", "clary-worker.service": "worker"}


def _unit(name: str) -> list[tuple[str, str]]:
    lines = (DEPLOY / name).read_text().splitlines()
    return [
        (name, value)
        for line in lines
        if not line.startswith("#")
        for name, found, value in [line.partition("=")]
        if found
    ]


@pytest.mark.parametrize(("name", "wanted"), UNITS.items())
def test_a_unit_starts_a_command_that_exists_and_lets_bubblewrap_work(name: str, wanted: str) -> None:
    assert {path.name for path in DEPLOY.glob("*.service")} == set(UNITS)
    unit = dict(_unit(name))
    program, command = shlex.split(unit["ExecStart"])
    assert (Path(program).name, command, command in COMMANDS) == ("clary", wanted, True)
    assert set(unit) & UNIT_OPTIONS_THAT_STOP_BUBBLEWRAP == set()
    assert "@mount" in unit["SystemCallFilter"].split()
    assert unit["User"] != "root"
    assert int(unit["TimeoutStopSec"]) > Settings.model_fields["shutdown_seconds"].default


def test_a_worker_is_kept_in_like_a_server() -> None:
    differs = {"Description", "ExecStart"}
    server, worker = ([each for each in _unit(name) if each[0] not in differs] for name in UNITS)
    assert worker == server


@pytest.mark.parametrize("name", UNITS)
@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd is not on this machine")
def test_systemd_finds_nothing_wrong_with_a_unit(tmp_path: Path, name: str) -> None:
    # The program lies elsewhere here; everything else is as it is.
    text = (DEPLOY / name).read_text().replace("/opt/clary/.venv/bin/clary", "/bin/true")
    unit = tmp_path / name
    unit.write_text(text)
    done = subprocess.run(
        ["systemd-analyze", "verify", str(unit)], capture_output=True, text=True, check=False, timeout=60
    )
    assert [line for line in done.stderr.splitlines() if name in line] == []


def _compose() -> dict[str, Any]:
    return yaml.safe_load((DEPLOY / "compose.yaml").read_text())


def test_every_service_that_runs_clary_runs_a_command_that_exists_and_is_not_root() -> None:
    services = {name: each for name, each in _compose()["services"].items() if each["image"].startswith("clary")}
    assert {name: each["command"][1] for name, each in services.items()} == {
        "server": "serve",
        "web": "serve",
        "worker": "worker",
    }
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
    servers = [each for each in services if each["command"][1] == "serve"]
    assert all(upstream in each["networks"]["default"]["aliases"] for each in servers)
    # Who answers no requests must not be asked.
    assert [each["networks"] for each in services if each not in servers] == [["default"]]


def test_the_shape_of_several_processes_is_whole() -> None:
    services = _compose()["services"]
    shape = {name: each for name, each in services.items() if "postgres" in each.get("profiles", [])}
    assert set(shape) == {"web", "worker", "database"}
    for name in ("web", "worker"):
        assert shape[name]["depends_on"]["database"] == {"condition": "service_healthy"}
        # One data directory, one file of settings: the same key, the same folders.
        for shared in ("volumes", "env_file", "image"):
            assert shape[name][shared] == services["server"][shared]
    # The first server belongs to both shapes, with a database of its own or without.
    assert services["server"]["depends_on"]["database"] == {"condition": "service_healthy", "required": False}
    assert shape["web"]["environment"] == {"CLARY_JOBS": "off"}
    # A worker serves nothing, so the image's way to ask for its health would find it ill.
    assert "HEALTHCHECK" in (DEPLOY / "Dockerfile").read_text()
    assert shape["worker"]["healthcheck"] == {"disable": True}
    from clary.settings import load_settings

    example = (DEPLOY / "clary.env.example").read_text()
    given = dict(re.findall(r"^(?:# )?(CLARY_(?:DATABASE_URL|PROCESSES|JOBS))=(.+)$", example, re.MULTILINE))
    settings = load_settings(**{name.removeprefix("CLARY_").lower(): value for name, value in given.items()})
    assert (settings.database.startswith("postgres"), settings.processes > 1, settings.jobs) == (True, True, False)
    assert given["CLARY_DATABASE_URL"].startswith("postgresql://clary:")
    assert (shape["database"]["environment"]["POSTGRES_USER"], "@database:5432/" in given["CLARY_DATABASE_URL"]) == (
        "clary",
        True,
    )


def test_the_example_of_settings_starts_when_it_is_filled_in() -> None:
    lines = (DEPLOY / "clary.env.example").read_text().splitlines()
    given = dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))
    values = {name.removeprefix("CLARY_").lower(): value for name, value in given.items()}
    from clary.settings import load_settings

    settings = load_settings(**values, bootstrap_admin_password="long-enough-4711")
    assert settings.is_production
    # The image asks for its own health, under no other name than the address.
    asked = re.search(r"HEALTHCHECK[^#]+?http://([^:/]+)", (DEPLOY / "Dockerfile").read_text(), re.DOTALL)
    assert asked is not None
    rules = edge_rules(settings)
    assert [rules.allows_host(host) for host in (asked[1], settings.public_host or "", "evil.example")] == [
        True,
        True,
        False,
    ]
