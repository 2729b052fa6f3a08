"""What is left below a ceiling (platform.md 14.3)."""

from datetime import datetime

from clary.db.session import Session
from clary.features.usage.policy import ALL, Amount, Calendar, Ceiling, Room, quarter_of
from clary.features.usage.ports import PlannedCall
from clary.features.usage.repository import BudgetRepository, Pot
from clary.features.usage.service.targets import BudgetPlaces


class RoomReader:
    """Reads what is spent and reserved, in one transaction; each figure once."""

    def __init__(self, db: Session, places: BudgetPlaces, calendar: Calendar, now: datetime) -> None:
        self._db = db
        self._budgets = BudgetRepository(db)
        self._places = places
        self._calendar = calendar
        self._now = now
        self._spent: dict[object, Amount] = {}
        self._reserved: dict[Pot, Amount] = {}

    async def room(self, ceiling: Ceiling, call: PlannedCall | None = None, *, only: str | None = None) -> Room:
        """A ceiling with what is gone of it.

        Runs and sessions are those of `call`; without one they are fresh. `only`: counts this person alone, of
        whatever others share.
        """
        spent = reserved = Amount()
        resets_at = self._calendar.reset(ceiling.period, self._now)
        if ceiling.period in ("run", "session"):
            if call is not None:
                pot = _pot_of_call(ceiling, call)
                spent, reserved = await self._booked(pot), await self._reserved_in(pot)
        elif ceiling.scope == "agent" and only is not None:
            # Sums are kept of people and of agents, not of both at once: what somebody's rows come to.
            pot = Pot(user_ids=(only,), agent_id=ceiling.target_id)
            spent = await self._budgets.sum_booked(pot, since=self._calendar.begin(ceiling.period, self._now))
            reserved = await self._reserved_in(pot)
        elif ceiling.scope != "default_user" or call is not None or only is not None:
            pot = await self._pot(ceiling, only or (call.user_id if call is not None else ""))
            shared_by = (only,) if only is not None and ceiling.scope in ("server", "group") else None
            spent = await self._since(ceiling, pot, shared_by)
            reserved = await self._reserved_in(Pot(user_ids=shared_by) if shared_by else pot)
        unit = ceiling.unit
        return Room(ceiling, spent.of(unit), reserved.of(unit), resets_at)

    async def _pot(self, ceiling: Ceiling, user_id: str) -> Pot:
        match ceiling.scope:
            case "server":
                return Pot()
            case "default_user":
                return Pot(user_ids=(user_id,))
            case "user":
                return Pot(user_ids=(ceiling.target_id,))
            case "group":
                return Pot(user_ids=await self._places.members_of(self._db, ceiling.target_id))
            case "key":
                return Pot(key_id=ceiling.target_id)
            case "agent":
                return Pot(agent_id=ceiling.target_id)

    async def _since(self, ceiling: Ceiling, pot: Pot, shared_by: tuple[str, ...] | None) -> Amount:
        begun = self._calendar.begin(ceiling.period, self._now)
        assert begun is not None, "only days and months have a beginning"
        people = shared_by if shared_by is not None else pot.user_ids
        scope, ids = ("user", people) if people is not None else (ceiling.scope, (ceiling.target_id or ALL,))
        known = self._spent.get((scope, ids, begun))
        if known is None:
            known = self._spent[scope, ids, begun] = await self._budgets.sum_since(scope, ids, quarter_of(begun))
        return known

    async def _booked(self, pot: Pot) -> Amount:
        if pot not in self._spent:
            self._spent[pot] = await self._budgets.sum_booked(pot)
        return self._spent[pot]

    async def _reserved_in(self, pot: Pot) -> Amount:
        if pot not in self._reserved:
            self._reserved[pot] = await self._budgets.sum_reserved(pot)
        return self._reserved[pot]


def _pot_of_call(ceiling: Ceiling, call: PlannedCall) -> Pot:
    """The run or session of a call, of which a key counts what was called with it."""
    key_id = call.key_id if ceiling.scope == "key" else None
    if ceiling.period == "run":
        return Pot(root_run_id=call.root_run_id, key_id=key_id)
    # Ids of sessions are a person's own: somebody else's may be called alike.
    return Pot(user_ids=(call.user_id,), session_id=call.session_id, key_id=key_id)
