"""The services of the slice, as types in a route's signature."""

from typing import Annotated, cast

from fastapi import Depends, Request

from clary.features.usage.service import BudgetService, UsageReports


async def _budgets(request: Request) -> BudgetService:
    return cast("BudgetService", request.app.state.budgets)


Budgets = Annotated[BudgetService, Depends(_budgets)]


async def _reports(request: Request) -> UsageReports:
    return cast("UsageReports", request.app.state.usage_reports)


Reports = Annotated[UsageReports, Depends(_reports)]
