"""Both slices about models over ASGI and real SQL, with the providers' world played by twins."""

from collections.abc import AsyncGenerator, AsyncIterator, Callable, Collection, Sequence
from contextlib import aclosing, asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import count
from pathlib import Path
from typing import Any

import httpx2
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException

from clary.db.database import Database
from clary.db.session import Session
from clary.errors import ProblemError
from clary.features.agents.routes import router as agent_router
from clary.features.agents.service import (
    AgentLimits,
    AgentReach,
    AgentReferences,
    AgentRemoval,
    AgentResolver,
    AgentService,
    AgentVersions,
    ConfigurationCheck,
    FixedTools,
)
from clary.features.audit.service import AuditLog
from clary.features.groups.service import GroupMemberships
from clary.features.llm_providers.ports import ConnectionProbe, ImageProbe, Meter, StructuredProbe
from clary.features.llm_providers.routes import router as provider_router
from clary.features.llm_providers.service import (
    DefaultProvider,
    KeyVault,
    Money,
    ProviderResolver,
    ProviderService,
    ProviderSnapshot,
    ProviderVerification,
)
from clary.features.permissions.service import ALL_SCOPES, Grants, Identity
from clary.features.usage.service import BudgetGate, BudgetPlaces, Calendar, SingleCalls
from clary.http.csrf import CsrfRule
from clary.http.middleware import Edge, EdgeRules
from clary.http.peers import AddressList
from clary.http.rendering import render_framework_error, render_problem
from clary.http.routing import Gate
from clary.kit.clock import Clock
from clary.kit.crypto import SecretBox
from clary.kit.safe_http import OutboundGuard
from clary.runtime.messages import UserMessage
from clary.runtime.model import FailureKind, ModelDone, ModelFailedError, ModelItem, ModelRequest, TextDelta, Usage
from clary.wiring.budgets import CallMetering
from support.schema import database_url, put_schema

START = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
KNOWN_TOOLS = ("file_read", "file_write", "todo_write")
ENGLISH = {"X-Locale": "en-US"}


class StandingClock:
    """A clock that moves one second whenever somebody looks, or as far as a test says."""

    def __init__(self) -> None:
        self.moment = START
        self.step = timedelta(seconds=1)

    def now(self) -> datetime:
        self.moment += self.step
        return self.moment

    def epoch(self) -> float:
        return self.now().timestamp()

    def monotonic(self) -> float:
        return self.epoch()


class NoBases:
    """Nobody can read any knowledge base."""

    async def find_readable(self, session: Session, *, owner_id: str, ids: Sequence[str]) -> frozenset[str]:
        """See `KnowledgeBases.find_readable`."""
        return frozenset()


@dataclass
class ScriptedProbe:
    """A provider that answers as a test says and remembers whom it was asked for. `usages`: as it reports them."""

    connection: ConnectionProbe = field(default_factory=lambda: ConnectionProbe("Hello.", 12))
    image: ImageProbe = field(default_factory=lambda: ImageProbe(True, "It is red."))
    structured: StructuredProbe = field(default_factory=lambda: StructuredProbe('{"days": 7}', {"days": 7}))
    usages: dict[str, Usage] = field(default_factory=dict[str, Usage])
    asked: list[ProviderSnapshot] = field(default_factory=list[ProviderSnapshot])

    async def verify_connection(self, provider: ProviderSnapshot, meter: Meter) -> ConnectionProbe:
        await self._play(provider, meter, "connection", self.connection.failure, self.connection.response)
        return self.connection

    async def verify_image(self, provider: ProviderSnapshot, meter: Meter) -> ImageProbe:
        await self._play(provider, meter, "image", self.image.failure, self.image.response)
        return self.image

    async def verify_structured(self, provider: ProviderSnapshot, meter: Meter) -> StructuredProbe:
        await self._play(provider, meter, "structured", self.structured.failure, self.structured.response)
        return self.structured

    async def _play(
        self, provider: ProviderSnapshot, meter: Meter, kind: str, failure: FailureKind | None, text: str
    ) -> None:
        self.asked.append(provider)
        request = ModelRequest([UserMessage("Hi")], max_tokens=5)
        with suppress(ModelFailedError):
            async with aclosing(meter(Played(text, self.usages.get(kind), failure)).stream(request)) as items:
                async for _ in items:
                    pass


