"""Small parts that wiring puts together."""

import sys
from collections.abc import Callable

from clary.db.session import Session
from clary.errors import InvalidRequestError
from clary.features.agents.service import (
    AgentResolver,
)
from clary.features.llm_providers.service import (
    DefaultProvider,
    ProviderResolver,
)
from clary.features.system.service import LiveValues, SystemFacts
from clary.http.csrf import CsrfRule
from clary.http.middleware import EdgeRules
from clary.http.peers import AddressList
from clary.settings import Settings


def edge_rules(settings: Settings) -> EdgeRules:
    """What the operator decided about the edge (platform.md 2.4, 2.7)."""
    hosts, literal = frozenset(settings.allowed_hosts), False
    if not hosts and settings.is_production and settings.public_host is not None:
        hosts, literal = frozenset({settings.public_host, "localhost"}), True
    return EdgeRules(
        trusted_forwarders=AddressList(settings.forwarded_allow_ips),
        allowed_hosts=hosts,
        literal_hosts=literal,
        cors_origins=frozenset(settings.cors_allowed_origins),
        strict_transport=settings.is_https,
    )


def csrf_rule(settings: Settings) -> CsrfRule:
    """Own and listed origins (platform.md 2.5)."""
    return CsrfRule(settings.public_url, frozenset(settings.cors_allowed_origins) - {"*"})


def system_facts(settings: Settings, version: str) -> SystemFacts:
    """What never changes while the process runs (platform.md 9.1)."""
    return SystemFacts(
        version,
        settings.upload_max_mb,
        auth_mode=settings.auth_mode,
        can_mail=settings.smtp_host is not None,
    )


def live_values(settings: Settings) -> LiveValues:
    """What the settings that change while running start with: variables and defaults (platform.md 9.3)."""
    return LiveValues(
        allow_registration=settings.allow_registration,
        registration_domains=settings.registration_domains,
        instance_name=settings.instance_name,
        announcement="",
        user_directory=settings.user_directory,
        share_mode=settings.share_mode,
        outbound_allow=settings.outbound_allow,
        api_key_max_days=settings.api_key_max_days,
        max_active_runs_per_user=settings.max_active_runs_per_user,
        demo_model=settings.demo_model_on,
        skill_approval=settings.skill_approval,
    )


def default_provider(settings: Settings) -> DefaultProvider | None:
    """The provider of the environment, if all three parts are there (platform.md 8.1)."""
    key, url, model = settings.default_llm_api_key, settings.default_llm_api_base_url, settings.default_llm_model_name
    if key is None or not url or not model:
        return None
    return DefaultProvider(
        base_url=url.rstrip("/"),
        api_key=key.get_secret_value(),
        model=model,
        max_tokens=settings.default_llm_max_tokens,
        max_model_len=settings.default_llm_max_model_len,
        temperature=settings.default_llm_temperature,
        top_p=settings.default_llm_top_p,
        presence_penalty=settings.default_llm_presence_penalty,
        supports_multimodal=settings.default_llm_multimodal,
        prices=settings.default_llm_prices,
    )


class FirstSteps:
    """Fills accounts' `Onboarding` from providers and agents, which are made later than accounts."""

    def __init__(self, providers: Callable[[], ProviderResolver], agents: Callable[[], AgentResolver]) -> None:
        self._providers = providers
        self._agents = agents

    async def has_provider(self, db: Session, *, user_id: str) -> bool:
        """See the port."""
        return await self._providers().has_usable_provider(db, user_id=user_id)

    async def has_agent(self, db: Session, *, user_id: str) -> bool:
        """See the port."""
        return await self._agents().has_agent(db, user_id=user_id)


def announce_password(username: str, password: str) -> None:
    """Tells the first admin's password once, on the terminal and nowhere else (platform.md 4.5)."""
    print(f"\n  First sign-in: user {username}, one-time password {password}\n", file=sys.stderr, flush=True)  # noqa: T201


def culprit(problem: InvalidRequestError) -> str:
    """Which variable of the first admin a refusal is about."""
    return problem.slug.split("_")[0].upper()
