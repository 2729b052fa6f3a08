"""Looking at budgets and changing them (platform.md 14.2, 14.3)."""

from collections.abc import Mapping, Sequence
from typing import Any

from clary.db.session import Session, after_commit
from clary.features.accounts.service import AccountService
from clary.features.audit.service import Act, Actor, AuditLog, AuditObject
from clary.features.permissions.service import Identity
from clary.features.usage.errors import BudgetNotFoundError
from clary.features.usage.policy import ALL, SCOPES, UNITS, Calendar, Room, Unit, ceilings_of, known_scope
from clary.features.usage.ports import CurrencyRates, Holder, Json, Scope
from clary.features.usage.repository import BudgetRepository
from clary.features.usage.service.rooms import RoomReader
from clary.features.usage.service.targets import BudgetPlaces
from clary.http.paging import Page
from clary.kit.clock import Clock, wire_time
from clary.kit.text import Text

Target = tuple[Scope, str]
LABELS: dict[Scope, Text] = {"server": Text("服务器", "Server"), "default_user": Text("每个用户", "Each user")}


class BudgetService:
    """Use cases of `/api/budgets`."""

    def __init__(
        self,
        *,
        places: BudgetPlaces,
        accounts: AccountService,
        rates: CurrencyRates,
        audit: AuditLog,
        calendar: Calendar,
        clock: Clock,
    ) -> None:
        self._places = places
        self._accounts = accounts
        self._rates = rates
        self._audit = audit
        self._calendar = calendar
        self._clock = clock

    async def list_own(self, db: Session, *, identity: Identity) -> list[Json]:
        """The state of every ceiling that binds the caller; of what is shared only the caller's own part."""
        reader = self._reader(db)
        user: Target = ("user", identity.user_id)
        targets: list[Target] = [("server", ALL), ("default_user", ALL), user]
        budgets = await self._places.find_own(db, targets)
        if user in budgets:
            budgets.pop(("default_user", ALL), None)
        found: list[tuple[Scope, str, Json]] = [
            (scope, target, budgets[scope, target]) for scope, target in targets if (scope, target) in budgets
        ]
        for scope, objects in self._places.objects.items():
            holders = await self._holders(db, scope, sorted(await objects.list_binding(db, identity=identity)))
            kept = ((each, holders[each].budget) for each in sorted(holders))
            found.extend((scope, each, budget) for each, budget in kept if budget is not None)
        labels = await self._labels(db, [(scope, target) for scope, target, _ in found])
        return [
            state_of(
                await reader.room(ceiling, only=identity.user_id),
                labels.get((scope, target), ""),
                is_shared=scope in ("server", "group", "agent"),
            )
            for scope, target, budget in found
            for ceiling in ceilings_of(scope, target, budget)
        ]

    async def list_page(self, db: Session, *, scope: Scope | None, page: Page) -> Json:
        """Every budget there is, by scope and id, with what is gone of it."""
        present = await self._places.list_present(db)
        named: set[Target] = {*present.own, *((each, id_) for each, ids in present.objects.items() for id_ in ids)}
        ordered = sorted(
            (each for each in named if scope in (None, each[0])), key=lambda each: (SCOPES.index(each[0]), each[1])
        )
        shown = ordered[page.offset : page.offset + page.size]
        budgets = await self._find(db, shown)
        labels, reader = await self._labels(db, shown), self._reader(db)
        items = [
            {
                "scope": target[0],
                "id": target[1],
                "label": labels.get(target, ""),
                "budget": self._whole(budgets.get(target)),
                "states": [
                    state_of(await reader.room(ceiling), labels.get(target, ""))
                    for ceiling in ceilings_of(target[0], target[1], budgets.get(target) or {})
                ],
            }
            for target in shown
        ]
        return {"items": items, "total": len(ordered)}

    async def save(self, db: Session, *, identity: Identity, scope: str, target_id: str, budget: Json) -> Json:
        """Replaces a budget; who may is the route's to say for what is kept here, the object's for all else.

        Raises:
            BudgetNotFoundError, RoleMissingError, ValidationFailedError
        """
        kept = await self._replace(db, identity, scope, target_id, self._whole(self._rates.converted(budget)))
        return self._whole(kept)

    async def remove(self, db: Session, *, identity: Identity, scope: str, target_id: str) -> None:
        """Takes a budget away; for the server and for every user the one of the environment counts again.

        Raises:
            BudgetNotFoundError, RoleMissingError
        """
        await self._replace(db, identity, scope, target_id, None)

    async def _replace(
        self, db: Session, identity: Identity, scope: str, target_id: str, budget: Json | None
    ) -> Json | None:
        try:
            known = known_scope(scope)
        except ValueError:
            raise BudgetNotFoundError from None
        before = (await self._find(db, [(known, target_id)])).get((known, target_id))
        if known in self._places.objects:
            objects = self._places.objects[known]
            kept = await objects.save_budget(db, identity=identity, object_id=target_id, budget=budget)
        else:
            await self._require_target(db, known, target_id)
            kept = await self._keep(db, known, target_id, budget)
        detail = {"budget": {"old": before, "new": kept}}
        target = AuditObject("budget", f"{scope}:{target_id}")
        await self._audit.record(db, Act("budget.updated", Actor.of(identity), target, detail=detail))
        after_commit(db, self._places.forget)
        return kept

    async def _keep(self, db: Session, scope: Scope, target_id: str, budget: Json | None) -> Json | None:
        budgets = BudgetRepository(db)
        if budget is None:
            await budgets.remove_budget(scope, target_id)
        else:
            await budgets.save_budget(scope, target_id, budget, now=self._clock.now())
        return budget

    async def _require_target(self, db: Session, scope: Scope, target_id: str) -> None:
        if scope == "user":
            exists = bool(await self._accounts.list_people(db, user_ids=[target_id]))
        else:
            exists = target_id == ALL
        if not exists:
            raise BudgetNotFoundError

    async def _find(self, db: Session, targets: Sequence[Target]) -> dict[Target, Json | None]:
        """Budgets by (scope, id), wherever they are kept."""
        own = [each for each in targets if each[0] not in self._places.objects]
        found: dict[Target, Json | None] = {}
        if own:
            found.update(await self._places.find_own(db, own))
        for scope in self._places.objects:
            ids = [each for kind, each in targets if kind == scope]
            holders = await self._holders(db, scope, ids)
            found.update({(scope, each): holder.budget for each, holder in holders.items()})
        return found

    async def _labels(self, db: Session, targets: Sequence[Target]) -> dict[Target, str]:
        labels: dict[Target, str] = {(scope, ALL): text.render() for scope, text in LABELS.items()}
        ids = [target for scope, target in targets if scope == "user"]
        people = await self._accounts.list_people(db, user_ids=ids) if ids else {}
        labels.update({("user", each): person.username for each, person in people.items()})
        for scope in self._places.objects:
            ids = [target for kind, target in targets if kind == scope]
            holders = await self._holders(db, scope, ids)
            labels.update({(scope, each): holder.label for each, holder in holders.items()})
        return labels

    async def _holders(self, db: Session, scope: Scope, ids: Sequence[str]) -> Mapping[str, Holder]:
        return await self._places.objects[scope].find_holders(db, ids=ids) if ids else {}

    def _whole(self, budget: Mapping[str, Any] | None) -> Json:
        """A budget with every member, in the order of the contract."""
        names = [f"{unit}_per_{period}" for period in ("run", "session", "day", "month") for unit in ("tokens", "cost")]
        known = budget or {}
        return {name: known.get(name) for name in names} | {"currency": known.get("currency") or self._rates.currency}

    def _reader(self, db: Session) -> RoomReader:
        return RoomReader(db, self._places, self._calendar, self._clock.now())


def state_of(room: Room, label: str, *, is_shared: bool = False) -> Json:
    """BudgetState of 14.3. Shared: the figures are the caller's own, and what is left to all is not told."""
    ceiling = room.ceiling
    remaining = None if is_shared and ceiling.period in ("day", "month") else shown(room.left, ceiling.unit)
    return {
        "scope": ceiling.scope,
        "id": ceiling.target_id,
        "label": label,
        "limit": shown(ceiling.limit, ceiling.unit),
        "unit": ceiling.unit,
        "period": ceiling.period,
        "spent": shown(room.spent, ceiling.unit),
        "reserved": shown(room.reserved, ceiling.unit),
        "remaining": remaining,
        "resets_at": wire_time(room.resets_at),
    }


def shown(amount: int, unit: Unit) -> int | float:
    """Tokens as they are, money as a number of the server's currency."""
    return amount if unit == "tokens" else float(amount / UNITS)