@dataclass
class Played:
    """A model that says one thing, or fails."""

    text: str
    usage: Usage | None
    failure: FailureKind | None
    model_name: str = "m-1"

    async def stream(self, request: ModelRequest) -> AsyncGenerator[ModelItem]:
        if self.failure is not None:
            raise ModelFailedError(self.failure, usage=self.usage)
        yield TextDelta(self.text)
        yield ModelDone("stop", usage=self.usage)


class NamedCaller:
    """Believes the header `X-Test-User`; `root` is an admin, `<name>/read` holds the scope `read` alone."""

    async def identify(self, request: Request) -> Identity | None:
        name = request.headers.get("x-test-user")
        return None if name is None else identity_of(name)


def identity_of(name: str) -> Identity:
    """The identity of a test user; the id is the name."""
    name, _, scope = name.partition("/")
    return Identity(
        user_id=name,
        username=name,
        role="admin" if name == "root" else "user",
        credential="access_token",
        scopes=frozenset({scope}) if scope else ALL_SCOPES,
    )


class Groups:
    """Who is in which group."""

    def __init__(self) -> None:
        self.members: dict[str, set[str]] = {}

    async def groups_of(self, session: object, *, user_id: str) -> frozenset[str]:
        return frozenset(group for group, members in self.members.items() if user_id in members)


@dataclass
class Answer:
    """One answer: status, headers, body."""

    status: int
    headers: Any
    body: dict[str, Any]

    @property
    def data(self) -> Any:
        assert self.body["code"] == 200, self.body
        return self.body["data"]

    @property
    def refusal(self) -> tuple[int, int, str | None, str]:
        """(HTTP status, code, slug, message)."""
        assert self.body["data"] is None
        return self.status, self.body["code"], self.body["error_detail"], self.body["message"]

    @property
    def slug(self) -> str | None:
        return self.body.get("error_detail")


class Person:
    """Somebody who sends requests."""

    def __init__(self, client: httpx2.AsyncClient, name: str | None) -> None:
        self._client = client
        self.name = name

    async def call(self, method: str, path: str, body: Any = None, headers: dict[str, str] | None = None) -> Answer:
        """Sends one request."""
        sent = {**({"X-Test-User": self.name} if self.name else {}), **(headers or {})}
        options: dict[str, Any] = {} if body is None else {"json": body}
        got = await self._client.request(method, path, headers=sent, **options)
        return Answer(got.status_code, got.headers, got.json())

    async def get(self, path: str, **options: Any) -> Answer:
        return await self.call("GET", path, **options)

    async def post(self, path: str, body: Any = None, **options: Any) -> Answer:
        return await self.call("POST", path, {} if body is None else body, **options)

    async def put(self, path: str, body: Any, **options: Any) -> Answer:
        return await self.call("PUT", path, body, **options)

    async def delete(self, path: str, **options: Any) -> Answer:
        return await self.call("DELETE", path, **options)


@dataclass
class Stage:
    """Everything a test may look at."""

    database: Database
    clock: StandingClock
    probe: ScriptedProbe
    groups: Groups
    providers: ProviderResolver
    agents: AgentResolver
    client: httpx2.AsyncClient

    def person(self, name: str | None) -> Person:
        return Person(self.client, name)

    async def provider(self, name: str, **fields: Any) -> str:
        """Creates a provider of a person and returns its id."""
        return (await self.person(name).post("/api/llm-provider/create", provider_body(**fields))).data["id"]

    async def agent(self, owner: str, **fields: Any) -> str:
        """Creates an agent of a person and returns its id."""
        return (await self.person(owner).post("/api/agent/create", {"name": "A", **fields})).data["id"]

    async def used_by(self, name: str, **wanted: Any) -> str:
        """Id of the provider a run of this person gets."""
        async with self.database.read() as session:
            return (await self.providers.resolve(session, user_id=name, **wanted)).id


def provider_body(**fields: Any) -> dict[str, Any]:
    """A whole LLMProviderCreate."""
    return {"base_url": "https://api.example.com/v1", "api_keys": ["sk-secret-key-0001"], "model": "m-1", **fields}


