"""The fields of the settings and where their values come from."""

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, SecretStr
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from clary.settings.clients import ClientsValue, OAuthScopes
from clary.settings.environment import Given, given_values, process_layers
from clary.settings.prices import BudgetsValue, NameMap, PricesValue, RatesValue, SecretMap
from clary.settings.providers import AuthProviders
from clary.settings.values import (
    Addresses,
    BaseAddress,
    CommaList,
    Currency,
    EmptyIsNone,
    HeaderName,
    Hosts,
    Issuer,
    KeyPrefix,
    MailSender,
    Origins,
    Outbound,
    PathPrefix,
    PublicUrl,
    Repository,
    SearchOrder,
    SecretKey,
    SecretKeys,
    Switch,
    TimeZone,
    UrlStart,
    WebAddress,
)

KEEPS_EMPTY = frozenset(
    {f"trusted_proxy_{name}_header" for name in ("user", "email", "name", "groups", "role")}
    | {"releases_tag_prefix"}
    | {"allowed_hosts", "forwarded_allow_ips", "cors_allowed_origins", "outbound_allow", "api_prefix", "web_base_path"}
    | {f"default_llm_{name}" for name in ("temperature", "top_p", "presence_penalty", "max_tokens", "max_model_len")}
)
"""Fields for which the empty text is a value of its own; for all others it means "not set"."""

Absolute = Annotated[Path, AfterValidator(lambda path: path.expanduser().absolute())]
Ratio = Annotated[float, Field(ge=0, le=1)]


class VariableSource(PydanticBaseSettingsSource):
    """The variables of the process, its `.env` and `<NAME>_FILE`."""

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[Any, str, bool]:
        """Part of the base class; values are read together in `__call__`."""
        raise NotImplementedError

    def __call__(self) -> dict[str, Any]:
        """Field name → text."""
        return {name: given.text for name, given in read_given(self.settings_cls).items()}


def read_given(settings_class: type[BaseSettings]) -> dict[str, Given]:
    """What was set, without empty texts that mean "not set"."""
    given = given_values(settings_class.model_fields, process_layers())
    return {name: each for name, each in given.items() if each.text.strip() or name in KEEPS_EMPTY}


