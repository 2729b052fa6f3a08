"""Where budgets are kept: here, or with the object they are for. Each has one place (platform.md 14.3)."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from clary.db.database import Database
from clary.db.session import Session
from clary.features.usage.policy import ALL, Ceiling, ceilings_of, known_scope
from clary.features.usage.ports import BudgetedObjects, CurrencyRates, GroupMembers, Json, PlannedCall, Scope
from clary.features.usage.repository import BudgetRepository


@dataclass(frozen=True, slots=True)
class Present:
    """Which budgets there are, without what they say."""

    own: frozenset[tuple[Scope, str]] = frozenset()
    objects: Mapping[Scope, frozenset[str]] = field(default_factory=dict[Scope, frozenset[str]])
    people_in_groups: frozenset[str] = frozenset()
    """Everybody in a group that has a budget."""

    def may_bind(self, call: PlannedCall) -> bool:
        """Whether any budget could count for a call."""
        if not self.own and not self.objects:
            return False
        return (
            ("server", ALL) in self.own
            or ("user", call.user_id) in self.own
            or ("default_user", ALL) in self.own
            or call.user_id in self.people_in_groups
            or call.key_id in self.objects.get("key", ())
            or call.agent_id in self.objects.get("agent", ())
        )


class BudgetPlaces:
    """Finds budgets. What there are at all is remembered, so that a call without any needs no look into the database.

    A change in this process counts at once, one elsewhere after the next `refresh`. What a budget says is always read
    anew. `defaults`: budgets of `server` and `default_user` that count until somebody saves others.
    """

    def __init__(
        self,
        *,
        database: Database,
        members: GroupMembers,
        objects: Mapping[Scope, BudgetedObjects],
        rates: CurrencyRates,
        defaults: Mapping[str, Json],
    ) -> None:
        self._database = database
        self._members = members
        self.objects: dict[Scope, BudgetedObjects] = dict(objects)
        self.defaults: dict[tuple[Scope, str], Json] = {
            (known_scope(scope), ALL): rates.converted(budget) for scope, budget in defaults.items()
        }
        self._present: Present | None = None
        self._version = 0
        for each in self.objects.values():
            each.watch(self.forget)

    def add_objects(self, scope: Scope, objects: BudgetedObjects) -> None:
        """Makes a scope known whose slice is made later."""
        self.objects[scope] = objects
        objects.watch(self.forget)
        self.forget()

    def forget(self) -> None:
        """Something changed: what there is must be read anew."""
        self._present, self._version = None, self._version + 1

    async def present(self, within: Session | None = None) -> Present:
        """Which budgets there are; without a look into the database while nothing changed.

        `within`: a transaction that is open already. A second one beside it would wait for a connection that others
        hold who wait for this one to end.
        """
        known = self._present
        if known is not None:
            return known
        if within is None:
            return await self.refresh()
        return await self._read_present(within)

    async def refresh(self) -> Present:
        """Reads which budgets there are."""
        async with self._database.read() as db:
            return await self._read_present(db)

    async def _read_present(self, db: Session) -> Present:
        version = self._version
        found = await self.list_present(db)
        if version == self._version:
            self._present = found
        return found

    async def list_present(self, db: Session) -> Present:
        """Which budgets there are, in the caller's transaction."""
        own = {*self.defaults, *_typed(await BudgetRepository(db).list_budgets())}
        objects: dict[Scope, frozenset[str]] = {}
        for scope, each in self.objects.items():
            ids = frozenset(await each.list_budgeted(db))
            if ids:
                objects[scope] = ids
        people: set[str] = set()
        if "group" in objects:
            for members in (await self._members.members_of(db, group_ids=objects["group"])).values():
                people.update(members)
        return Present(frozenset(own), objects, frozenset(people))

    async def find_own(self, db: Session, targets: Collection[tuple[Scope, str]]) -> dict[tuple[Scope, str], Json]:
        """Budgets that are kept here; for those never saved the defaults."""
        saved = _typed(await BudgetRepository(db).find_budgets(targets))
        return {each: self.defaults[each] for each in targets if each in self.defaults} | saved

    async def ceilings_for(self, db: Session, call: PlannedCall, present: Present) -> list[Ceiling]:
        """Every ceiling that counts for a call now."""
        user: tuple[Scope, str] = ("user", call.user_id)
        own = await self.find_own(db, [("server", ALL), ("default_user", ALL), user])
        found: list[tuple[Scope, str, Json | None]] = [("server", ALL, own.get(("server", ALL)))]
        default = own.get(("default_user", ALL))
        found.append(("user", call.user_id, own[user]) if user in own else ("default_user", ALL, default))
        groups = await self._groups_of(db, call, present)
        named: dict[Scope, Collection[str]] = {"group": groups, "key": _one(call.key_id), "agent": _one(call.agent_id)}
        for scope, objects in self.objects.items():
            ids = [each for each in named.get(scope, ()) if each in present.objects.get(scope, ())]
            if ids:
                holders = await objects.find_holders(db, ids=ids)
                found.extend((scope, each, holder.budget) for each, holder in holders.items())
        return [
            ceiling
            for scope, target, budget in found
            if budget is not None
            for ceiling in ceilings_of(scope, target, budget)
            if _counts(ceiling, call)
        ]

    async def _groups_of(self, db: Session, call: PlannedCall, present: Present) -> Collection[str]:
        if call.user_id not in present.people_in_groups:
            return ()
        return await self._members.groups_of(db, user_id=call.user_id)

    async def members_of(self, db: Session, group_id: str) -> tuple[str, ...]:
        """Who belongs to a group now."""
        return tuple((await self._members.members_of(db, group_ids=[group_id])).get(group_id, ()))


def _one(target_id: str | None) -> tuple[str, ...]:
    return () if target_id is None else (target_id,)


def _typed(budgets: Mapping[tuple[str, str], Json]) -> dict[tuple[Scope, str], Json]:
    return {(known_scope(scope), target): budget for (scope, target), budget in budgets.items()}


def _counts(ceiling: Ceiling, call: PlannedCall) -> bool:
    """Ceilings of a run need a run, those of a session a session."""
    if ceiling.period == "run":
        return call.root_run_id is not None
    return ceiling.period != "session" or call.session_id is not None
