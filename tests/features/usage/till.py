"""A house whose calls of models are only planned and booked, without a model."""

from dataclasses import replace
from decimal import Decimal
from typing import Any, NamedTuple

from clary.db.database import Database
from clary.features.usage.errors import BudgetExhaustedError, ModelUnpricedError
from clary.features.usage.service import BudgetGate, BudgetPlaces, Calendar, LedgerEntry, PlannedCall, record
from clary.kit.ids import new_uuid
from support.crowd import Crowd


class Price(NamedTuple):
    """What a token and a call cost."""

    token: Decimal = Decimal("0.001")
    call: Decimal = Decimal(0)


CALL = PlannedCall(
    user_id="",
    provider_id="p1",
    model="m-1",
    price=Price(),
    input_tokens=100,
    max_tokens=900,
    request_source="chat",
    agent_id="agent_1",
    session_id="s-1",
    run_id="run-1",
    root_run_id="run-1",
)


class Till:
    """Calls of people in a house."""

    def __init__(self, crowd: Crowd, gate: BudgetGate | None = None) -> None:
        self.crowd = crowd
        self.house = crowd.house
        self.gate = gate or self.house.services.usage.gate

    async def planned(self, name: str = "alice", **fields: Any) -> PlannedCall:
        """A call of somebody: 100 tokens in, at most 900 out, 0.001 each, unless said otherwise."""
        if name not in self.crowd.ids:
            await self.crowd.add(name)
        return replace(CALL, user_id=self.crowd.ids[name], **fields)

    async def book(self, call: PlannedCall, reservation_id: str | None = None, *, tokens: int = 1000) -> None:
        """Books a call that used so many tokens."""
        price = None if call.price is None else call.price.token
        entry = LedgerEntry(
            at=self.house.clock.now(),
            user_id=call.user_id,
            request_source=call.request_source,
            step_name=call.step_name,
            provider_id=call.provider_id,
            model=call.model,
            input_tokens=tokens - tokens // 2,
            output_tokens=tokens // 2,
            cost=None if price is None else price * tokens,
            agent_id=call.agent_id,
            session_id=call.session_id,
            run_id=call.run_id,
            root_run_id=call.root_run_id,
            key_id=call.key_id,
        )
        async with self.house.services.database.write() as db:
            await record(db, entry, reservation_id)

    async def set(self, target: str, name: str = "admin", **members: Any) -> Any:
        """Saves a budget `scope/id`; returns it."""
        code, slug, data = await self.crowd.call(name, "PUT", f"/api/budgets/{target}", members)
        assert code == 200, slug
        return data

    async def outcome(self, call: PlannedCall) -> int | str:
        """Output tokens that were granted, or what stood in the way."""
        try:
            return (await self.gate.reserve(call)).max_tokens
        except BudgetExhaustedError as problem:
            return problem.scope
        except ModelUnpricedError as problem:
            return problem.slug

    async def at_start(self, call: PlannedCall) -> bool | str:
        """Whether a run may start (True: with a warning), or what stands in the way."""
        try:
            async with self.house.services.database.read() as db:
                return (await self.gate.require_room(db, call)).is_unpriced
        except BudgetExhaustedError as problem:
            return problem.scope
        except ModelUnpricedError as problem:
            return problem.slug


def gate_of(till: Till, database: Database, places: BudgetPlaces | None = None) -> BudgetGate:
    """The gate of another process on the same file."""
    return BudgetGate(
        database=database,
        places=places or till.house.services.usage.places,
        calendar=Calendar("UTC"),
        clock=till.house.clock,
        currency="USD",
        unpriced="allow",
        new_id=new_uuid,
    )