class SettingFields(BaseSettings):
    """Flat and typed. Values given in code win over variables, which tests rely on."""

    model_config = SettingsConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    # Server
    env: Literal["development", "production"] = "development"
    host: str = "127.0.0.1"
    port: int = Field(default=8000, ge=0, le=65535)
    unix_socket: Path | None = None
    processes: int = Field(default=1, ge=1)
    data_dir: Absolute = Field(default=Path("data"), validate_default=True)
    database_url: SecretStr | None = None
    database_pool: int = Field(default=10, ge=1, le=200)
    secret_key: SecretKey | None = None
    secret_key_old: SecretKeys | None = None
    public_url: PublicUrl | None = None
    api_prefix: PathPrefix = ""
    web_base_path: PathPrefix = ""
    allowed_hosts: Hosts = ()
    forwarded_allow_ips: Addresses = ("127.0.0.1", "::1")
    cors_allowed_origins: Origins = ()
    cookie_secure: Switch | None = None
    console: Switch = True
    api_docs: Switch = True
    outbound_allow: Outbound = ()
    instance_name: str = Field(default="Clary", min_length=1, max_length=64)
    timezone: TimeZone = "UTC"
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    log_format: Literal["auto", "text", "json"] = "auto"
    shutdown_seconds: int = Field(default=15, ge=1, le=300)

    # Identity
    auth_mode: Literal["native", "trusted_proxy", "oauth"] = "native"
    auth_providers: AuthProviders = ()
    trusted_identity_proxy_ips: Addresses = ()
    trusted_proxy_user_header: HeaderName = Field(default="X-Clary-User", min_length=1)
    trusted_proxy_email_header: HeaderName = "X-Clary-Email"
    trusted_proxy_name_header: HeaderName = "X-Clary-Name"
    trusted_proxy_groups_header: HeaderName = "X-Clary-Groups"
    trusted_proxy_role_header: HeaderName = "X-Clary-Role"
    trusted_proxy_role: Switch = False
    trusted_proxy_admin_groups: CommaList = ()
    trusted_proxy_group_map: NameMap = Field(default={})
    trusted_proxy_group_create: Switch = False
    trusted_proxy_logout_url: WebAddress | None = None
    allow_registration: Switch = False
    registration_domains: CommaList = ()
    oauth2_clients: ClientsValue = Field(default=())
    oauth2_issuer: Issuer | None = None
    oauth2_access_token_expires_in: int = Field(default=3600, ge=60, le=86_400)
    oauth2_allow_plain_pkce: Switch = False
    oauth2_dynamic_registration: Switch = False
    oauth2_registration_scopes: OAuthScopes = ("openid", "profile", "email", "read", "chat", "mcp")
    bootstrap_admin_username: str = Field(default="admin", min_length=1, max_length=64)
    bootstrap_admin_password: SecretStr | None = None
    bootstrap_admin_email: str | None = Field(default=None, max_length=254)
    user_directory: Literal["all", "groups", "self"] = "all"
    api_key_max_days: int = Field(default=0, ge=0, le=36_500)
    audit_days: int = Field(default=0, ge=0, le=36_500)

    # Mail
    smtp_host: str | None = Field(default=None, max_length=255)
    smtp_port: int = Field(default=587, ge=1, le=65535)
    smtp_security: Literal["starttls", "tls", "none"] = "starttls"
    smtp_username: str | None = Field(default=None, max_length=320)
    smtp_password: SecretStr | None = None
    smtp_timeout_seconds: float = Field(default=15, gt=0, le=300)
    mail_from: MailSender | None = None
    mail_reply_to: MailSender | None = None

    # Models, money
    default_llm_api_key: SecretStr | None = None
    default_llm_api_base_url: str | None = Field(default=None, max_length=2048)
    default_llm_model_name: str | None = Field(default=None, max_length=255)
    default_llm_max_tokens: Annotated[int | None, EmptyIsNone] = Field(default=4096, ge=1, le=10_000_000)
    default_llm_max_model_len: Annotated[int | None, EmptyIsNone] = Field(default=54_000, ge=1024, le=100_000_000)
    default_llm_temperature: Annotated[float | None, EmptyIsNone] = Field(default=0.2, ge=0, le=2)
    default_llm_top_p: Annotated[float | None, EmptyIsNone] = Field(default=0.9, ge=0, le=1)
    default_llm_presence_penalty: Annotated[float | None, EmptyIsNone] = Field(default=0.0, ge=-2, le=2)
    default_llm_multimodal: Switch = False
    default_llm_prices: PricesValue | None = None
    demo_model: Switch | None = None
    currency: Currency = "USD"
    currency_rates: RatesValue = Field(default={})
    prices_file: Absolute | None = None
    unpriced_models: Literal["allow", "refuse"] = "allow"
    budgets: BudgetsValue = Field(default={})
    usage_days: int = Field(default=0, ge=0, le=36_500)

    # Runs and streams (stream-runtime.md 13)
    run_log_ttl_hours: int = Field(default=24, ge=1, le=8760)
    stream_heartbeat_seconds: float = Field(default=15, gt=0, le=300)
    disconnect_grace_seconds: float = Field(default=0, ge=0, le=86_400)
    reconnect_window_seconds: float = Field(default=30, ge=0, le=3600)
    run_lease_seconds: float = Field(default=15, ge=1, le=600)
    run_max_seconds: int = Field(default=21_600, ge=1, le=604_800)
    jobs: Switch = True
    max_active_runs: int = Field(default=1000, ge=1, le=100_000)
    max_active_runs_per_user: int = Field(default=8, ge=1, le=10_000)
    max_views_per_run: int = Field(default=20, ge=1, le=10_000)
    max_child_depth: int = Field(default=4, ge=0, le=16)
    max_parallel_children: int = Field(default=8, ge=1, le=64)
    max_children_per_run: int = Field(default=50, ge=0, le=1000)
    default_max_loop_count: int = Field(default=50, ge=1, le=10_000)
    max_loop_count: int = Field(default=200, ge=1, le=10_000)
    tool_result_max_tokens: int = Field(default=12_000, ge=100, le=1_000_000)
    context_history_ratio: Ratio = 0.2
    context_active_ratio: Ratio = 0.3
    context_max_new_message_ratio: Ratio = 0.5
    context_recent_turns: int = Field(default=0, ge=0, le=1000)
    context_compression_threshold: float = Field(default=0.8, gt=0, le=1)
    tool_approval_mode: Literal["auto", "risky", "always"] = "auto"
    sandbox: Switch = True
    sandbox_cpu_seconds: int = Field(default=300, ge=1, le=86_400)
    sandbox_memory_mb: int = Field(default=4096, ge=64, le=1_048_576)

    # Tools with outside services (product.md 9)
    search_searxng_url: WebAddress | None = None
    search_brave_api_key: SecretStr | None = None
    search_tavily_api_key: SecretStr | None = None
    search_serpapi_api_key: SecretStr | None = None
    search_serpapi_url: WebAddress | None = None
    search_order: SearchOrder = ("searxng", "brave", "tavily", "serpapi")
    search_per_minute: int = Field(default=30, ge=1, le=10_000)
    fetch_max_mb: int = Field(default=10, ge=1, le=1024)
    fetch_timeout_seconds: float = Field(default=20, gt=0, le=300)
    tools_exec_per_minute: int = Field(default=60, ge=1, le=100_000)
    tools_exec_parallel: int = Field(default=4, ge=1, le=1000)

    # Workspaces, uploads, agents, sharing (product.md 9)
    workspace_dir: Absolute | None = None
    upload_max_mb: int = Field(default=100, ge=1, le=10_240)
    workspace_quota_mb: int = Field(default=2048, ge=0, le=10_485_760)
    workspace_max_entries: int = Field(default=50_000, ge=1, le=10_000_000)
    workspace_grace_days: int = Field(default=30, ge=0, le=3650)
    max_agents_per_user: int = Field(default=500, ge=1, le=100_000)
    share_mode: Literal["explicit", "link"] = "explicit"
    skill_approval: Literal["scan", "owner", "admin"] = "scan"
    skill_archive_max_mb: int = Field(default=20, ge=1, le=1024)
    max_skills_per_user: int = Field(default=200, ge=0, le=100_000)
    max_skills_per_agent: int = Field(default=100, ge=0, le=100_000)
    skill_url_import: Switch = True

    # Stored files, releases (platform.md 13)
    object_store: Literal["file", "s3"] = "file"
    object_links: Literal["signed", "login"] = "signed"
    s3_endpoint: WebAddress | None = None
    s3_region: str = Field(default="us-east-1", min_length=1, max_length=64)
    s3_bucket: str | None = Field(default=None, max_length=255)
    s3_access_key: SecretStr | None = None
    s3_secret_key: SecretStr | None = None
    s3_path_style: Switch = True
    s3_prefix: KeyPrefix = ""
    s3_redirect: Switch = False
    files_quota_mb: int = Field(default=2048, ge=0, le=10_485_760)
    release_max_mb: int = Field(default=2048, ge=1, le=102_400)
    releases_github_repo: Repository | None = None
    releases_github_token: SecretStr | None = None
    releases_tag_prefix: str = Field(default="desktop-", max_length=64)
    updater_url_prefix: UrlStart = ""

    # Scheduled tasks (platform.md 15)
    scheduler: Switch = True
    tasks_max_per_user: int = Field(default=100, ge=0, le=100_000)
    tasks_min_interval_seconds: int = Field(default=60, ge=60, le=31_536_000)
    tasks_missed_hours: int = Field(default=24, ge=0, le=8760)
    tasks_history_days: int = Field(default=90, ge=1, le=3650)

    # Knowledge: embedding, reranker, index, documents (product.md 9)
    embedding: Literal["auto", "provider", "embedded", "none"] = "auto"
    embedding_base_url: WebAddress | None = None
    embedding_api_key: SecretStr | None = None
    embedding_model: str | None = Field(default=None, max_length=255)
    embedding_dims: int | None = Field(default=None, ge=32, le=4096)
    embedding_batch: int = Field(default=32, ge=1, le=64)
    embedding_timeout_seconds: float = Field(default=30, ge=1, le=300)
    embedding_path: Absolute | None = None
    reranker: Literal["auto", "provider", "none"] = "auto"
    reranker_base_url: WebAddress | None = None
    reranker_api_key: SecretStr | None = None
    reranker_model: str | None = Field(default=None, max_length=255)
    reranker_timeout_seconds: float = Field(default=3, ge=1, le=30)
    search_index: Literal["embedded", "milvus"] = "embedded"
    milvus_uri: WebAddress | None = None
    milvus_token: SecretStr | None = None
    ocr: Literal["auto", "on", "off"] = "auto"
    ocr_languages: str = Field(default="chi_sim+eng", pattern=r"^[A-Za-z_]{2,32}(\+[A-Za-z_]{2,32}){0,15}$")
    ocr_max_pages: int = Field(default=200, ge=1, le=10_000)
    ocr_timeout_seconds: float = Field(default=300, ge=1, le=3600)
    kb_file_max_mb: int = Field(default=100, ge=1, le=2048)
    kb_user_quota_mb: int = Field(default=10_240, ge=0, le=10_485_760)
    kb_max_per_user: int = Field(default=200, ge=0, le=100_000)
    kb_max_documents: int = Field(default=100_000, ge=1, le=10_000_000)
    kb_max_chars: int = Field(default=5_000_000, ge=1000, le=100_000_000)
    kb_max_pages: int = Field(default=5000, ge=1, le=1_000_000)
    kb_parse_seconds: float = Field(default=30, ge=1, le=600)
    kb_parse_memory_mb: int = Field(default=512, ge=128, le=65_536)
    kb_workers: int = Field(default=2, ge=0, le=64)
    kb_lease_seconds: int = Field(default=60, ge=15, le=600)
    kb_query_seconds: float = Field(default=10, ge=1, le=60)

    # MCP servers of users (product.md 9)
    mcp_stdio_allowlist: Absolute | None = None
    mcp_max_servers_per_user: int = Field(default=50, ge=0, le=10_000)
    mcp_max_tools: int = Field(default=200, ge=1, le=10_000)
    mcp_result_max_mb: int = Field(default=10, ge=1, le=1024)
    mcp_max_parallel_calls: int = Field(default=16, ge=1, le=1000)
    mcp_connect_seconds: float = Field(default=10, gt=0, le=300)
    mcp_list_seconds: float = Field(default=15, gt=0, le=600)
    mcp_call_seconds: float = Field(default=300, gt=0, le=86_400)

    # Observability
    jaeger_public_url: BaseAddress | None = None
    otlp_endpoint: WebAddress | None = None
    otlp_headers: SecretMap = Field(default={})
    trace_ratio: Ratio = 1.0
    trace_content: Switch = False
    run_timeline_days: int = Field(default=30, ge=1, le=365)
    metrics: Switch = True
    metrics_token: SecretStr | None = None
    metrics_allow_ips: Addresses = ()

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Our own source does what the framework's three would do, with the rules of platform.md 13."""
        return init_settings, VariableSource(settings_cls)
