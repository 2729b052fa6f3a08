"""Small parts that wiring puts together."""

import sys
from collections.abc import Callable

from clary.db.database import Database
from clary.db.session import Session
from clary.errors import InvalidRequestError
from clary.features.accounts.ports import Heir
from clary.features.accounts.service import UserAdministration
from clary.features.agents.service import (
    AgentResolver,
)
from clary.features.api_keys.service import ApiKeyService
from clary.features.audit.service import Act, Actor, AuditLog, AuditObject
from clary.features.groups.service import GroupMemberships
from clary.features.llm_providers.ports import ProbeCall
from clary.features.llm_providers.service import (
    DefaultProvider,
    ProviderResolver,
)
from clary.features.permissions.service import Grants, Identity, Person, acting_with
from clary.features.usage.service import LedgerEntry, record
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


class VerificationLedger:
    """Fills providers' `ProbeLedger` from the ledger of usage, which stands beside them."""

    async def book(self, session: Session, call: ProbeCall) -> None:
        """See the port."""
        entry = LedgerEntry(
            at=call.at,
            user_id=call.user_id,
            request_source="other",
            step_name="provider_verify",
            provider_id=call.provider_id,
            model=call.model,
            input_tokens=call.usage.prompt_tokens,
            output_tokens=call.usage.completion_tokens,
            cached_tokens=call.usage.cached_tokens or 0,
            reasoning_tokens=call.usage.reasoning_tokens or 0,
            cost=call.cost,
            currency=call.currency,
            note=call.note,
            outcome="ok" if call.succeeded else "error",
            duration_ms=call.duration_ms,
        )
        await record(session, entry)


def announce_password(username: str, password: str) -> None:
    """Tells the first admin's password once, on the terminal and nowhere else (platform.md 4.5)."""
    print(f"\n  First sign-in: user {username}, one-time password {password}\n", file=sys.stderr, flush=True)  # noqa: T201


def culprit(problem: InvalidRequestError) -> str:
    """Which variable of the first admin a refusal is about."""
    return problem.slug.split("_")[0].upper()


class GrantsLeaving:
    """What was granted to a user who is deleted."""

    def __init__(self, database: Database, grants: Grants) -> None:
        self._database = database
        self._grants = grants

    async def let_go(self, *, user_id: str, heir: Heir) -> dict[str, int]:
        """See `OwnedThings`."""
        async with self._database.write() as db:
            return {"grants_deleted": await self._grants.forget_user(db, user_id=user_id)}


class PeopleAskedAbout:
    """People and their keys, for the question who may do what."""

    def __init__(self, administration: UserAdministration, groups: GroupMemberships, keys: ApiKeyService) -> None:
        self._administration = administration
        self._groups = groups
        self._keys = keys

    async def find_person(self, db: Session, *, account: str, key_id: str | None) -> Person | None:
        """See `PeopleSource`."""
        user = await self._administration.find_account(db, account=account)
        if user is None:
            return None
        groups = await self._groups.groups_of(db, user_id=user.user_id)
        identity = Identity(user.user_id, user.username, user.role, "access_token", group_ids=groups)
        if key_id is not None:
            limits = await self._keys.find_limits(db, user_id=user.user_id, key_id=key_id)
            if limits is None:
                return None
            identity = acting_with(identity, key_id=key_id, scopes=limits.scopes, agent_ids=limits.agent_ids)
        return Person(identity, user.is_active)


class AuditWitness:
    """Writes down who asked for whose permission."""

    def __init__(self, audit: AuditLog) -> None:
        self._audit = audit

    async def explained(self, db: Session, *, asked_by: Identity, account_id: str, verb: str, target: str) -> None:
        """See `Witness`."""
        detail = {"verb": verb, "object": target}
        await self._audit.record(
            db, Act("permission.explained", Actor.of(asked_by), AuditObject("user", account_id), detail=detail)
        )