def numbered(prefix: str) -> Callable[[], str]:
    """Ids in order."""
    numbers = count(1)
    return lambda: f"{prefix}{next(numbers):08x}"


@asynccontextmanager
async def staged(
    folder: Path, *, default: DefaultProvider | None = None, demo_model: bool = True, limits: AgentLimits | None = None
) -> AsyncIterator[Stage]:
    """A stage on a fresh database."""
    address = database_url(folder)
    put_schema(address)
    database = Database(address)
    stage = _assembled(database, default, demo_model, limits or AgentLimits())
    async with stage.client:
        yield stage
    await database.close()


def _assembled(database: Database, default: DefaultProvider | None, demo_model: bool, limits: AgentLimits) -> Stage:
    clock, probe, groups, guard = StandingClock(), ScriptedProbe(), Groups(), OutboundGuard(["10.1.2.3"])
    vault, money = KeyVault(SecretBox(bytes(32))), Money("USD", {"EUR": Decimal("1.1")})
    resolver = ProviderResolver(vault=vault, groups=groups, default=default, demo_model=lambda: demo_model)
    shared: dict[str, Any] = {
        "resolver": resolver,
        "vault": vault,
        "guard": guard,
        "clock": clock,
        "new_id": numbered("00000000-0000-4000-8000-0000"),
    }
    audit = AuditLog(database=database, clock=StandingClock(), new_salt=lambda: "salt")
    grants = Grants(clock=StandingClock())
    memberships = GroupMemberships(audit=audit, clock=StandingClock(), new_id=lambda: "grp_1")
    providers = ProviderService(money=money, references=AgentReferences(), audit=audit, **shared)
    check = ConfigurationCheck(
        providers=resolver,
        tools=FixedTools(KNOWN_TOOLS),
        money=money,
        grants=grants,
        groups=memberships,
        knowledge_bases=NoBases(),
    )
    agents = AgentService(
        check=check,
        removal=AgentRemoval(grants=grants),
        audit=audit,
        limits=limits,
        clock=clock,
        new_agent_id=numbered("agent_"),
    )
    api = _api(
        database=database,
        llm_providers=providers,
        llm_provider_verification=ProviderVerification(
            database=database, providers=providers, probe=probe, metering=metering_of(database, money, clock), **shared
        ),
        agents=agents,
        agent_versions=AgentVersions(agents=agents, audit=audit, limits=limits),
    )
    rules = EdgeRules(AddressList([]), frozenset(), frozenset(), strict_transport=False)
    client = httpx2.AsyncClient(transport=httpx2.ASGITransport(Edge(api, rules)), base_url="http://clary.test")
    agent_resolver = AgentResolver(limits=limits, reach=AgentReach(grants=grants, groups=memberships))
    return Stage(database, clock, probe, groups, resolver, agent_resolver, client)


def metering_of(database: Database, money: Money, clock: Clock) -> CallMetering:
    """The meter of a place without budgets."""
    places = BudgetPlaces(database=database, members=NoMembers(), objects={}, rates=money, defaults={})
    gate = BudgetGate(
        database=database,
        places=places,
        calendar=Calendar("UTC"),
        clock=clock,
        currency=money.currency,
        unpriced="allow",
        new_id=numbered("reservation-"),
    )
    return CallMetering(SingleCalls(database=database, gate=gate, clock=clock, currency=money.currency), money)


class NoMembers:
    """Nobody belongs to a group."""

    async def groups_of(self, session: Session, *, user_id: str) -> frozenset[str]:
        return frozenset()

    async def members_of(self, db: Session, *, group_ids: Collection[str]) -> dict[str, Collection[str]]:
        return {}


def _api(**services: Any) -> FastAPI:
    api = FastAPI(redirect_slashes=False)
    api.state.gate = Gate(NamedCaller(), CsrfRule("http://clary.test", frozenset()))
    for name, service in services.items():
        setattr(api.state, name, service)
    for router in (provider_router, agent_router):
        api.include_router(router)
    api.add_exception_handler(ProblemError, render_problem)
    api.add_exception_handler(RequestValidationError, render_framework_error)
    api.add_exception_handler(HTTPException, render_framework_error)
    return api
