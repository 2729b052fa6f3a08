"""The door of the slice: booking calls, leave to make them, budgets, reports."""

from clary.features.usage.policy import Calendar
from clary.features.usage.ports import PlannedCall, Reservation
from clary.features.usage.service.budgeted_model import BudgetedModel, Cost, EndedCall, entry_of
from clary.features.usage.service.budgets import BudgetService
from clary.features.usage.service.gate import BudgetGate, StartCheck
from clary.features.usage.service.holders import GroupBudgets, KeyBudgets
from clary.features.usage.service.keeping import LedgerKeeping
from clary.features.usage.service.ledger import LedgerEntry, add_entry, record, settle
from clary.features.usage.service.reports import DayOfUse, UsageReports
from clary.features.usage.service.single_calls import SelfBookingModel, SingleCalls
from clary.features.usage.service.targets import BudgetPlaces
from clary.features.usage.tables import UsageRow

__all__ = [
    "BudgetGate",
    "BudgetPlaces",
    "BudgetService",
    "BudgetedModel",
    "Calendar",
    "Cost",
    "DayOfUse",
    "EndedCall",
    "GroupBudgets",
    "KeyBudgets",
    "LedgerEntry",
    "LedgerKeeping",
    "PlannedCall",
    "Reservation",
    "SelfBookingModel",
    "SingleCalls",
    "StartCheck",
    "UsageReports",
    "UsageRow",
    "add_entry",
    "entry_of",
    "record",
    "settle",
]
