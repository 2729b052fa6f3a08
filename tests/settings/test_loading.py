"""Where settings come from, and which are refused (platform.md 13, abuse case A41)."""

import base64
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from clary.settings import Settings, SettingsError, SourceLine, load_settings, setting_warnings, sources

KEY = bytes(range(32))


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The working directory decides which `.env` is read."""
    monkeypatch.chdir(tmp_path)


def refused(**values: Any) -> str:
    with pytest.raises(SettingsError) as caught:
        load_settings(**values)
    return str(caught.value)


def test_the_environment_wins_over_the_file_and_the_file_over_the_default(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / ".env").write_text("CLARY_PORT=1111\nCLARY_HOST='10.0.0.1'\n")
    monkeypatch.setenv("CLARY_PORT", "2222")
    settings = load_settings()
    assert (settings.port, settings.host, settings.timezone) == (2222, "10.0.0.1", "UTC")
    lines = {line.variable: line for line in sources(settings)}
    assert lines["CLARY_PORT"] == SourceLine("CLARY_PORT", "environment", "2222")
    assert lines["CLARY_HOST"] == SourceLine("CLARY_HOST", ".env", "10.0.0.1")
    assert lines["CLARY_TIMEZONE"] == SourceLine("CLARY_TIMEZONE", "default", "UTC")


def test_a_value_may_lie_in_a_file_but_not_in_both_places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "key").write_text(KEY.hex() + "\n")
    monkeypatch.setenv("CLARY_SECRET_KEY_FILE", str(tmp_path / "key"))
    settings = load_settings()
    assert settings.key_bytes == KEY
    assert SourceLine("CLARY_SECRET_KEY", "file", "set") in sources(settings)
    assert KEY.hex() not in repr(settings)
    monkeypatch.setenv("CLARY_SECRET_KEY", KEY.hex())
    assert refused() == "CLARY_SECRET_KEY: is given together with CLARY_SECRET_KEY_FILE; keep one of them"


@pytest.mark.parametrize("content", [b"\xff\xfe", b"x" * 1_048_577])
def test_a_value_file_that_is_no_short_text_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: bytes
) -> None:
    (tmp_path / "key").write_bytes(content)
    monkeypatch.setenv("CLARY_SECRET_KEY_FILE", str(tmp_path / "key"))
    assert refused().startswith("CLARY_SECRET_KEY_FILE: the file is")


@pytest.mark.parametrize(
    ("name", "text", "field", "value"),
    [
        ("CLARY_CONSOLE", "OFF", "console", False),
        ("CLARY_CONSOLE", "yes", "console", True),
        ("CLARY_COOKIE_SECURE", "1", "cookie_secure", True),
        ("CLARY_ALLOWED_HOSTS", "A.example, [::1]", "allowed_hosts", ("a.example", "::1")),
        ("CLARY_FORWARDED_ALLOW_IPS", "", "forwarded_allow_ips", ()),
        ("CLARY_FORWARDED_ALLOW_IPS", "10.0.0.0/8,unix", "forwarded_allow_ips", ("10.0.0.0/8", "unix")),
        ("CLARY_CORS_ALLOWED_ORIGINS", "https://a.example/", "cors_allowed_origins", ("https://a.example",)),
        ("CLARY_PUBLIC_URL", "https://a.example:443/", "public_url", "https://a.example"),
        ("CLARY_API_PREFIX", "/prod-api/", "api_prefix", "/prod-api"),
        ("CLARY_OUTBOUND_ALLOW", "h.example:8080,10.0.0.0/8,[::1]:80", "outbound_allow",
         ("h.example:8080", "10.0.0.0/8", "[::1]:80")),
        ("CLARY_DEFAULT_LLM_TEMPERATURE", "0", "default_llm_temperature", 0.0),
        ("CLARY_DEFAULT_LLM_TEMPERATURE", "", "default_llm_temperature", None),
        ("CLARY_PORT", "", "port", 8000),
        ("CLARY_MAX_ACTIVE_RUNS_PER_USER", "3", "max_active_runs_per_user", 3),
    ],
)  # fmt: skip
def test_values_are_read_as_people_write_them(
    monkeypatch: pytest.MonkeyPatch, name: str, text: str, field: str, value: object
) -> None:
    monkeypatch.setenv(name, text)
    assert getattr(load_settings(), field) == value


@pytest.mark.parametrize("text", [KEY.hex(), base64.b64encode(KEY).decode(), base64.urlsafe_b64encode(KEY).decode()])
def test_a_secret_key_is_hex_or_base64(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setenv("CLARY_SECRET_KEY", text)
    monkeypatch.setenv("CLARY_SECRET_KEY_OLD", f"{text},{'00' * 32}")
    settings = load_settings()
    assert (settings.key_bytes, settings.old_key_bytes) == (KEY, (KEY, bytes(32)))


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("CLARY_PORT", "nonsense"),
        ("CLARY_PORT", "70000"),
        ("CLARY_ENV", "nonsense"),
        ("CLARY_CONSOLE", "nonsense"),
        ("CLARY_SECRET_KEY", "nonsense"),
        ("CLARY_SECRET_KEY_OLD", "nonsense"),
        ("CLARY_PUBLIC_URL", "nonsense"),
        ("CLARY_PUBLIC_URL", "https://nonsense.example/path"),
        ("CLARY_PUBLIC_URL", "https://user:nonsense@host"),
        ("CLARY_PUBLIC_URL", "ftp://nonsense"),
        ("CLARY_API_PREFIX", "nonsense"),
        ("CLARY_API_PREFIX", "/non sense"),
        ("CLARY_ALLOWED_HOSTS", "nonsense/x"),
        ("CLARY_FORWARDED_ALLOW_IPS", "127.0.0.1,nonsense"),
        ("CLARY_CORS_ALLOWED_ORIGINS", "nonsense"),
        ("CLARY_OUTBOUND_ALLOW", "nonsense:port"),
        ("CLARY_TIMEZONE", "Nonsense/Nowhere"),
        ("CLARY_LOG_LEVEL", "nonsense"),
        ("CLARY_SHUTDOWN_SECONDS", "0"),
        ("CLARY_TRUSTED_IDENTITY_PROXY_IPS", "127.0.0.1,nonsense"),
        ("CLARY_TRUSTED_PROXY_USER_HEADER", "X_nonsense"),
        ("CLARY_TRUSTED_PROXY_GROUP_MAP", '{"a": ["nonsense"]}'),
        ("CLARY_TRUSTED_PROXY_LOGOUT_URL", "nonsense"),
        ("CLARY_SMTP_SECURITY", "nonsense"),
        ("CLARY_SMTP_PORT", "nonsense"),
        ("CLARY_MAIL_FROM", "nonsense"),
        ("CLARY_OAUTH2_ISSUER", "http://nonsense.example"),
        ("CLARY_OAUTH2_ACCESS_TOKEN_EXPIRES_IN", "59"),
        ("CLARY_OAUTH2_REGISTRATION_SCOPES", "openid,admin,nonsense"),
        ("CLARY_CURRENCY", "nonsense"),
        ("CLARY_CURRENCY_RATES", "nonsense"),
        ("CLARY_CURRENCY_RATES", "@nonsense"),
        ("CLARY_CURRENCY_RATES", '["nonsense"]'),
        ("CLARY_CURRENCY_RATES", '{"nonsense": 1}'),
        ("CLARY_CURRENCY_RATES", '{"CNY": "nonsense"}'),
        ("CLARY_CURRENCY_RATES", '{"CNY": 0}'),
        ("CLARY_CURRENCY_RATES", '{"CNY": NaN}'),
        ("CLARY_DEFAULT_LLM_PRICES", "nonsense"),
        ("CLARY_DEFAULT_LLM_PRICES", '{"currency": "USD", "input": "nonsense", "output": 1}'),
        ("CLARY_DEFAULT_LLM_PRICES", '{"currency": "USD", "input": 1}'),
        ("CLARY_DEFAULT_LLM_PRICES", '{"currency": "EUR", "input": 1, "output": 1}'),
        ("CLARY_PRICES_FILE", "nonsense.json"),
        ("CLARY_CONTEXT_HISTORY_RATIO", "nonsense"),
        ("CLARY_DEFAULT_LLM_TOP_P", "2"),
        ("CLARY_RUN_LEASE_SECONDS", "nan"),
        ("CLARY_AUTH_MODE", "nonsense"),
        ("CLARY_DATABASE_URL", "mysql://nonsense"),
        ("CLARY_PROCESSES", "2"),
        ("CLARY_MAX_LOOP_COUNT", "10"),
    ],
)
def test_nonsense_is_one_line_that_never_shows_the_value(monkeypatch: pytest.MonkeyPatch, name: str, text: str) -> None:
    monkeypatch.setenv(name, text)
    line = refused()
    assert line.startswith(f"{name}: ") or (name, line.split(":")[0]) == (
        "CLARY_MAX_LOOP_COUNT",
        "CLARY_DEFAULT_MAX_LOOP_COUNT",
    )
    assert "\n" not in line
    assert "onsense" not in line


def test_the_default_provider_is_given_whole_or_not_at_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLARY_DEFAULT_LLM_API_KEY", "sk-secret-secret")
    assert refused().startswith("CLARY_DEFAULT_LLM_API_BASE_URL: is missing")


def test_scans_are_read_where_an_engine_is_and_demanded_in_vain_where_none_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert load_settings().ocr_program is None
    assert refused(ocr="on") == "CLARY_OCR: on needs an engine, and none is installed (tesseract-ocr)"
    engine = tmp_path / "tesseract"
    engine.write_text("#!/bin/sh\n")
    engine.chmod(0o755)
    assert (load_settings().ocr_program, load_settings(ocr="on").ocr_program) == (str(engine), str(engine))
    assert load_settings(ocr="off").ocr_program is None


def test_what_belongs_together_for_mail_is_given_whole() -> None:
    assert refused(smtp_host="mail.example.org") == "CLARY_MAIL_FROM: is required with CLARY_SMTP_HOST"
    assert refused(smtp_username="clary").startswith("CLARY_SMTP_PASSWORD: is missing")
    assert refused(smtp_password="secret").startswith("CLARY_SMTP_USERNAME: is missing")


MAIL = {"smtp_host": "mail.example.org", "mail_from": "Clary <clary@example.org>", "smtp_security": "none"}


@pytest.mark.parametrize(
    ("values", "variable"),
    [
        ({**MAIL, "smtp_username": "clary", "smtp_password": "secret"}, "CLARY_SMTP_SECURITY"),
        ({"public_url": None}, "CLARY_PUBLIC_URL"),
        ({"public_url": "http://clary.example.org"}, "CLARY_PUBLIC_URL"),
        ({"cookie_secure": False}, "CLARY_COOKIE_SECURE"),
        ({"bootstrap_admin_password": "elevenchars"}, "CLARY_BOOTSTRAP_ADMIN_PASSWORD"),
    ],
)
def test_production_is_stricter(values: dict[str, Any], variable: str) -> None:
    good: dict[str, Any] = {"env": "production", "public_url": "https://clary.example.org"}
    load_settings(**good)
    load_settings(env="production", public_url="http://127.0.0.1:8000")
    assert refused(**{**good, **values}).split(":")[0] == variable


def test_the_demo_model_is_off_in_production_unless_wanted() -> None:
    production: dict[str, Any] = {"env": "production", "public_url": "https://clary.example.org"}
    assert load_settings().demo_model_on is True
    assert load_settings(**production).demo_model_on is False
    assert load_settings(**production, demo_model=True).demo_model_on is True


def test_an_unknown_name_gets_one_warning_with_its_nearest_neighbour(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = load_settings()
    monkeypatch.setenv("CLARY_DATA_DRI", "/x")
    monkeypatch.setenv("CLARY_XQZ", "1")
    monkeypatch.setenv("CLARY_PORT_FILE", "/nowhere")
    assert setting_warnings(settings) == [
        "CLARY_DATA_DRI: unknown setting, ignored; did you mean CLARY_DATA_DIR?",
        "CLARY_XQZ: unknown setting, ignored; did you mean CLARY_SANDBOX?",
    ]


def test_a_proxy_mode_that_trusts_nobody_gets_a_warning() -> None:
    warned = setting_warnings(load_settings(auth_mode="trusted_proxy"))
    assert warned == ["CLARY_TRUSTED_IDENTITY_PROXY_IPS: is empty, so that no proxy is trusted"]
    assert setting_warnings(load_settings(auth_mode="trusted_proxy", trusted_identity_proxy_ips=("unix",))) == []


PRICES = '{"currency": "CNY", "input": 2.5, "output": 8, "unknown": 1}'
WIRE = {"currency": "CNY", "per": 1_000_000, "input": 2.5, "output": 8}


def test_prices_and_rates_are_json_or_lie_in_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "rates.json").write_text('{"CNY": 0.14, "JPY": 1}')
    (tmp_path / "prices.json").write_text(f'{{"m-*": {PRICES}}}')
    monkeypatch.setenv("CLARY_CURRENCY_RATES", f"@{tmp_path / 'rates.json'}")
    monkeypatch.setenv("CLARY_DEFAULT_LLM_PRICES", PRICES)
    monkeypatch.setenv("CLARY_PRICES_FILE", "prices.json")
    settings = load_settings()
    assert settings.currency_rates == {"CNY": Decimal("0.14"), "JPY": Decimal(1)}
    assert settings.default_llm_prices == WIRE
    assert settings.price_list == {"m-*": WIRE}


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("[]", "must hold one JSON object"),
        ('{"m": ', "is not valid JSON"),
        ('{"m": 1}', "entry 1: must be an object"),
        ('{"m": {"currency": "USD", "input": 1, "output": -1}}', "entry 1: output: "),
        ('{"m": {"currency": "USD", "input": 1, "output": 0.0000001}}', "entry 1: output: "),
        (f'{{"m": {PRICES}}}', "entry 1: no rate for its currency is in CLARY_CURRENCY_RATES"),
    ],
)
def test_a_price_file_that_is_wrong_stops_the_start(tmp_path: Path, content: str, reason: str) -> None:
    (tmp_path / "prices.json").write_text(content)
    assert refused(prices_file=tmp_path / "prices.json").startswith(f"CLARY_PRICES_FILE: {reason}")


def test_a_bucket_needs_its_name_and_keys() -> None:
    given: dict[str, Any] = {"object_store": "s3"}
    for name in ("s3_bucket", "s3_access_key", "s3_secret_key"):
        assert refused(**given) == f"CLARY_{name.upper()}: is required with CLARY_OBJECT_STORE=s3"
        given[name] = "given-value"
    settings = load_settings(**given)
    shown = {line.variable: line.shown for line in sources(settings)}
    assert (shown["CLARY_S3_ACCESS_KEY"], shown["CLARY_S3_SECRET_KEY"]) == ("set", "set")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("object_store", "ftp"),
        ("object_links", "open"),
        ("s3_endpoint", "store.example.com"),
        ("s3_prefix", "a/../b"),
        ("s3_prefix", "a b"),
        ("releases_github_repo", "owner"),
        ("releases_github_repo", "owner/../x"),
        ("releases_github_repo", "owner/.."),
        ("updater_url_prefix", "mirror"),
    ],
)
def test_nonsense_about_files_and_releases_is_refused(name: str, value: str) -> None:
    assert refused(**{name: value}).startswith(f"CLARY_{name.upper()}: ")


def test_a_secret_inside_a_value_is_neither_shown_nor_logged() -> None:
    client = {"client_id": "grafana", "client_secret": "hidden-client-secret", "redirect_uri": "https://g.example/cb"}
    settings = load_settings(
        otlp_headers='{"authorization": "hidden-header"}',
        oauth2_clients=[client],
        database_url="postgresql://clary:hidden%2Dpassword@db.example/clary",
        milvus_uri="https://root:hidden-milvus@milvus.example:19530/x?token=hidden-token",
        search_searxng_url="https://hidden-user@search.example/",
    )
    shown = {line.variable: line.shown for line in sources(settings)}
    assert shown["CLARY_OTLP_HEADERS"] == "authorization=set"
    assert shown["CLARY_OAUTH2_CLIENTS"] == "grafana"
    assert shown["CLARY_DATABASE_URL"] == "set"
    assert shown["CLARY_MILVUS_URI"] == "https://***@milvus.example:19530/x?***"
    assert shown["CLARY_SEARCH_SEARXNG_URL"] == "https://***@search.example/"
    assert {"hidden-header", "hidden-client-secret", "hidden-password", "hidden-milvus", "hidden-user"} <= set(
        settings.secrets()
    )


def test_no_setting_shows_the_password_of_an_address() -> None:
    address = "https://somebody:hidden-password@service.example/path"
    taken = 0
    for name in Settings.model_fields:
        try:
            settings = load_settings(**{name: address})
        except SettingsError:
            continue
        if isinstance(getattr(settings, name), Path):
            continue
        taken += 1
        assert "hidden" not in "".join(line.shown for line in sources(settings)), name
        assert "hidden-password" in settings.secrets(), name
    assert taken > 10


@pytest.mark.parametrize("entry", ["10.0.0", "999.1.1.1", "a..b", "host-", "256", "x" * 70, "host:", "[::1"])
def test_an_outbound_entry_that_the_guard_cannot_read_stops_the_start(entry: str) -> None:
    line = refused(outbound_allow=f"ok.example,{entry}")
    assert line == (
        "CLARY_OUTBOUND_ALLOW: every entry must be a host, an address or a CIDR block, with an optional :port"
    )


def test_what_the_outbound_guard_reads_may_be_listed() -> None:
    text = "ollama, 10.0.0.5:8080, 10.0.0.0/8, fd00::/8, [::1]:80, bücher.example"
    assert len(load_settings(outbound_allow=text).outbound_allow) == 6


@pytest.mark.parametrize(
    "address", ["https://jaeger.example/?x=1", "https://jaeger.example/#top", "https://j.example?"]
)
def test_the_address_of_jaeger_has_no_query(address: str) -> None:
    assert refused(jaeger_public_url=address) == (
        "CLARY_JAEGER_PUBLIC_URL: must be an http or https address without query"
    )
