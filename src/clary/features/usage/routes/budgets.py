"""`/api/budgets` (platform.md 14.2)."""

from typing import Any

from clary.features.permissions.guards import CurrentUser
from clary.features.usage.guards import Budgets
from clary.features.usage.ports import Scope
from clary.http.access import needs
from clary.http.budget import BudgetBody
from clary.http.envelope import Envelope, answer
from clary.http.paging import PageOf20
from clary.http.routing import slice_router
from clary.http.unit_of_work import ReadUnit, UnitOfWork
from clary.kit.text import Text

router = slice_router("/api/budgets", "budgets")
Json = dict[str, Any]
SAVED = Text("预算已更新", "Budget saved")
KEY_OWNER = needs("write", interactive=True)


@router.get("/me", summary="Budgets that bind the caller", openapi_extra=needs("read"))
async def list_own(user: CurrentUser, budgets: Budgets, db: ReadUnit) -> Envelope[list[Json]]:
    """One state for each ceiling; of shared ones `spent` and `reserved` are the caller's own, `remaining` is null."""
    return answer(await budgets.list_own(db, identity=user))


@router.get("", summary="List budgets", openapi_extra=needs("admin"))
async def list_budgets(
    user: CurrentUser, budgets: Budgets, db: ReadUnit, page: PageOf20, scope: Scope | None = None
) -> Envelope[Json]:
    """Every budget with the state of its ceilings. Those of runs, sessions and each user show a fresh one."""
    return answer(await budgets.list_page(db, scope=scope, page=page))


@router.put("/agent/{agent_id}", summary="Replace an agent's budget", openapi_extra=needs("write"))
async def save_agent_budget(
    agent_id: str, body: BudgetBody, user: CurrentUser, budgets: Budgets, db: UnitOfWork
) -> Envelope[Json]:
    """For its owner and admins; the same as `budget` of the agent, which has no members of session and month."""
    data = await budgets.save(db, identity=user, scope="agent", target_id=agent_id, budget=body.model_dump())
    return answer(data, SAVED)


@router.delete("/agent/{agent_id}", summary="Take an agent's budget away", openapi_extra=needs("write"))
async def remove_agent_budget(agent_id: str, user: CurrentUser, budgets: Budgets, db: UnitOfWork) -> Envelope[Json]:
    """For its owner and admins."""
    await budgets.remove(db, identity=user, scope="agent", target_id=agent_id)
    return answer(Json())


@router.put("/key/{id}", summary="Replace a key's budget", openapi_extra=KEY_OWNER)
async def save_key_budget(
    id: str, body: BudgetBody, user: CurrentUser, budgets: Budgets, db: UnitOfWork
) -> Envelope[Json]:
    """For its owner, in person; the same as `budget` of the key."""
    data = await budgets.save(db, identity=user, scope="key", target_id=id, budget=body.model_dump())
    return answer(data, SAVED)


@router.delete("/key/{id}", summary="Take a key's budget away", openapi_extra=KEY_OWNER)
async def remove_key_budget(id: str, user: CurrentUser, budgets: Budgets, db: UnitOfWork) -> Envelope[Json]:
    """For its owner, in person."""
    await budgets.remove(db, identity=user, scope="key", target_id=id)
    return answer(Json())


@router.put("/{scope}/{id}", summary="Replace a budget", openapi_extra=needs("admin"))
async def save_budget(
    scope: str, id: str, body: BudgetBody, user: CurrentUser, budgets: Budgets, db: UnitOfWork
) -> Envelope[Json]:
    """`server` and `default_user` with the id `all`, `user`, `group`."""
    data = await budgets.save(db, identity=user, scope=scope, target_id=id, budget=body.model_dump())
    return answer(data, SAVED)


@router.delete("/{scope}/{id}", summary="Take a budget away", openapi_extra=needs("admin"))
async def remove_budget(scope: str, id: str, user: CurrentUser, budgets: Budgets, db: UnitOfWork) -> Envelope[Json]:
    """The same."""
    await budgets.remove(db, identity=user, scope=scope, target_id=id)
    return answer(Json())
