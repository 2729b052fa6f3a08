"""Combinations that may not start (last table of platform.md 13)."""

from collections.abc import Iterator
from importlib.util import find_spec

from clary.settings.environment import SettingsError
from clary.settings.model import Settings
from clary.settings.prices import NO_RATE
from clary.settings.providers import unsafe_address
from clary.settings.values import is_loopback

SHORTEST_PRODUCTION_PASSWORD = 12


def require_consistent(settings: Settings) -> None:
    """Judges what single values cannot tell.

    Raises:
        SettingsError: the first combination that may not start.
    """
    for variable, reason in _faults(settings):
        raise SettingsError(variable, reason)


def _faults(settings: Settings) -> Iterator[tuple[str, str]]:
    yield from _not_yet(settings)
    yield from _incomplete_groups(settings)
    yield from _money(settings)
    yield from _mail(settings)
    yield from _providers(settings)
    yield from _bucket(settings)
    yield from _knowledge(settings)
    if settings.default_max_loop_count > settings.max_loop_count:
        yield "CLARY_DEFAULT_MAX_LOOP_COUNT", "must not be larger than CLARY_MAX_LOOP_COUNT"
    if settings.is_production:
        yield from _production(settings)


def _not_yet(settings: Settings) -> Iterator[tuple[str, str]]:
    """What the settings know but this version cannot do."""
    if not settings.database.startswith(("sqlite:///", "postgresql://", "postgresql+asyncpg://")):
        yield "CLARY_DATABASE_URL", "must start with sqlite:/// or postgresql://"
    if settings.processes > 1 and settings.database.startswith("sqlite"):
        yield "CLARY_PROCESSES", "more than one process needs PostgreSQL"


def _incomplete_groups(settings: Settings) -> Iterator[tuple[str, str]]:
    group = {
        "CLARY_DEFAULT_LLM_API_KEY": settings.default_llm_api_key,
        "CLARY_DEFAULT_LLM_API_BASE_URL": settings.default_llm_api_base_url,
        "CLARY_DEFAULT_LLM_MODEL_NAME": settings.default_llm_model_name,
    }
    if any(value is not None for value in group.values()):
        for variable, value in group.items():
            if value is None:
                yield variable, "is missing; the API key, base URL and model name belong together"


def _bucket(settings: Settings) -> Iterator[tuple[str, str]]:
    if settings.object_store != "s3":
        return
    needed = {
        "CLARY_S3_BUCKET": settings.s3_bucket,
        "CLARY_S3_ACCESS_KEY": settings.s3_access_key,
        "CLARY_S3_SECRET_KEY": settings.s3_secret_key,
    }
    for variable, value in needed.items():
        if value is None:
            yield variable, "is required with CLARY_OBJECT_STORE=s3"


def _money(settings: Settings) -> Iterator[tuple[str, str]]:
    prices = settings.default_llm_prices
    if prices is not None and prices["currency"] not in settings.priced_currencies:
        yield "CLARY_DEFAULT_LLM_PRICES", NO_RATE
    for budget in settings.budgets.values():
        if budget["currency"] and budget["currency"] not in settings.priced_currencies:
            yield "CLARY_BUDGETS", NO_RATE
    try:
        settings.price_list  # noqa: B018  (read here, so that a wrong file stops the start)
    except ValueError as error:
        yield "CLARY_PRICES_FILE", str(error)


def _providers(settings: Settings) -> Iterator[tuple[str, str]]:
    for provider in settings.auth_providers:
        name = unsafe_address(provider, settings.outbound_allow)
        if name is not None:
            yield "CLARY_AUTH_PROVIDERS", f"{provider.id}: {name} must be https"
    if settings.auth_mode == "oauth" and not any(each.is_enabled for each in settings.auth_providers):
        yield "CLARY_AUTH_PROVIDERS", "has no enabled entry, which mode oauth needs"


def _knowledge(settings: Settings) -> Iterator[tuple[str, str]]:
    if settings.embedding == "provider" and settings.embedding_base_url is None:
        yield "CLARY_EMBEDDING_BASE_URL", "is required with CLARY_EMBEDDING=provider"
    if settings.embedding == "embedded" and not settings.has_embedding_weights:
        yield "CLARY_EMBEDDING", "embedded needs weights, and there are none"
    if settings.reranker == "provider" and settings.reranker_base_url is None:
        yield "CLARY_RERANKER_BASE_URL", "is required with CLARY_RERANKER=provider"
    if settings.ocr == "on" and settings.ocr_program is None:
        yield "CLARY_OCR", "on needs an engine, and none is installed (tesseract-ocr)"
    if settings.search_index == "milvus" and settings.milvus_uri is None:
        yield "CLARY_MILVUS_URI", "is required with CLARY_SEARCH_INDEX=milvus"
    if settings.search_index == "milvus" and find_spec("pymilvus") is None:
        yield "CLARY_SEARCH_INDEX", "milvus needs the package pymilvus: install clary[milvus]"


def _mail(settings: Settings) -> Iterator[tuple[str, str]]:
    if settings.smtp_host is not None and settings.mail_from is None:
        yield "CLARY_MAIL_FROM", "is required with CLARY_SMTP_HOST"
    if (settings.smtp_username is None) != (settings.smtp_password is None):
        missing = "CLARY_SMTP_USERNAME" if settings.smtp_username is None else "CLARY_SMTP_PASSWORD"
        yield missing, "is missing; the user name and password of the mail server belong together"
    is_plain = settings.smtp_security == "none" and settings.smtp_password is not None
    if settings.is_production and is_plain and not is_loopback(settings.smtp_host or ""):
        yield "CLARY_SMTP_SECURITY", "must not be none in production while a password is sent"


def _production(settings: Settings) -> Iterator[tuple[str, str]]:
    host = settings.public_host
    if host is None:
        yield "CLARY_PUBLIC_URL", "is required in production"
    elif not settings.is_https and not is_loopback(host):
        yield "CLARY_PUBLIC_URL", "must be https in production"
    if settings.cookie_secure is False and settings.is_https:
        yield "CLARY_COOKIE_SECURE", "must not be off when the public URL is https"
    password = settings.bootstrap_admin_password
    if password is not None and len(password.get_secret_value()) < SHORTEST_PRODUCTION_PASSWORD:
        yield (
            "CLARY_BOOTSTRAP_ADMIN_PASSWORD",
            f"needs at least {SHORTEST_PRODUCTION_PASSWORD} characters in production",
        )
    if settings.database.startswith("postgresql") and settings.secret_key is None:
        yield "CLARY_SECRET_KEY", "is required with PostgreSQL in production"
