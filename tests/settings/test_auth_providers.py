"""`CLARY_AUTH_PROVIDERS` at start (platform.md 5.3, 13): what is read, and one line for what is wrong."""

import json
from pathlib import Path
from typing import Any

import pytest

from clary.settings import Settings, SettingsError, load_settings, sources

PLACE = "https://login.example.com/.well-known/openid-configuration"
CORP = {"id": "corp", "discovery_url": PLACE, "client_id": "c"}
HUB = {
    "id": "hub",
    "type": "oauth2",
    "client_id": "c",
    "authorize_url": "https://hub.example/authorize",
    "token_url": "https://hub.example/token",
    "userinfo_url": "https://hub.example/user",
}
SECRET = "MARK-of-a-secret"


def without(entry: dict[str, Any], key: str) -> dict[str, Any]:
    return {name: value for name, value in entry.items() if name != key}


def read(*entries: dict[str, Any], **values: Any) -> Settings:
    return load_settings(auth_providers=json.dumps(list(entries)), **values)


FAULTS: list[tuple[Any, str]] = [
    ("[{", "is not valid JSON"),
    ("{}", "must be a JSON array"),
    ([1], "entry 1 must be an object"),
    ([CORP, CORP], "entry 2: its id is used twice"),
    ([{**CORP, "id": "Corp"}], "entry 1: id must be up to 32 lower-case letters, digits and inner hyphens"),
    ([{**CORP, "id": "-a"}], "entry 1: id must be up to 32 lower-case letters, digits and inner hyphens"),
    ([{**CORP, "id": "a" * 33}], "entry 1: id must be up to 32 lower-case letters, digits and inner hyphens"),
    ([without(CORP, "id")], "entry 1: an id, or a name with letters or digits, is required"),
    ([{**CORP, "id": "native"}], "entry 1: this id has a meaning of its own"),
    ([{**CORP, "type": "native"}], "entry 1: type: Input should be 'oidc' or 'oauth2'"),
    ([{**CORP, "default": True}, {**HUB, "default": True}], "more than one entry is the default"),
    ([without(CORP, "client_id")], "entry 1: client_id: Field required"),
    ([without(CORP, "discovery_url")], "entry 1: discovery_url or issuer is required"),
    ([{**CORP, "token_url": "https://x.example/"}], "entry 1: token_url belongs to the type oauth2 only"),
    ([{**CORP, "emails_url": "https://x.example/"}], "entry 1: emails_url belongs to the type oauth2 only"),
    ([without(HUB, "authorize_url")], "entry 1: authorize_url is required"),
    ([without(HUB, "token_url")], "entry 1: token_url is required"),
    ([without(HUB, "userinfo_url")], "entry 1: userinfo_url is required"),
    ([{**CORP, "discovery_url": "http://login.example.com/x"}], "corp: discovery_url must be https"),
    ([{**CORP, "discovery_url": "ftp://x"}], "entry 1: discovery_url: must be an http or https address"),
    ([{**CORP, "alowed_domains": "example.org"}], "entry 1: alowed_domains: Extra inputs are not permitted"),
    ([{**CORP, "enabled": "perhaps"}], "entry 1: enabled: must be one of true, false, 1, 0, yes, no, on, off"),
    (
        [{**CORP, "client_secret": SECRET, "client_secret_file": "/x"}],
        "entry 1: client_secret and client_secret_file are both given; keep one of them",
    ),
]


@pytest.mark.parametrize("mode", ["native", "oauth"])
@pytest.mark.parametrize(("value", "reason"), FAULTS)
def test_a_wrong_entry_stops_the_start_in_every_mode_with_one_line(mode: Any, value: Any, reason: str) -> None:
    text = value if isinstance(value, str) else json.dumps(value)
    with pytest.raises(SettingsError) as caught:
        load_settings(auth_mode=mode, auth_providers=text)
    assert str(caught.value) == f"CLARY_AUTH_PROVIDERS: {reason}"
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize("entries", [[], [{**CORP, "enabled": False}]])
def test_mode_oauth_needs_an_enabled_entry(entries: list[dict[str, Any]]) -> None:
    assert read(*entries).auth_mode == "native"
    with pytest.raises(SettingsError, match="CLARY_AUTH_PROVIDERS: has no enabled entry, which mode oauth needs"):
        read(*entries, auth_mode="oauth")


def test_an_entry_gets_its_defaults_and_an_id_from_its_name() -> None:
    first, second = read(
        {"name": "Corp (SSO)!", "issuer": "https://login.example.com/", "client_id": "c", "admin_subjects": [7]},
        {**HUB, "allowed_domains": "@Example.org, b.example", "admin_emails": ["Boss@Example.org"]},
    ).auth_providers
    assert (first.id, first.name, first.discovery_url) == ("corp-sso", "Corp (SSO)!", PLACE)
    assert (first.scope, first.admin_values, first.admin_subjects) == ("openid profile email", ("admin",), ("7",))
    assert (first.links_by_email, first.allows_signup, first.trusts_email, first.signs_out) == (
        True,
        True,
        False,
        False,
    )
    assert (second.name, second.protocol, second.scope, second.client_secret) == ("hub", "oauth2", "", None)
    assert (second.allowed_domains, second.admin_emails) == (("example.org", "b.example"), ("boss@example.org",))


def test_http_is_for_this_machine_and_listed_hosts() -> None:
    inside = {**CORP, "discovery_url": "http://sso.internal:8080/x"}
    assert read({**CORP, "discovery_url": "http://127.0.0.1:9/x"}).auth_providers[0].id == "corp"
    assert read(inside, outbound_allow="sso.internal").auth_providers[0].id == "corp"
    with pytest.raises(SettingsError):
        read(inside, outbound_allow="other.internal")


def test_a_secret_may_lie_in_a_file_and_is_never_shown(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text(SECRET + "\n")
    (tmp_path / "providers.json").write_text(json.dumps([{**CORP, "client_secret_file": str(tmp_path / "secret")}]))
    settings = load_settings(auth_providers=f"@{tmp_path / 'providers.json'}")
    assert settings.auth_providers[0].client_secret == SECRET
    assert SECRET in settings.secrets()
    assert SECRET not in repr(settings)
    shown = {line.variable: line.shown for line in sources(settings)}
    assert shown["CLARY_AUTH_PROVIDERS"] == "corp"
    with pytest.raises(SettingsError, match="entry 1: client_secret_file: the file cannot be read"):
        read({**CORP, "client_secret_file": str(tmp_path / "none")})
