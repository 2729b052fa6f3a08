"""The service of the slice, as a type in a route's signature."""

from typing import Annotated, cast

from fastapi import Depends, Request

from clary.features.usage.service import BudgetService


async def _budgets(request: Request) -> BudgetService:
    return cast("BudgetService", request.app.state.budgets)


Budgets = Annotated[BudgetService, Depends(_budgets)]
